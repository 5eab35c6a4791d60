#include "skill_verifier/scan/record.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/json.hpp"
#include "skill_verifier/core/sha2.hpp"

namespace skill_verifier::scan {
namespace {

using core::Json;

constexpr std::array<Outcome, 4> kOutcomes{Outcome::passed, Outcome::failed, Outcome::warned, Outcome::skipped};
constexpr std::size_t kMaxText = 2000;
constexpr core::JsonLimits kLimits{.depth = 4, .bytes = 8u << 20};

/// How much a row says against the skill, so that a check has the outcome of its worst one.
int weight(Outcome outcome) {
  switch (outcome) {
    case Outcome::failed:
      return 3;
    case Outcome::warned:
      return 2;
    case Outcome::skipped:
      return 1;
    case Outcome::passed:
      break;
  }
  return 0;
}

std::vector<std::string>& list_of(Summary& summary, Outcome outcome) {
  switch (outcome) {
    case Outcome::failed:
      return summary.failed;
    case Outcome::warned:
      return summary.warned;
    case Outcome::skipped:
      return summary.skipped;
    case Outcome::passed:
      break;
  }
  return summary.passed;
}

Json row_json(const Row& row) {
  Json json{{"check", row.check}, {"outcome", to_string(row.outcome)}, {"severity", to_string(row.severity)}};
  const auto text = [&](const char* name, const std::string& value) {
    // A row must not be lost to bytes that JSON has no place for.
    if (!value.empty()) json[name] = core::shorten(value, kMaxText);
  };
  const auto number = [&](const char* name, int value) {
    if (value > 0) json[name] = value;
  };
  text("file", row.file);
  number("line", row.line);
  number("column", row.column);
  number("endLine", row.end_line);
  number("endColumn", row.end_column);
  // Only where the line has more than ASCII before it.
  if (row.utf16_column != row.column) number("utf16Column", row.utf16_column);
  if (row.utf16_end_column != row.end_column) number("utf16EndColumn", row.utf16_end_column);
  text("matched", row.matched);
  text("note", row.note);
  if (row.allowed) json["allowed"] = true;
  return json;
}

std::string text_of(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found == json.end() ? std::string() : found->get<std::string>();
}

int number_of(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found == json.end() ? 0 : found->get<int>();
}

Row parse_row(const Json& json) {
  Row row;
  row.check = json.at("check").get<std::string>();
  const auto outcome = json.at("outcome").get<std::string>();
  row.outcome = *std::ranges::find_if(kOutcomes, [&](Outcome known) { return to_string(known) == outcome; });
  row.severity = parse_severity(json.at("severity").get<std::string>()).value_or(Severity::low);
  row.file = text_of(json, "file");
  row.line = number_of(json, "line");
  row.column = number_of(json, "column");
  row.end_line = number_of(json, "endLine");
  row.end_column = number_of(json, "endColumn");
  row.utf16_column = json.contains("utf16Column") ? number_of(json, "utf16Column") : row.column;
  row.utf16_end_column = json.contains("utf16EndColumn") ? number_of(json, "utf16EndColumn") : row.end_column;
  row.matched = text_of(json, "matched");
  row.note = text_of(json, "note");
  row.allowed = json.contains("allowed");
  return row;
}

bool is_row(const Json& json) {
  if (!json.is_object() || !json.contains("check") || !json.contains("outcome") || !json.contains("severity"))
    return false;
  constexpr std::array<const char*, 6> texts{"check", "outcome", "severity", "file", "matched", "note"};
  constexpr std::array<const char*, 6> numbers{"line",      "column",      "endLine",
                                               "endColumn", "utf16Column", "utf16EndColumn"};
  const bool typed =
      std::ranges::all_of(texts, [&](const char* name) { return !json.contains(name) || json[name].is_string(); }) &&
      std::ranges::all_of(numbers,
                          [&](const char* name) { return !json.contains(name) || json[name].is_number_integer(); });
  return typed && std::ranges::any_of(kOutcomes, [&](Outcome known) { return json["outcome"] == to_string(known); }) &&
         parse_severity(json["severity"].get<std::string>()).has_value();
}

}  // namespace

Summary summary_of(const Report& report) {
  Summary summary;
  summary.profile = report.profile;
  summary.digest = report.profile_digest;
  summary.flagged = report.flagged;
  for (auto row = report.rows.begin(); row != report.rows.end();) {
    const auto end = std::find_if(row, report.rows.end(), [&](const Row& other) { return other.check != row->check; });
    const auto worst =
        std::max_element(row, end, [](const Row& a, const Row& b) { return weight(a.outcome) < weight(b.outcome); });
    list_of(summary, worst->outcome).push_back(row->check);
    if (std::any_of(row, end, [](const Row& one) { return one.allowed; })) summary.allowed.push_back(row->check);
    row = end;
  }
  summary.rows_sha256 = core::sha256_hex(rows_json(report));
  return summary;
}

std::string rows_json(const Report& report) {
  Json rows = Json::array();
  for (const Row& row : report.rows) {
    if (row.outcome != Outcome::passed) rows.push_back(row_json(row));
  }
  return core::canonical_json(rows).value_or("[]");
}

Result<Report> parse_rows(std::string_view text) {
  const auto json = core::parse_json(text, kLimits);
  if (!json || !json->is_array() || !std::ranges::all_of(*json, is_row))
    return Error{Errc::invalid_argument, "rows_unreadable", "the rows are no array of rows"};
  Report report;
  for (const Json& one : *json) {
    Row row = parse_row(one);
    report.flagged = report.flagged || (row.outcome == Outcome::failed && row.severity == Severity::critical);
    ++(row.outcome == Outcome::passed   ? report.passed
       : row.outcome == Outcome::failed ? report.failed
       : row.outcome == Outcome::warned ? report.warned
                                        : report.skipped);
    report.rows.push_back(std::move(row));
  }
  return report;
}

}  // namespace skill_verifier::scan
