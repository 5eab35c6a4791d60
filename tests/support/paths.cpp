#include "support/paths.hpp"

namespace skill_verifier::test {

std::filesystem::path source_dir() {
  return SKILL_VERIFIER_SOURCE_DIR;
}
std::filesystem::path binary_dir() {
  return SKILL_VERIFIER_BINARY_DIR;
}
std::filesystem::path shared_fixtures() {
  return source_dir().parent_path() / "shared" / "fixtures";
}

}  // namespace skill_verifier::test
