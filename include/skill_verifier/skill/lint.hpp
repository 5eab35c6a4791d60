#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "skill_verifier/skill/manifest.hpp"

namespace skill_verifier::skill {

/// What `skill-verifier lint` has to say of one path. `failure` is set when there was nothing to read a manifest from
/// (no such path, an archive that intake refuses); then the report is empty.
struct LintResult {
  std::string path;  ///< as given
  ManifestReport report;
  std::optional<Error> failure;

  bool ok() const { return report.manifest.has_value(); }
};

/// Reads a SKILL.md file, a package folder or an archive, told apart by content. A single SKILL.md is read without what
/// lies beside it, so without a sidecar. Folders and archives pass intake with its default limits into a temporary
/// pack, which is removed. Nothing is executed. Blocking. Failures: not_found `path_not_found`, unavailable
/// `path_unreadable`, too_large `manifest_too_large` (1 MiB), and those of import_archive and import_directory.
LintResult lint_path(const std::filesystem::path& path, Profile profile);

/// Several lines for a person, the first one starting with the path, without a final line end.
std::string to_text(const LintResult& result);
/// One line:
/// {"path","ok","name","version","description","test":{"runtime","test_command","test_deps","timeout_ms","env",
/// "network","declared","source"},"recovered","warnings":[{"code","message","file","line","column"}]}. A refusal stands
/// as "code","message","file","line","column" before the warnings; what is then unknown is null, and name, version and
/// description are what the frontmatter says, where that could be read. `test_command` and
/// `test_deps` are text in shell form, a list in exec form, else null. Unknown files, lines and columns are left out.
std::string to_json(const LintResult& result);

}  // namespace skill_verifier::skill
