#include <algorithm>

#include "dcap/text.hpp"
#include "skill_verifier/dcap/verify.hpp"

namespace skill_verifier::dcap {
namespace {

/// TDATTRIBUTES (Intel TDX Module ABI; names as in Linux, arch/x86/include/asm/shared/tdx.h).
constexpr std::uint64_t kDebug = 1;
constexpr std::uint64_t kUntrusted = 0xff;  ///< the TUD group
constexpr std::uint64_t kSeptVeDisable = std::uint64_t{1} << 28;
constexpr std::uint64_t kProtectionKeys = std::uint64_t{1} << 30;
constexpr std::uint64_t kKeyLocker = std::uint64_t{1} << 31;
constexpr std::uint64_t kPerfmon = std::uint64_t{1} << 63;
constexpr std::uint64_t kAllowed = kUntrusted | kSeptVeDisable | kProtectionKeys | kKeyLocker | kPerfmon;

std::uint64_t little_endian(const Field<8>& octets) {
  std::uint64_t value = 0;
  for (std::size_t i = octets.size(); i > 0; --i)
    value = value << 8 | octets[i - 1];
  return value;
}

bool is_zero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace

std::vector<Refusal> check_td_attributes(const TdReport& td, const Policy& policy) {
  std::vector<Refusal> refusals;
  const std::uint64_t attributes = little_endian(td.td_attributes);
  const auto shown = text("tdattributes is ", ByteView(td.td_attributes));
  if ((attributes & kDebug) != 0) refusals.push_back({"TD_DEBUG", shown + ": the td runs in debug mode"});
  if ((attributes & kUntrusted & ~kDebug) != 0) {
    refusals.push_back({"TD_ATTR_TUD", shown + ": a bit is set that makes the td untrusted"});
  }
  if ((attributes & ~kAllowed) != 0)
    refusals.push_back({"TD_ATTR_RESERVED", shown + ": a bit is set that is not allowed"});
  if ((attributes & kSeptVeDisable) == 0) {
    refusals.push_back({"TD_SEPT_VE_DISABLE", shown + ": the host can inject #VE (SEPT_VE_DISABLE is not set)"});
  }
  if (td.mr_service_td && !is_zero(*td.mr_service_td) && td.mr_service_td != policy.service_td) {
    refusals.push_back(
        {"TD_SERVICE_TD", text("mrservicetd is ", ByteView(*td.mr_service_td),
                               policy.service_td ? ", the policy allows another" : ", the policy allows none")});
  }
  return refusals;
}

}  // namespace skill_verifier::dcap
