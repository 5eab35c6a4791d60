#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/scan/scan.hpp"

namespace skill_verifier::scan {

/// What a statement says of a report: every check by its worst row, and a digest over the rows themselves. Ids are in
/// the profile's order. The same bytes and the same profile give the same summary anywhere.
struct Summary {
  std::string profile;
  std::string digest;                ///< of the profile
  std::vector<std::string> passed;   ///< ids of checks
  std::vector<std::string> warned;   ///< a row warned, none failed
  std::vector<std::string> failed;   ///< a row failed
  std::vector<std::string> skipped;  ///< not done
  std::vector<std::string> allowed;  ///< with rows that the author declared to be intended; also in one of the others
  std::string rows_sha256;           ///< of rows_json's bytes
  bool flagged = false;

  bool operator==(const Summary&) const = default;
};
Summary summary_of(const Report& report);

/// The rows that are not simply passed, as an array of objects in RFC 8785 canonical JSON: {"check","outcome",
/// "severity","file","line","column","endLine","endColumn","utf16Column","utf16EndColumn","matched","note","allowed"};
/// members that are empty, zero or false are left out, and the UTF-16 columns where they are the same as those in
/// bytes.
std::string rows_json(const Report& report);
/// Reads that array again, for reports that were kept. Excerpts and passed rows are not in it; the sums are those of
/// the rows that are. Errors: invalid_argument `rows_unreadable`.
Result<Report> parse_rows(std::string_view text);

}  // namespace skill_verifier::scan
