#include <fmt/core.h>

#include <cctype>
#include <map>
#include <nlohmann/json.hpp>

#include "scan/location.hpp"
#include "skill_verifier/core/json.hpp"
#include "skill_verifier/core/sha2.hpp"
#include "skill_verifier/scan/format.hpp"

namespace skill_verifier::scan {
namespace {

using Json = core::OrderedJson;

/// SARIF has three levels; GitHub ranks by the number (CVSS-like) beside them.
std::string_view level_of(Severity severity) {
  return severity >= Severity::high ? "error" : severity == Severity::medium ? "warning" : "note";
}
std::string_view security_severity(Severity severity) {
  constexpr std::array<std::string_view, 4> numbers{"2.0", "5.0", "8.0", "9.5"};
  return numbers[static_cast<std::size_t>(severity)];
}

/// RFC 3986 path; GitHub wants it relative to the root of the checkout.
std::string uri_of(const std::string& path) {
  std::string uri;
  for (const char c : path) {
    const auto value = static_cast<unsigned char>(c);
    if (std::isalnum(value) != 0 || std::string_view("-._~/").find(c) != std::string_view::npos) {
      uri.push_back(c);
    } else {
      uri += fmt::format("%{:02X}", value);
    }
  }
  return uri;
}

Json rule_json(const Check& check) {
  Json rule;
  rule["id"] = check.id;
  rule["shortDescription"]["text"] = check.title;
  rule["fullDescription"]["text"] = check.reason;
  rule["help"]["text"] = check.reason + " " + check.remedy;
  rule["defaultConfiguration"]["level"] = level_of(check.severity);
  rule["properties"] = {{"tags", {"security", check.owasp}},
                        {"precision", "high"},
                        {"security-severity", security_severity(check.severity)}};
  return rule;
}

Json result_json(const Scanned& scanned, const Row& row, const Check* check, std::size_t index) {
  Json result;
  result["ruleId"] = row.check;
  result["ruleIndex"] = index;
  result["level"] = level_of(row.severity);
  std::string message = check != nullptr ? check->title : row.check;
  if (!row.note.empty()) message += " (" + row.note + ")";
  if (!row.matched.empty()) message += ": " + row.matched;
  if (check != nullptr) message += ". " + check->reason + " " + check->remedy;
  result["message"]["text"] = std::move(message);
  Json physical;
  // What is about the package as a whole stands at its manifest: a place has to be a file.
  Row placed = row;
  if (placed.file.empty()) placed.file = "SKILL.md";
  const std::string uri = uri_of(location_of(scanned, placed));
  physical["artifactLocation"]["uri"] = uri;
  // GitHub refuses results without a region: a row about a whole file stands at its first line.
  Json region{{"startLine", std::max(row.line, 1)}};
  if (row.utf16_column > 0) region["startColumn"] = row.utf16_column;
  if (row.end_line >= row.line && row.end_line > 0) region["endLine"] = row.end_line;
  if (row.utf16_end_column > 0 && (row.end_line > row.line || row.utf16_end_column >= row.utf16_column))
    region["endColumn"] = row.utf16_end_column;
  physical["region"] = std::move(region);
  result["locations"] = Json::array({Json{{"physicalLocation", std::move(physical)}}});
  result["partialFingerprints"]["skillVerifier/v1"] =
      core::sha256_hex(fmt::format("{}\n{}\n{}\n{}", row.check, uri, row.matched, row.note));
  if (row.allowed && row.severity != Severity::critical)
    result["suppressions"] =
        Json::array({Json{{"kind", "inSource"}, {"justification", "metadata.skill-verifier-allow"}}});
  return result;
}

}  // namespace

std::string to_sarif(std::span<const Scanned> scanned, const Profile& profile, std::string_view version) {
  return to_sarif(scanned, std::span(&profile, 1), version);
}

std::string to_sarif(std::span<const Scanned> scanned, std::span<const Profile> profiles, std::string_view version) {
  Json driver;
  driver["name"] = "skill-verifier";
  driver["version"] = version;
  driver["rules"] = Json::array();
  std::map<std::string, std::pair<std::size_t, const Check*>> index;
  for (const Profile& profile : profiles) {
    for (const Check& check : profile.checks()) {
      index.emplace(check.id, std::pair(driver["rules"].size(), &check));
      driver["rules"].push_back(rule_json(check));
    }
  }
  Json results = Json::array();
  for (const Scanned& one : scanned) {
    for (const Row& row : one.report.rows) {
      if (row.outcome == Outcome::passed || row.outcome == Outcome::skipped) continue;
      auto rule = index.find(row.check);
      if (rule == index.end()) {
        // A kept report of another profile: its rows say themselves what there is to say.
        rule = index.emplace(row.check, std::pair(driver["rules"].size(), nullptr)).first;
        driver["rules"].push_back(Json{{"id", row.check}});
      }
      results.push_back(result_json(one, row, rule->second.second, rule->second.first));
    }
  }
  Json run;
  run["tool"]["driver"] = std::move(driver);
  run["columnKind"] = "utf16CodeUnits";
  run["properties"] = {{"profile", profiles.front().name()}, {"profileDigest", profiles.front().digest()}};
  for (const Profile& profile : profiles.subspan(1))
    run["properties"]["furtherProfiles"].push_back(
        Json{{"profile", profile.name()}, {"profileDigest", profile.digest()}});
  run["results"] = std::move(results);
  Json sarif;
  sarif["$schema"] = "https://json.schemastore.org/sarif-2.1.0.json";
  sarif["version"] = "2.1.0";
  sarif["runs"] = Json::array({std::move(run)});
  return core::dump_json_pretty(sarif);
}

}  // namespace skill_verifier::scan
