#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/core/sha2.hpp"
#include "skill_verifier/dcap/event_log.hpp"

namespace skill_verifier::dcap {

/// The measured fields of a TD report, filled by the caller from a verified quote.
struct TdMeasurements {
  core::Digest384 mrtd{};
  std::array<core::Digest384, 4> rtmrs{};
  core::Digest384 mr_config_id{};
  core::Digest384 mr_owner{};
  core::Digest384 mr_owner_config{};
};

/// SHA-256(MRTD | RTMR0 | RTMR1 | RTMR2 | K), K = SHA-256 of the key-provider payload, or 32 zero bytes without one.
core::Digest256 mr_system(const TdMeasurements& quoted, const std::optional<Bytes>& key_provider_payload);
/// SHA-256(MRTD | RTMR0..3), and MR_CONFIG_ID | MR_OWNER | MR_OWNER_CONFIG if any of the three is not zero. For the
/// boot-time value that a KMS authorises, set rtmrs[3] to Replay::boot_rtmr3 first.
core::Digest256 mr_aggregated(const TdMeasurements& quoted);

enum class MrConfigForm { unset, compose_hash, identity, document, unknown };
std::string_view to_string(MrConfigForm form);

struct MrConfigCheck {
  MrConfigForm form = MrConfigForm::unset;
  bool checked = false;  ///< false: unset, or form 3 without its document
  core::Digest384 quoted{};
  std::optional<core::Digest384> expected;
  /// Codes: mr_config_mismatch, mr_config_unknown, mr_config_claim_missing, mr_config_document_invalid.
  std::vector<EvidenceFinding> findings;
};

/// Compares MR_CONFIG_ID with the event log's claims (dstack mr_config). First byte 01: compose-hash; 02:
/// Keccak-256(compose-hash | app-id | provider kind | provider id), the id being the event's or, where the app pins
/// none, empty; 03: SHA-256("dstack-mr-config-v3:" 00 document), whose app_id, compose_hash and key_provider are
/// compared too, and instance_id, key_provider_id and gpu_policy_hash where it binds them.
MrConfigCheck check_mr_config_id(const core::Digest384& quoted, const RuntimeClaims& claims,
                                 std::optional<std::string_view> document = {});

/// Registers that a reader has fixed beforehand, per image and VM shape.
struct MeasurementPin {
  std::string name;
  core::Digest384 mrtd{};
  std::array<core::Digest384, 3> rtmrs{};  ///< RTMR0 to 2
};

inline constexpr std::size_t kMaxMeasurementPins = 4096;

/// A JSON array of objects with exactly the members name, mrtd, rtmr0, rtmr1, rtmr2: a non-empty unique name and four
/// times 96 lower- or upper-case hex digits. Errors: too_large, invalid_argument `measurement_pins_invalid`.
Result<std::vector<MeasurementPin>> parse_measurement_pins(std::string_view json);

struct PinMatch {
  std::optional<std::string> name;        ///< of the set that matches in all four
  std::vector<EvidenceFinding> findings;  ///< otherwise `measurements_not_pinned`: the nearest set and what differs
};
PinMatch match_pins(const std::vector<MeasurementPin>& pins, const TdMeasurements& quoted);

}  // namespace skill_verifier::dcap
