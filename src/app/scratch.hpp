#pragma once

#include <string>

namespace skill_verifier::app {

/// A folder below the system's temporary one that is gone when its user is. `path()` is empty where none could be made.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace skill_verifier::app
