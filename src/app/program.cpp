#include "app/program.hpp"

#include <fstream>
#include <vector>

#include "app/version.hpp"
#include "skill_verifier/core/sha2.hpp"

namespace skill_verifier::app {

std::string program_version() {
  return SKILL_VERIFIER_VERSION;
}
std::string program_name() {
  return "skill-verifier " + program_version();
}

std::optional<std::string> source_commit() {
  const std::string commit = SKILL_VERIFIER_COMMIT;
  return commit.empty() ? std::nullopt : std::optional(commit);
}

Result<std::string> program_sha256() {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  core::Sha256 hash;
  std::vector<char> buffer(1u << 16);
  while (file.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || file.gcount() > 0)
    hash.update(core::as_bytes({buffer.data(), static_cast<std::size_t>(file.gcount())}));
  if (!file.eof()) return Error{Errc::internal, "the running program's file cannot be read"};
  return core::to_hex(hash.finish());
}

}  // namespace skill_verifier::app
