#include <cstdlib>

#include "skill_verifier/dcap/evidence_bundle.hpp"

/// The first byte chooses the SCALE form or JSON.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skill_verifier;
  if (size == 0) return 0;
  const ByteView input(data + 1, size - 1);
  const auto bundle =
      data[0] % 2 == 0 ? dcap::parse_attestation(input) : dcap::parse_evidence_bundle(core::as_text(input));
  if (!bundle) return 0;
  if (bundle->event_log.events.size() > dcap::kMaxEventLogEntries) std::abort();
  const auto result = dcap::replay(bundle->event_log);
  std::size_t events = 0;
  for (const auto& target : result.registers)
    events += target.events;
  if (events > bundle->event_log.events.size()) std::abort();
  return 0;
}
