#pragma once

#include <string>

#include "skill_verifier/scan/format.hpp"

namespace skill_verifier::scan {

/// The file that a row is about, seen from where the user stands: `path` is a folder, or the file itself.
inline std::string location_of(const Scanned& scanned, const Row& row) {
  std::string path = scanned.path;
  while (path.size() > 1 && path.ends_with('/'))
    path.pop_back();
  while (path.size() > 2 && path.starts_with("./"))
    path.erase(0, 2);
  if (row.file.empty() || path == row.file || path.ends_with("/" + row.file)) return path;
  return path == "." || path.empty() ? row.file : path + "/" + row.file;
}

}  // namespace skill_verifier::scan
