#include <nlohmann/json.hpp>

#include "skill_verifier/core/json.hpp"
#include "skill_verifier/scan/format.hpp"

namespace skill_verifier::scan {
namespace {

core::OrderedJson row_json(const Row& row, const Profile& profile) {
  core::OrderedJson json;
  json["check"] = row.check;
  json["outcome"] = to_string(row.outcome);
  json["severity"] = to_string(row.severity);
  if (const Check* check = profile.find(row.check)) json["owasp"] = check->owasp;
  if (!row.file.empty()) json["file"] = row.file;
  if (row.line > 0) json["line"] = row.line;
  if (row.column > 0) json["column"] = row.column;
  if (row.end_line > 0) json["endLine"] = row.end_line;
  if (row.end_column > 0) json["endColumn"] = row.end_column;
  if (row.utf16_column != row.column) json["utf16Column"] = row.utf16_column;
  if (row.utf16_end_column != row.end_column) json["utf16EndColumn"] = row.utf16_end_column;
  if (!row.matched.empty()) json["matched"] = row.matched;
  if (!row.note.empty()) json["note"] = row.note;
  if (row.allowed) json["allowed"] = true;
  return json;
}

}  // namespace

std::string to_json(const Scanned& scanned, const Profile& profile) {
  const Report& report = scanned.report;
  core::OrderedJson json;
  json["path"] = scanned.path;
  json["profile"] = {{"name", report.profile}, {"digest", report.profile_digest}};
  json["flagged"] = report.flagged;
  json["passed"] = report.passed;
  json["warned"] = report.warned;
  json["failed"] = report.failed;
  json["skipped"] = report.skipped;
  json["allows"] = report.allows;
  json["rows"] = core::OrderedJson::array();
  for (const Row& row : report.rows)
    json["rows"].push_back(row_json(row, profile));
  return core::dump_json(json);
}

}  // namespace skill_verifier::scan
