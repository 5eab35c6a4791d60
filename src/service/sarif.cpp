#include "service/sarif.hpp"

#include <array>
#include <nlohmann/json.hpp>

#include "skill_verifier/core/json.hpp"
#include "skill_verifier/scan/format.hpp"
#include "skill_verifier/scan/record.hpp"

namespace skill_verifier::service {

Result<std::string> sarif_of(const store::Job& job, const std::optional<scan::Profile>& profile,
                             const std::string& verifier) {
  const auto result = core::OrderedJson::parse(job.result, nullptr, false);
  if (!result.is_object())
    return Error{Errc::internal, "result_unreadable", "stored result of job " + job.id + " is not readable"};
  const auto rows = result.find("checkRows");
  if (rows == result.end() || !profile)
    return Error{Errc::not_found, "checks_not_made", "job " + job.id + " was judged without static checks",
                 "verify the skill again"};
  SKILL_VERIFIER_TRY(auto report, scan::parse_rows(core::dump_json(*rows)));
  const core::OrderedJson::json_pointer checks("/result/checks");
  report.profile = result.value(checks / "profile", "");
  report.profile_digest = result.value(checks / "digest", "");
  const std::array<scan::Scanned, 1> scanned{scan::Scanned{"", std::move(report)}};
  return scan::to_sarif(scanned, *profile, verifier.substr(verifier.find(' ') + 1));
}

}  // namespace skill_verifier::service
