#include <algorithm>
#include <array>

#include "skill_verifier/dcap/verify.hpp"

namespace skill_verifier::dcap {
namespace {

constexpr auto kNames = std::to_array<std::pair<TcbStatus, std::string_view>>({
    {TcbStatus::up_to_date, "UpToDate"},
    {TcbStatus::sw_hardening_needed, "SWHardeningNeeded"},
    {TcbStatus::configuration_needed, "ConfigurationNeeded"},
    {TcbStatus::configuration_and_sw_hardening_needed, "ConfigurationAndSWHardeningNeeded"},
    {TcbStatus::out_of_date, "OutOfDate"},
    {TcbStatus::out_of_date_configuration_needed, "OutOfDateConfigurationNeeded"},
    {TcbStatus::td_relaunch_advised, "TDRelaunchAdvised"},
    {TcbStatus::td_relaunch_advised_configuration_needed, "TDRelaunchAdvisedConfigurationNeeded"},
    {TcbStatus::revoked, "Revoked"},
});

}  // namespace

std::string_view to_string(TcbStatus status) {
  return std::ranges::find(kNames, status, [](const auto& entry) { return entry.first; })->second;
}

Result<TcbStatus> parse_tcb_status(std::string_view name) {
  const auto found = std::ranges::find(kNames, name, [](const auto& entry) { return entry.second; });
  if (found != kNames.end()) return found->first;
  return Error{Errc::invalid_argument, "tcb_status_unknown", "'" + core::shorten(name) + "' is no TCB status",
               "one of UpToDate, SWHardeningNeeded, ConfigurationNeeded, ConfigurationAndSWHardeningNeeded, OutOfDate, "
               "OutOfDateConfigurationNeeded, TDRelaunchAdvised, TDRelaunchAdvisedConfigurationNeeded"};
}

std::set<TcbStatus> all_tcb_statuses() {
  std::set<TcbStatus> all;
  for (const auto& [status, name] : kNames)
    if (status != TcbStatus::revoked) all.insert(status);
  return all;
}

}  // namespace skill_verifier::dcap
