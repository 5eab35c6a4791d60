#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/sha2.hpp"
#include "skill_verifier/dcap/evidence_finding.hpp"

namespace skill_verifier::dcap {

inline constexpr std::size_t kMaxEventLogBytes = 1u << 20;
inline constexpr std::size_t kMaxEventLogEntries = 4096;
inline constexpr std::size_t kMaxEventNameBytes = 256;
inline constexpr std::size_t kMaxEventPayloadBytes = 256u << 10;
/// Type of the events that dstack itself and its apps write, always into RTMR3 (dstack cc-eventlog).
inline constexpr std::uint32_t kRuntimeEventType = 0x08000001;

/// One entry, as the log says it. Nothing of it is believed before replay() and compare_registers().
struct LogEvent {
  int imr = 0;  ///< 0 to 3: the RTMR it went into
  std::uint32_t type = 0;
  std::optional<core::Digest384> digest;  ///< always there for RTMR0 to 2; of RTMR3 at most a claim to be compared
  std::string name;                       ///< UTF-8
  Bytes payload;
  int version = 1;                ///< 1 or 2: how the digest of a runtime event is made
  std::optional<Bytes> preimage;  ///< of the digest, where the log carries it (version 2)
};

struct EventLog {
  std::vector<LogEvent> events;
};

/// The JSON array of dstack's `event_log`: members imr, event_type, digest, event, event_payload and optionally
/// version, preimage; further members are ignored, as the agent's versions differ. Errors: too_large
/// `event_log_too_large`, invalid_argument `event_log_invalid` naming the entry.
Result<EventLog> parse_event_log(std::string_view json);

/// The binary log of the ACPI CCEL table (TCG PC Client Platform Firmware Profile, section 10, SHA-384 only): what a
/// guest reads from /sys/firmware/acpi/tables/data/CCEL. There a register is 1 to 4; here, as everywhere, 0 to 3. Ends
/// at the first 0xFFFFFFFF register or at a zero entry. Errors: too_large, invalid_argument `event_log_invalid`.
Result<EventLog> parse_ccel(ByteView log);

/// Digest that a runtime event extends RTMR3 with. Version 1: SHA-384(01 00 00 08 ":" name ":" payload). Version 2:
/// SHA-384 of RFC 8785 JSON {"name","payload" in hex,"type"}. `name` must be UTF-8. Errors: invalid_argument for
/// another version.
Result<core::Digest384> runtime_event_digest(std::string_view name, ByteView payload, int version);

/// SHA-384(register | digest).
core::Digest384 extend_register(const core::Digest384& value, const core::Digest384& digest);

struct KeyProvider {
  std::string name;  ///< none, local-sgx, kms, tpm
  Bytes id;          ///< local-sgx: MRENCLAVE; kms: DER SubjectPublicKeyInfo of the KMS root CA
};

/// What the events before `system-ready` say: of each name the first. To be trusted only if RTMR3 replays and there are
/// no findings.
struct RuntimeClaims {
  std::optional<Bytes> app_id;  ///< 20 bytes
  std::optional<core::Digest256> compose_hash;
  std::vector<core::Digest256> init_script_hashes;
  std::optional<core::Digest256> gpu_policy_hash;
  std::optional<Bytes> instance_id;              ///< 20 bytes, or none where the app wants none
  std::optional<core::Digest256> os_image_hash;  ///< as the KMS told it: need not equal vm_config's
  std::optional<Bytes> key_provider_payload;     ///< the JSON text as measured
  std::optional<KeyProvider> key_provider;
  std::string storage_fs;
  bool system_ready = false;
};

struct AppEvent {
  std::string name;
  Bytes payload;
};

struct RegisterReplay {
  core::Digest384 value{};
  std::size_t events = 0;
  /// The log lacks this register's events: it has none, or of RTMR0 only the three named ACPI ones (agents from 0.5.6).
  bool stripped = false;
};

struct Replay {
  std::array<RegisterReplay, 4> registers;
  core::Digest384 boot_rtmr3{};  ///< RTMR3 after `boot-mr-done`: what a KMS authorises
  RuntimeClaims claims;
  std::vector<AppEvent> app_events;  ///< after `system-ready`: written by whatever runs in the guest, never claims
  /// Codes: event_wrong_register, event_digest_missing, event_digest_mismatch, event_preimage_mismatch,
  /// event_name_ambiguous, event_unknown, event_duplicate, event_out_of_order, event_payload_invalid, event_missing.
  std::vector<EvidenceFinding> findings;
};

/// Replays all four registers. RTMR3's digests are always recomputed from name and payload. The rules are stricter than
/// dstack's own (dstack.md §2.2): runtime events and RTMR3 are the same set; before `system-ready` only known names, in
/// dstack's order, each once (init-script-hash up to five times); no known name again after it; exact payload sizes; no
/// ':' in a version 1 name, which would make its preimage ambiguous.
Replay replay(const EventLog& log);

enum class RegisterVerdict { matches, differs, not_replayable };
std::string_view to_string(RegisterVerdict verdict);

struct RegisterComparison {
  int index = 0;
  RegisterVerdict verdict = RegisterVerdict::differs;
  core::Digest384 quoted{};
  core::Digest384 replayed{};
};
/// RTMR0 to 3 of the quote against the replay. A stripped register that does not match is not_replayable, never a pass.
std::array<RegisterComparison, 4> compare_registers(const Replay& replay, const std::array<core::Digest384, 4>& quoted);

}  // namespace skill_verifier::dcap
