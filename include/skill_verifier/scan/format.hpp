#pragma once

#include <span>
#include <string>

#include "skill_verifier/scan/scan.hpp"

namespace skill_verifier::scan {

/// A report and the path that its user gave.
struct Scanned {
  std::string path;
  Report report;
};

/// For a person: grouped by file, with line, caret, reason and remedy, and a line of sums. Passed and skipped rows are
/// only counted. No trailing line end.
std::string to_text(const Scanned& scanned, const Profile& profile);

/// One line: {"path","profile":{"name","digest"},"flagged","passed","warned","failed","skipped","allows":[…],
/// "rows":[{"check","outcome","severity","owasp","file","line","column","endLine","endColumn","utf16Column",
/// "utf16EndColumn","matched","note","allowed"}]}; members of a row that are empty or zero are left out, and the UTF-16
/// columns where they are the same as those in bytes.
std::string to_json(const Scanned& scanned, const Profile& profile);

/// SARIF 2.1.0, one run for all reports. The rules of the run are the profile's checks; passed and skipped rows are
/// left out. Columns are in UTF-16 code units (`columnKind`). Locations are relative URIs of `path` joined with the
/// row's file; a row that its author allowed has a suppression of kind inSource, unless it is critical.
std::string to_sarif(std::span<const Scanned> scanned, const Profile& profile, std::string_view version);
/// The same where the rows are of several profiles, at least one; the first one names the run.
std::string to_sarif(std::span<const Scanned> scanned, std::span<const Profile> profiles, std::string_view version);

}  // namespace skill_verifier::scan
