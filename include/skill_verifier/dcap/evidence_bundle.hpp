#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "skill_verifier/dcap/event_log.hpp"

namespace skill_verifier::dcap {

inline constexpr std::size_t kMaxEvidenceBytes = 8u << 20;
inline constexpr std::size_t kMaxAttestationBytes = 2u << 20;

/// Quote, event log and vm_config as they arrived together; nothing is verified.
struct EvidenceBundle {
  Bytes quote;
  EventLog event_log;
  bool has_event_log = true;                                ///< false: it came without one, and event_log is empty
  std::string vm_config;                                    ///< JSON text, possibly empty
  std::optional<std::array<std::uint8_t, 64>> report_data;  ///< the wrapper's word: compare with the quote's
};

/// A GetQuote response, a dstack-verifier request, or an Attest response: JSON with quote (hex, `0x` accepted) and
/// event_log (a string with JSON, never an array), or with `attestation` (hex). Where there is a quote,
/// an attestation beside it must hold the same one, and lends its event log and configuration where the quote has none
/// (null, "" or absent). Errors: too_large, invalid_argument `evidence_invalid`, rejected `evidence_ambiguous`, and
/// those of parse_event_log and parse_attestation.
Result<EvidenceBundle> parse_evidence_bundle(std::string_view json);

/// dstack's attestation in its SCALE form ("V0") or its MessagePack form ("V1"), told by the first byte. Its two event
/// lists must agree. Errors: too_large, invalid_argument `attestation_invalid`, rejected `attestation_events_differ`,
/// unsupported `attestation_platform_unsupported` (not TDX) and `attestation_stack_unsupported` (not dstack).
Result<EvidenceBundle> parse_attestation(ByteView attestation);

}  // namespace skill_verifier::dcap
