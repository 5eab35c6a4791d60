#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "skill_verifier/core/json.hpp"
#include "skill_verifier/scan/format.hpp"

namespace skill_verifier::scan {
namespace {

/// Rows are most of the text, and most of their members are plain: these are written without a tree of JSON values.
class RowWriter {
 public:
  explicit RowWriter(std::string& out) : out_(out) {}

  void row(const Row& row, const Profile& profile) {
    out_ += '{';
    first_ = true;
    text("check", row.check);
    text("outcome", to_string(row.outcome));
    text("severity", to_string(row.severity));
    if (const Check* check = profile.find(row.check)) text("owasp", check->owasp);
    if (!row.file.empty()) text("file", row.file);
    if (row.line > 0) number("line", row.line);
    if (row.column > 0) number("column", row.column);
    if (row.end_line > 0) number("endLine", row.end_line);
    if (row.end_column > 0) number("endColumn", row.end_column);
    if (row.utf16_column != row.column) number("utf16Column", row.utf16_column);
    if (row.utf16_end_column != row.end_column) number("utf16EndColumn", row.utf16_end_column);
    if (!row.matched.empty()) text("matched", row.matched);
    if (!row.note.empty()) text("note", row.note);
    if (row.allowed) name("allowed") += "true";
    out_ += '}';
  }

 private:
  static bool is_plain(std::string_view value) {
    return std::ranges::all_of(value, [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
  }
  std::string& name(std::string_view member) {
    if (!std::exchange(first_, false)) out_ += ',';
    return out_.append("\"").append(member).append("\":");
  }
  void text(std::string_view member, std::string_view value) {
    name(member);
    if (is_plain(value)) {
      out_.append("\"").append(value).append("\"");
    } else {
      out_ += core::dump_json(core::OrderedJson(value));
    }
  }
  void number(std::string_view member, int value) { name(member) += std::to_string(value); }

  std::string& out_;
  bool first_ = true;
};

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
  std::string text = core::dump_json(json);
  text.back() = ',';
  text += "\"rows\":[";
  RowWriter writer(text);
  for (const Row& row : report.rows) {
    if (&row != &report.rows.front()) text += ',';
    writer.row(row, profile);
  }
  return text + "]}";
}

}  // namespace skill_verifier::scan
