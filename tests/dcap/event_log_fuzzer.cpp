#include <cstdlib>

#include "skill_verifier/dcap/app_compose.hpp"
#include "skill_verifier/dcap/measurements.hpp"

/// The first byte chooses the JSON log or the binary one.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skill_verifier;
  if (size == 0) return 0;
  const ByteView input(data + 1, size - 1);
  const auto log = data[0] % 2 == 0 ? dcap::parse_event_log(core::as_text(input)) : dcap::parse_ccel(input);
  if (!log) return 0;
  const auto result = dcap::replay(*log);
  std::array<core::Digest384, 4> quoted{};
  for (std::size_t i = 0; i < 4; ++i)
    quoted[i] = result.registers[i].value;
  for (const auto& row : dcap::compare_registers(result, quoted))
    if (row.verdict != dcap::RegisterVerdict::matches) std::abort();
  // Without a finding, every claim that a checker relies on is there.
  const auto& claims = result.claims;
  if (result.findings.empty() &&
      !(claims.app_id && claims.compose_hash && claims.instance_id && claims.key_provider && claims.system_ready)) {
    std::abort();
  }
  for (const auto form : {std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{3}}) {
    const auto check = dcap::check_mr_config_id({form}, claims, core::as_text(input));
    if (check.checked != check.expected.has_value()) std::abort();
  }
  return 0;
}
