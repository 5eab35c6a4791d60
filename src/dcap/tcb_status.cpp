#include <array>

#include "dcap/text.hpp"
#include "skill_verifier/dcap/verify.hpp"

namespace skill_verifier::dcap {
namespace {

/// In the order of the enumerators.
constexpr std::array<std::string_view, 9> kNames = {
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
    "TDRelaunchAdvised",
    "TDRelaunchAdvisedConfigurationNeeded",
    "Revoked",
};

}  // namespace

std::string_view to_string(TcbStatus status) {
  return kNames[static_cast<std::size_t>(status)];
}

Result<TcbStatus> parse_tcb_status(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i)
    if (kNames[i] == name) return static_cast<TcbStatus>(i);
  return refusal("tcb_status_unknown", text("'", core::shorten(name), "' is not a TCB status"));
}

std::set<TcbStatus> all_tcb_statuses() {
  std::set<TcbStatus> all;
  for (std::size_t i = 0; i < kNames.size(); ++i)
    all.insert(static_cast<TcbStatus>(i));
  all.erase(TcbStatus::revoked);
  return all;
}

}  // namespace skill_verifier::dcap
