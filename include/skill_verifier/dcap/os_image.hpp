#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/dcap/measurements.hpp"

namespace skill_verifier::dcap {

enum class OsImageVariant { legacy, lite };
std::string_view to_string(OsImageVariant variant);

/// dstack's `vm_config`: the host's claim about the machine, worth what the registers confirm.
struct VmConfig {
  std::optional<core::Digest256> os_image_hash;
  std::uint64_t memory_size = 0;            ///< bytes; 0: not said
  std::optional<std::string> qemu_version;  ///< major.minor.patch
  std::optional<bool> two_pass_add_pages;   ///< `qemu_single_pass_add_pages`, which means the opposite of its name
  OsImageVariant variant = OsImageVariant::legacy;
  Bytes checksum_file;  ///< lite: the lines of sha256sum.txt
  Bytes measurement;    ///< lite: measurement.tdx.cbor
};

inline constexpr std::size_t kMaxVmConfigBytes = 256u << 10;
inline constexpr std::size_t kMaxMeasurementBytes = 64u << 10;

/// Takes vm_config's JSON, or a sys-config document that carries it as text. Errors: too_large, unsupported
/// `vm_config_unsupported` for another attestation variant, invalid_argument `vm_config_invalid`.
Result<VmConfig> parse_vm_config(std::string_view json);

/// What the image's own measurement document says (`measurement.tdx.cbor`, versions 3 and 4).
struct ImageMeasurement {
  std::uint64_t version = 0;
  core::Digest384 cmdline_sha384{};  ///< of version 4's text as OVMF measures it
  core::Digest384 kernel_authenticode{};
  core::Digest384 initrd_sha384{};
  bool kernel_header_normalized = false;  ///< the kernel's digest does not depend on the memory size
  core::Digest384 mrtd_single_pass{};
  core::Digest384 mrtd_two_pass{};
  Bytes
      td_hob;  ///< LEB128: base page, page of the TD HOB, count, then start and length in pages of each accepted range
};
/// Errors: invalid_argument `measurement_invalid`, unsupported `measurement_unsupported`.
Result<ImageMeasurement> parse_image_measurement(ByteView cbor);

/// SHA-384 of the TD HOB that QEMU builds for this witness and memory size. Errors: invalid_argument.
Result<core::Digest384> td_hob_digest(ByteView witness, std::uint64_t memory_size);

enum class OsImageStatus { verified, failed, not_checked };
std::string_view to_string(OsImageStatus status);

struct MeasurementRow {
  std::string name;  ///< mrtd, rtmr0, rtmr1, rtmr2
  core::Digest384 quoted{};
  core::Digest384 expected{};
  bool matches() const { return quoted == expected; }
};

struct OsImageCheck {
  OsImageVariant variant = OsImageVariant::legacy;
  OsImageStatus status = OsImageStatus::not_checked;
  std::string reason;                            ///< why not_checked
  std::optional<core::Digest256> os_image_hash;  ///< lite: SHA-256 of the checksum file; legacy: vm_config's claim
  bool acpi_tables_verified = false;  ///< the ACPI digests are taken from the log, so their contents are open
  std::vector<MeasurementRow> rows;
  /// Codes: os_image_hash_mismatch, checksum_entry_missing, checksum_mismatch, memory_size_unsupported,
  /// acpi_events_missing, measurement_mismatch, measurement_invalid.
  std::vector<EvidenceFinding> findings;
};

/// The lite recipe (dstack 0.6, dstack.md §2.6), fully offline: os_image_hash -> checksum file -> measurement document
/// -> MRTD and RTMR0 to 2, compared with the quote. A legacy image is not_checked: pin its registers (match_pins)
/// instead. The variant is the evidence's word: a caller that expects one compares `variant`, and the image it expects
/// is `os_image_hash`.
OsImageCheck check_os_image(const VmConfig& config, const EventLog& log, const TdMeasurements& quoted);

}  // namespace skill_verifier::dcap
