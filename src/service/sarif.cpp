#include "service/sarif.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "skill_verifier/core/json.hpp"
#include "skill_verifier/scan/format.hpp"
#include "skill_verifier/scan/record.hpp"

namespace skill_verifier::service {

namespace {

core::OrderedJson subject_of(const core::OrderedJson& row) {
  const auto& command = row["command"];
  if (!row.contains("test") || !command.is_string() || !row["test"].is_string()) return command;
  return command.get<std::string>() + " > " + row["test"].get<std::string>();
}

/// The command, and its single test, is what a row of the sandbox is about, as the text that was found is of the
/// others.
Result<scan::Report> sandbox_report(const core::OrderedJson& result) {
  const auto rows = result.find("sandboxRows");
  if (rows == result.end()) return scan::Report{};
  core::OrderedJson renamed = *rows;
  for (auto& row : renamed)
    if (row.is_object() && row.contains("command")) row["matched"] = subject_of(row);
  return scan::parse_rows(core::dump_json(renamed));
}

}  // namespace

Result<std::string> sarif_of(const store::Job& job, const std::optional<scan::Profile>& profile,
                             const std::optional<scan::Profile>& sandbox_profile, const std::string& verifier) {
  const Error unreadable(Errc::internal, "result_unreadable", "stored result of job " + job.id + " is not readable");
  const auto result = core::OrderedJson::parse(job.result, nullptr, false);
  if (!result.is_object()) return unreadable;
  const auto rows = result.find("checkRows");
  if (rows == result.end() || !profile)
    return Error{Errc::not_found, "checks_not_made", "job " + job.id + " was judged without static checks",
                 "verify the skill again"};
  auto report = scan::parse_rows(core::dump_json(*rows));
  auto seen = sandbox_report(result);
  if (!report || !seen) return unreadable;
  const std::array<scan::Scanned, 2> scanned{scan::Scanned{"", std::move(*report)},
                                             scan::Scanned{"", std::move(*seen)}};
  std::vector<scan::Profile> profiles{*profile};
  if (sandbox_profile && result.contains("sandboxRows")) profiles.push_back(*sandbox_profile);
  return scan::to_sarif(scanned, profiles, verifier.substr(verifier.find(' ') + 1));
}

}  // namespace skill_verifier::service
