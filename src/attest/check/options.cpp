#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "skill_verifier/attest/check.hpp"

namespace skill_verifier::attest {
namespace {

/// Every status but Revoked (and UpToDate, which is always accepted), as Intel spells them.
constexpr std::array<std::string_view, 7> kAcceptable = {"SWHardeningNeeded",
                                                         "ConfigurationNeeded",
                                                         "ConfigurationAndSWHardeningNeeded",
                                                         "OutOfDate",
                                                         "OutOfDateConfigurationNeeded",
                                                         "TDRelaunchAdvised",
                                                         "TDRelaunchAdvisedConfigurationNeeded"};
constexpr std::string_view kUpToDate = "UpToDate";

constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";
constexpr std::size_t kMaxRootBytes = 16u << 10;

Error root_invalid(std::string_view why) {
  return Error{Errc::invalid_argument, "trust_root_invalid", fmt::format("the trust root is {}", why),
               "give one certificate, PEM or DER"};
}

}  // namespace

Result<std::vector<std::string>> parse_accepted(const std::vector<std::string>& names) {
  std::vector<std::string> accepted{std::string(kUpToDate)};
  for (const auto& name : names) {
    if (name == "all") {
      accepted.insert(accepted.end(), kAcceptable.begin(), kAcceptable.end());
    } else if (name == kUpToDate || std::ranges::find(kAcceptable, name) != kAcceptable.end()) {
      accepted.push_back(name);
    } else {
      return Error{Errc::invalid_argument, "status_unknown",
                   fmt::format("'{}' is no TCB status that can be accepted", core::shorten(name, 40)),
                   fmt::format("UpToDate, {}, or all", fmt::join(kAcceptable, ", "))};
    }
  }
  return accepted;
}

Result<Bytes> parse_trust_root(std::string_view text) {
  if (text.size() > kMaxRootBytes) return root_invalid("too long");
  // A DER certificate is a SEQUENCE with a length of two octets.
  if (text.size() > 4 && text.starts_with("\x30\x82")) {
    const auto bytes = core::as_bytes(text);
    return Bytes(bytes.begin(), bytes.end());
  }
  const auto begin = text.find(kBegin);
  const auto end = text.find(kEnd);
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) {
    return root_invalid("not a certificate");
  }
  if (text.find(kBegin, begin + 1) != std::string_view::npos) return root_invalid("more than one certificate");
  std::string base64(text.substr(begin + kBegin.size(), end - begin - kBegin.size()));
  std::erase_if(base64, [](char c) { return c == '\n' || c == '\r' || c == ' ' || c == '\t'; });
  auto der = core::parse_base64(base64);
  if (!der || der->empty()) return root_invalid("not base64 between its lines");
  return *std::move(der);
}

}  // namespace skill_verifier::attest
