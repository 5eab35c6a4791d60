#include "app/scratch.hpp"

#include <cstdlib>
#include <filesystem>

namespace skill_verifier::app {

namespace fs = std::filesystem;

Scratch::Scratch() {
  std::error_code error;
  path_ = (fs::temp_directory_path(error) / "skill-verifier-check-XXXXXX").string();
  if (error || mkdtemp(path_.data()) == nullptr) path_.clear();
}

Scratch::~Scratch() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

}  // namespace skill_verifier::app
