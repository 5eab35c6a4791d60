#include <fmt/core.h>

#include <algorithm>

#include "skill_verifier/dcap/verify.hpp"

namespace skill_verifier::dcap {
namespace {

// Bits of TDATTRIBUTES (Linux, arch/x86/include/asm/shared/tdx.h).
constexpr std::uint64_t kDebug = 1;
constexpr std::uint64_t kUntrusted = 0xff;  ///< any bit of this group makes the TD's memory readable or observable
constexpr std::uint64_t kSeptVeDisable = 1ULL << 28;
constexpr std::uint64_t kAllowed =
    kSeptVeDisable | 1ULL << 30 /* PKS */ | 1ULL << 31 /* KL */ | 1ULL << 63 /* PERFMON */;

std::uint64_t number(const Field<8>& bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;)
    value = value << 8 | bytes[i];
  return value;
}

}  // namespace

std::vector<Refusal> check_td_attributes(const TdReport& td, const Policy& policy) {
  std::vector<Refusal> refusals;
  const auto attributes = number(td.td_attributes);
  const auto refuse = [&](const char* code, std::string_view why) {
    refusals.push_back({code, fmt::format("TDATTRIBUTES {:#018x}: {}", attributes, why)});
  };
  if ((attributes & kDebug) != 0)
    refuse("TD_DEBUG", "the TD can be debugged, so the host reads and changes its memory");
  else if ((attributes & kUntrusted) != 0)
    refuse("TD_ATTR_TUD", "a bit of the untrusted group (0 to 7) is set");
  if ((attributes & ~(kUntrusted | kAllowed)) != 0)
    refuse("TD_ATTR_RESERVED", "a bit is set that is none of SEPT_VE_DISABLE, PKS, KL and PERFMON");
  if ((attributes & kSeptVeDisable) == 0) refuse("TD_SEPT_VE_DISABLE", "SEPT_VE_DISABLE (28) is not set");
  const Field<48> none{};
  const auto bound = td.mr_service_td.value_or(none);
  if (bound != none && bound != policy.service_td.value_or(none))
    refusals.push_back({"TD_SERVICE_TD", fmt::format("a service TD is bound: {}", core::to_hex(bound))});
  return refusals;
}

}  // namespace skill_verifier::dcap
