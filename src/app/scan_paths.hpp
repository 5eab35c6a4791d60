#pragma once

#include <string>

#include "skill_verifier/scan/scan.hpp"

namespace skill_verifier::app {

/// Scans a folder, an archive (told by content), or one file. Folders and archives pass intake with its default limits
/// into a temporary pack, which is removed. Errors: not_found `path_not_found`, unavailable `path_unreadable`, those of
/// intake, and those of scan::scan.
Result<scan::Report> scan_path(const std::string& path, const scan::Profile& profile);

}  // namespace skill_verifier::app
