#include "skill_verifier/dcap/os_image.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "dcap/evidence/fixed_bytes.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::dcap {
namespace {

using core::Json;

Error config_error(std::string message) {
  return Error{Errc::invalid_argument, "vm_config_invalid", "vm_config: " + std::move(message)};
}

/// Null where absent, so that a member of the wrong type is told from a missing one.
const Json* member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

Result<Bytes> base64_member(const Json& object, const char* name) {
  const auto* value = member(object, name);
  auto bytes = value && value->is_string() ? core::parse_base64(value->get_ref<const std::string&>())
                                           : Result<Bytes>(Error{Errc::invalid_argument, "absent"});
  if (!bytes) return config_error(fmt::format("tdx_measurement.{} is not base64", name));
  return std::move(*bytes);
}

Result<OsImageVariant> parse_variant(const Json& document) {
  const auto* value = member(document, "tdx_attestation_variant");
  if (!value) return OsImageVariant::legacy;
  if (!value->is_string()) return config_error("tdx_attestation_variant is not a string");
  const auto& name = value->get_ref<const std::string&>();
  if (name == "legacy") return OsImageVariant::legacy;
  if (name == "lite") return OsImageVariant::lite;
  return Error{Errc::unsupported, "vm_config_unsupported",
               fmt::format("vm_config: tdx_attestation_variant is {}, known are legacy and lite", core::shorten(name))};
}

Result<VmConfig> parse_members(const Json& document) {
  VmConfig config;
  SKILL_VERIFIER_TRY(config.variant, parse_variant(document));
  if (const auto* hash = member(document, "os_image_hash")) {
    config.os_image_hash = hash->is_string() ? fixed_hex<32>(hash->get_ref<const std::string&>()) : std::nullopt;
    if (!config.os_image_hash) return config_error("os_image_hash is not 64 hexadecimal digits");
  }
  if (const auto* memory = member(document, "memory_size")) {
    if (!memory->is_number_unsigned()) return config_error("memory_size is not a whole number");
    config.memory_size = memory->get<std::uint64_t>();
  }
  if (const auto* version = member(document, "qemu_version")) {
    if (!version->is_string()) return config_error("qemu_version is not a string");
    config.qemu_version = version->get<std::string>();
  }
  if (const auto* order = member(document, "qemu_single_pass_add_pages")) {
    if (!order->is_boolean()) return config_error("qemu_single_pass_add_pages is not a boolean");
    config.two_pass_add_pages = order->get<bool>();
  }
  if (config.variant == OsImageVariant::lite) {
    const auto* measurement = member(document, "tdx_measurement");
    if (!measurement || !measurement->is_object()) return config_error("the lite variant lacks tdx_measurement");
    SKILL_VERIFIER_TRY(config.checksum_file, base64_member(*measurement, "checksum_file"));
    SKILL_VERIFIER_TRY(config.measurement, base64_member(*measurement, "measurement"));
  }
  return config;
}

Result<Json> parse_object(std::string_view json) {
  auto document = core::parse_json(json, {.depth = 16, .bytes = kMaxVmConfigBytes});
  if (!document) return config_error(document.error().message);
  if (!document->is_object()) return config_error("not a JSON object");
  return std::move(*document);
}

/// QEMU 8 adds a section's pages before it extends over them, later versions page by page; absent means 9.1.
Result<bool> adds_in_two_passes(const VmConfig& config) {
  unsigned major = 9;
  if (config.qemu_version) {
    const auto& text = *config.qemu_version;
    const auto* position = text.data();
    const auto* const end = position + text.size();
    std::array<unsigned, 3> parts{};
    bool valid = true;
    for (std::size_t i = 0; i < parts.size() && valid; ++i) {
      const auto [next, error] = std::from_chars(position, end, parts[i]);
      valid = error == std::errc() && (i == 2 ? next == end : next != end && *next == '.');
      position = valid && i < 2 ? next + 1 : next;
    }
    if (!valid || parts[0] < 8) {
      return config_error(fmt::format("qemu_version is {}, not major.minor.patch from 8.0.0", core::shorten(text)));
    }
    major = parts[0];
  }
  return config.two_pass_add_pages.value_or(major == 8);
}

/// Guid in its mixed-endian form, the name's length in characters, no data, the name in UTF-16LE.
core::Digest384 efi_variable_digest(ByteView guid, std::string_view name) {
  Bytes out(guid.begin(), guid.end());
  append_le(out, std::uint64_t{name.size()});
  append_le(out, std::uint64_t{0});
  for (const char c : name)
    append_le(out, static_cast<std::uint16_t>(c));
  return core::sha384(out);
}

core::Digest384 text_digest(std::string_view text) {
  return core::sha384(core::as_bytes(text));
}

using AcpiDigests = std::array<core::Digest384, 3>;

std::optional<AcpiDigests> named_acpi_digests(const EventLog& log) {
  constexpr std::array<std::string_view, 3> kNames = {"acpi-loader", "acpi-rsdp", "acpi-tables"};
  AcpiDigests digests{};
  std::array<int, 3> counts{};
  for (const auto& event : log.events) {
    const auto found = std::ranges::find(kNames, event.name);
    if (event.imr != 0 || found == kNames.end() || !event.digest) continue;
    const auto index = static_cast<std::size_t>(found - kNames.begin());
    digests[index] = *event.digest;
    ++counts[index];
  }
  if (counts != std::array{1, 1, 1}) return std::nullopt;
  return digests;
}

/// Agents that do not name them mark them by their payload.
std::optional<AcpiDigests> acpi_digests(const EventLog& log) {
  if (auto named = named_acpi_digests(log)) return named;
  constexpr std::uint32_t kPlatformConfigFlags = 10;
  AcpiDigests digests{};
  std::size_t count = 0;
  for (const auto& event : log.events) {
    if (event.imr != 0 || event.type != kPlatformConfigFlags || !event.digest || !event.name.empty()) continue;
    if (core::as_text(event.payload) != "ACPI DATA") continue;
    if (count < digests.size()) digests[count] = *event.digest;
    ++count;
  }
  if (count != digests.size()) return std::nullopt;
  return digests;
}

core::Digest384 replay_digests(std::initializer_list<core::Digest384> digests) {
  core::Digest384 value{};
  for (const auto& digest : digests)
    value = extend_register(value, digest);
  return value;
}

core::Digest384 expected_rtmr0(const core::Digest384& td_hob, const AcpiDigests& acpi) {
  // The empty configuration volume and the boot option of the built-in application, fixed in this firmware variant.
  static const auto kCfv = *fixed_hex<48>(
      "344bc51c980ba621aaa00da3ed7436f7d6e549197dfe699515dfa2c6583d95e6412af21c097d473155875ffd561d6790");
  static const auto kBoot0000 = *fixed_hex<48>(
      "23ada07f5261f12f34a0bd8e46760962d6b4d576a416f1fea1c64bc656b1d28eacf7047ae6e967c58fd2a98bfa74c298");
  // 8BE4DF61-93CA-11D2-AA0D-00E098032B8C and D719B2CB-3D3A-4596-A3BC-DAD00E67656F (UEFI 2.10, 3.3 and 32.4.1).
  constexpr std::array<std::uint8_t, 16> kGlobal = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                                                    0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c};
  constexpr std::array<std::uint8_t, 16> kSecurity = {0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45,
                                                      0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f};
  constexpr std::array<std::uint8_t, 4> kSeparator = {};
  constexpr std::array<std::uint8_t, 2> kBootOrder = {};
  return replay_digests({td_hob, kCfv, efi_variable_digest(kGlobal, "SecureBoot"), efi_variable_digest(kGlobal, "PK"),
                         efi_variable_digest(kGlobal, "KEK"), efi_variable_digest(kSecurity, "db"),
                         efi_variable_digest(kSecurity, "dbx"), core::sha384(kSeparator), acpi[0], acpi[1], acpi[2],
                         core::sha384(kBootOrder), kBoot0000});
}

core::Digest384 expected_rtmr1(const core::Digest384& kernel) {
  constexpr std::array<std::uint8_t, 4> kSeparator = {};
  return replay_digests({kernel, text_digest("Calling EFI Application from Boot Option"), core::sha384(kSeparator),
                         text_digest("Exit Boot Services Invocation"),
                         text_digest("Exit Boot Services Returned with Success")});
}

struct Lite {
  OsImageCheck& check;
  const VmConfig& config;

  void find(std::string code, std::string message) const {
    check.findings.push_back({std::move(code), std::move(message)});
  }

  /// os_image_hash -> checksum file -> measurement document.
  void check_hashes() const {
    const auto hash = core::sha256(config.checksum_file);
    check.os_image_hash = hash;
    if (!config.os_image_hash || *config.os_image_hash != hash) {
      find("os_image_hash_mismatch",
           fmt::format("os_image_hash is {}, the checksum file has {}",
                       config.os_image_hash ? core::to_hex(*config.os_image_hash) : "absent", core::to_hex(hash)));
    }
    const auto listed = listed_checksum();
    if (!listed) {
      find("checksum_entry_missing", "the checksum file does not have one line for measurement.tdx.cbor");
    } else if (*listed != core::sha256(config.measurement)) {
      find("checksum_mismatch", fmt::format("the checksum file has {} for measurement.tdx.cbor, its bytes give {}",
                                            core::to_hex(*listed), core::to_hex(core::sha256(config.measurement))));
    }
  }

  std::optional<core::Digest256> listed_checksum() const {
    constexpr std::string_view kName = "  measurement.tdx.cbor";
    std::optional<core::Digest256> listed;
    const auto text = core::as_text(config.checksum_file);
    for (std::size_t begin = 0; begin < text.size();) {
      const auto end = std::min(text.find('\n', begin), text.size());
      const auto line = text.substr(begin, end - begin);
      if (line.size() == 64 + kName.size() && line.ends_with(kName)) {
        if (listed) return std::nullopt;
        listed = fixed_hex<32>(line.substr(0, 64));
      }
      begin = end + 1;
    }
    return listed;
  }

  void check_registers(const EventLog& log, const TdMeasurements& quoted) const {
    const auto image = parse_image_measurement(config.measurement);
    if (!image) return find("measurement_invalid", image.error().message);
    constexpr std::uint64_t kTwoGib = std::uint64_t{2} << 30;
    constexpr std::uint64_t kStableFrom = 0xB0000000;
    if (!image->kernel_header_normalized && config.memory_size != kTwoGib && config.memory_size < kStableFrom) {
      find("memory_size_unsupported",
           fmt::format("memory_size is {}; this image's kernel digest holds for {} and from {}", config.memory_size,
                       kTwoGib, kStableFrom));
      return;
    }
    const auto two_pass = adds_in_two_passes(config);
    if (!two_pass) return find("measurement_invalid", two_pass.error().message);
    const auto td_hob = td_hob_digest(image->td_hob, config.memory_size);
    if (!td_hob) return find("measurement_invalid", td_hob.error().message);
    compare("mrtd", quoted.mrtd, *two_pass ? image->mrtd_two_pass : image->mrtd_single_pass);
    if (const auto acpi = acpi_digests(log))
      compare("rtmr0", quoted.rtmrs[0], expected_rtmr0(*td_hob, *acpi));
    else
      find("acpi_events_missing", "the event log does not have each of the three ACPI events of RTMR0 once");
    compare("rtmr1", quoted.rtmrs[1], expected_rtmr1(image->kernel_authenticode));
    compare("rtmr2", quoted.rtmrs[2], replay_digests({image->cmdline_sha384, image->initrd_sha384}));
  }

  void compare(std::string name, const core::Digest384& quoted, const core::Digest384& expected) const {
    if (quoted != expected) {
      find("measurement_mismatch",
           fmt::format("{} is {}, the image gives {}", name, core::to_hex(quoted), core::to_hex(expected)));
    }
    check.rows.push_back({std::move(name), quoted, expected});
  }
};

}  // namespace

std::string_view to_string(OsImageVariant variant) {
  return variant == OsImageVariant::lite ? "lite" : "legacy";
}

std::string_view to_string(OsImageStatus status) {
  switch (status) {
    case OsImageStatus::verified:
      return "verified";
    case OsImageStatus::failed:
      return "failed";
    case OsImageStatus::not_checked:
      return "not_checked";
  }
  return "failed";
}

Result<VmConfig> parse_vm_config(std::string_view json) {
  if (json.size() > kMaxVmConfigBytes) {
    return Error{Errc::too_large, "vm_config_too_large",
                 fmt::format("vm_config has {} bytes, the limit is {}", json.size(), kMaxVmConfigBytes)};
  }
  SKILL_VERIFIER_TRY(const auto document, parse_object(json));
  const auto* nested = member(document, "vm_config");
  if (!nested) return parse_members(document);
  if (!nested->is_string()) return config_error("the vm_config in it is not a string");
  SKILL_VERIFIER_TRY(const auto inner, parse_object(nested->get_ref<const std::string&>()));
  return parse_members(inner);
}

OsImageCheck check_os_image(const VmConfig& config, const EventLog& log, const TdMeasurements& quoted) {
  OsImageCheck check;
  check.variant = config.variant;
  if (config.variant == OsImageVariant::legacy) {
    check.os_image_hash = config.os_image_hash;
    check.reason = "a legacy image cannot be measured again offline: pin its registers";
    return check;
  }
  const Lite lite{.check = check, .config = config};
  lite.check_hashes();
  lite.check_registers(log, quoted);
  check.status = check.findings.empty() && check.rows.size() == 4 ? OsImageStatus::verified : OsImageStatus::failed;
  return check;
}

}  // namespace skill_verifier::dcap
