#include "app/check_output.hpp"

#include <fmt/core.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/clock.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::app {
namespace {

using attest::CheckReport;
using attest::Outcome;
using attest::Row;

constexpr std::size_t kShown = 512;
constexpr int kTitleWidth = 22;

std::string_view kind_of(const CheckReport& report) {
  return report.kind ? attest::to_string(*report.kind) : "evidence";
}

struct Style {
  const char* mark;
  const char* colour;
  const char* name;
};

constexpr Style kPassed{"✓", "\033[32m", "passed"};
constexpr Style kFailed{"✗", "\033[31m", "failed"};
constexpr Style kNotChecked{"–", "\033[33m", "not_checked"};

const Style& style_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::passed:
      return kPassed;
    case Outcome::failed:
      return kFailed;
    case Outcome::not_checked:
      break;
  }
  return kNotChecked;
}

std::string values(const Row& row) {
  const auto shown = [](const std::string& text) { return text.empty() ? "nothing" : core::shorten(text, kShown); };
  if (row.expected.empty() && row.actual.empty()) return "";
  if (row.outcome != Outcome::failed) return ": " + shown(row.actual);
  if (row.expected.empty()) return ": " + shown(row.actual);
  return fmt::format(": expected {}, found {}", shown(row.expected), shown(row.actual));
}

std::string line(const Row& row, bool colour) {
  const auto& style = style_of(row.outcome);
  const auto mark = colour ? fmt::format("{}{}\033[0m", style.colour, style.mark) : std::string(style.mark);
  const bool missing = row.demanded && row.outcome == Outcome::not_checked;
  return fmt::format("{} {:<{}} {}{}{}\n", mark, row.title, kTitleWidth, missing ? "not checked: " : "",
                     core::shorten(row.detail, kShown), values(row));
}

std::vector<std::string> titles(const CheckReport& report, Outcome outcome, bool demanded_only) {
  std::vector<std::string> found;
  for (const Row& row : report.rows)
    if (row.outcome == outcome && (row.demanded || !demanded_only)) found.push_back(row.title);
  return found;
}

std::string claim(const CheckReport& report, std::string_view name) {
  const auto found = std::ranges::find(report.says, name, &std::pair<std::string, std::string>::first);
  return found == report.says.end() ? "" : core::shorten(found->second, kShown);
}

std::string instant(const CheckReport& report) {
  return core::to_rfc3339(core::Time(std::chrono::seconds(report.at)));
}

/// A valid proof of a failed test is still the proof of a failed test: the line that is read says both.
std::string verdict_line(const CheckReport& report) {
  std::string text(attest::to_string(report.verdict));
  if (report.simulated) text += ", SIMULATED (the certificates end at a root that is not Intel's)";
  text += ", as of " + instant(report);
  switch (report.verdict) {
    case attest::CheckVerdict::valid:
      if (const auto result = claim(report, "result"); !result.empty()) text += "; the attested result is " + result;
      break;
    case attest::CheckVerdict::invalid:
      text += fmt::format("; failed: {}", fmt::join(titles(report, Outcome::failed, false), ", "));
      break;
    case attest::CheckVerdict::incomplete:
      text += fmt::format("; not checked: {}", fmt::join(titles(report, Outcome::not_checked, true), ", "));
      break;
  }
  if (report.verdict != attest::CheckVerdict::invalid && !report.not_pinned.empty()) {
    text += fmt::format("; not pinned: {}", fmt::join(report.not_pinned, ", "));
  }
  return text;
}

}  // namespace

std::string to_text(const CheckReport& report, bool colour) {
  auto text = fmt::format("{}, as of {}\n", kind_of(report), instant(report));
  for (const auto& [name, value] : report.says)
    text += fmt::format("  {:<10} {}\n", core::shorten(name, kShown), core::shorten(value, kShown));
  text += '\n';
  for (const Row& row : report.rows)
    text += line(row, colour);
  const auto verdict = verdict_line(report);
  const char* const paint = report.verdict == attest::CheckVerdict::valid     ? "\033[1;32m"
                            : report.verdict == attest::CheckVerdict::invalid ? "\033[1;31m"
                                                                              : "\033[1;33m";
  return text + (colour ? fmt::format("\n{}{}\033[0m\n", paint, verdict) : fmt::format("\n{}\n", verdict));
}

std::string to_json(const CheckReport& report) {
  std::string verdict(attest::to_string(report.verdict));
  std::ranges::transform(verdict, verdict.begin(), [](char c) { return static_cast<char>(c - 'A' + 'a'); });
  core::OrderedJson json{
      {"verdict", verdict}, {"simulated", report.simulated}, {"kind", kind_of(report)}, {"at", instant(report)}};
  json["says"] = core::OrderedJson::object();
  for (const auto& [name, value] : report.says)
    json["says"][name] = value;
  json["rows"] = core::OrderedJson::array();
  for (const Row& row : report.rows) {
    core::OrderedJson item{{"id", row.id},
                           {"title", row.title},
                           {"outcome", style_of(row.outcome).name},
                           {"demanded", row.demanded},
                           {"detail", row.detail}};
    if (!row.expected.empty() || !row.actual.empty()) {
      item["expected"] = row.expected;
      item["actual"] = row.actual;
    }
    json["rows"].push_back(std::move(item));
  }
  json["missing"] = report.missing;
  json["notPinned"] = report.not_pinned;
  return core::dump_json_pretty(json);
}

}  // namespace skill_verifier::app
