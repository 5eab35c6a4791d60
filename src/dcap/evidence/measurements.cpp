#include "skill_verifier/dcap/measurements.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "dcap/evidence/fixed_bytes.hpp"
#include "skill_verifier/core/json.hpp"
#include "skill_verifier/dcap/key_chain.hpp"

namespace skill_verifier::dcap {
namespace {

using core::Json;

void find(MrConfigCheck& check, std::string code, std::string message) {
  check.findings.push_back({std::move(code), std::move(message)});
}

core::Digest384 config_id(std::uint8_t form, const core::Digest256& digest) {
  core::Digest384 id{};
  id[0] = form;
  std::ranges::copy(digest, id.begin() + 1);
  return id;
}

void compare(MrConfigCheck& check, const core::Digest384& expected) {
  check.checked = true;
  check.expected = expected;
  if (check.quoted != expected) {
    find(check, "mr_config_mismatch",
         fmt::format("mr_config_id is {}, the event log gives {}", core::to_hex(check.quoted), core::to_hex(expected)));
  }
}

std::optional<std::uint8_t> provider_kind(std::string_view name) {
  if (name == "none") return std::uint8_t{0};
  if (name == "local-sgx" || name == "local") return std::uint8_t{1};
  if (name == "kms") return std::uint8_t{2};
  if (name == "tpm") return std::uint8_t{3};
  return std::nullopt;
}

core::Digest384 identity_id(const RuntimeClaims& claims, std::uint8_t kind, ByteView provider_id) {
  Bytes preimage(claims.compose_hash->begin(), claims.compose_hash->end());
  append(preimage, *claims.app_id);
  preimage.push_back(kind);
  append(preimage, provider_id);
  return config_id(2, keccak256(preimage));
}

void check_identity(MrConfigCheck& check, const RuntimeClaims& claims) {
  const auto kind = claims.key_provider ? provider_kind(claims.key_provider->name) : std::nullopt;
  if (!claims.compose_hash || !claims.app_id || !kind) {
    find(check, "mr_config_claim_missing",
         "mr_config_id binds compose-hash, app-id and key-provider, which the event log lacks");
    return;
  }
  const auto unpinned = identity_id(claims, *kind, {});
  compare(check, check.quoted == unpinned ? unpinned : identity_id(claims, *kind, claims.key_provider->id));
}

std::optional<std::string> text_member(const Json& object, const char* name) {
  const auto member = object.find(name);
  if (member == object.end() || !member->is_string()) return std::nullopt;
  return member->get<std::string>();
}

void compare_member(MrConfigCheck& check, const Json& document, const char* name, ByteView claimed) {
  const auto member = text_member(document, name);
  const auto bytes = member ? core::parse_hex(*member) : Result<Bytes>(Error{Errc::invalid_argument, "absent"});
  if (!bytes || !std::ranges::equal(*bytes, claimed)) {
    find(check, "mr_config_mismatch",
         fmt::format("the mr_config document has {} {}, the event log has {}", name,
                     member ? core::shorten(*member) : "absent", core::to_hex(claimed)));
  }
}

void check_document(MrConfigCheck& check, const RuntimeClaims& claims, std::string_view text) {
  constexpr std::size_t kMaxBytes = 64u << 10;
  const auto document = core::parse_json(text, {.depth = 4, .bytes = kMaxBytes});
  if (!document || !document->is_object()) {
    find(check, "mr_config_document_invalid",
         "the mr_config document: " + (document ? std::string("not an object") : document.error().message));
    return;
  }
  Bytes preimage;
  append(preimage, "dstack-mr-config-v3:");
  preimage.push_back(0);
  append(preimage, text);
  compare(check, config_id(3, core::sha256(preimage)));
  compare_member(check, *document, "app_id", claims.app_id ? ByteView(*claims.app_id) : ByteView());
  compare_member(check, *document, "compose_hash", claims.compose_hash ? ByteView(*claims.compose_hash) : ByteView());
  // These may be left out, or empty where nothing is bound; what is bound has to be what was measured.
  const auto compare_bound = [&](const char* name, ByteView claimed) {
    if (const auto bound = text_member(*document, name); bound && !bound->empty()) {
      compare_member(check, *document, name, claimed);
    }
  };
  compare_bound("instance_id", claims.instance_id ? ByteView(*claims.instance_id) : ByteView());
  compare_bound("key_provider_id", claims.key_provider ? ByteView(claims.key_provider->id) : ByteView());
  compare_bound("gpu_policy_hash", claims.gpu_policy_hash ? ByteView(*claims.gpu_policy_hash) : ByteView());
  const auto provider = text_member(*document, "key_provider");
  const auto kind = provider ? provider_kind(*provider) : std::nullopt;
  const auto claimed = claims.key_provider ? provider_kind(claims.key_provider->name) : std::nullopt;
  if (!kind || kind != claimed) {
    find(check, "mr_config_mismatch",
         fmt::format("the mr_config document has key_provider {}, the event log has {}",
                     provider ? core::shorten(*provider) : "absent",
                     claims.key_provider ? core::shorten(claims.key_provider->name) : "none at all"));
  }
}

Error pins_error(std::string message) {
  return Error{Errc::invalid_argument, "measurement_pins_invalid", std::move(message)};
}

Result<core::Digest384> pin_register(const Json& entry, const char* name, std::size_t index) {
  const auto text = text_member(entry, name);
  const auto digest = text && text->size() == 96 ? fixed_hex<48>(*text) : std::nullopt;
  if (!digest)
    return pins_error(fmt::format("set {} of the measurements: {} is not 96 hexadecimal digits", index, name));
  return *digest;
}

Result<MeasurementPin> parse_pin(const Json& entry, std::size_t index) {
  if (!entry.is_object() || entry.size() != 5) {
    return pins_error(
        fmt::format("set {} of the measurements does not have exactly name, mrtd, rtmr0, rtmr1, rtmr2", index));
  }
  MeasurementPin pin;
  auto name = text_member(entry, "name");
  if (!name || name->empty() || name->size() > 256) {
    return pins_error(fmt::format("set {} of the measurements: name is not a text of 1 to 256 bytes", index));
  }
  pin.name = std::move(*name);
  SKILL_VERIFIER_TRY(pin.mrtd, pin_register(entry, "mrtd", index));
  SKILL_VERIFIER_TRY(pin.rtmrs[0], pin_register(entry, "rtmr0", index));
  SKILL_VERIFIER_TRY(pin.rtmrs[1], pin_register(entry, "rtmr1", index));
  SKILL_VERIFIER_TRY(pin.rtmrs[2], pin_register(entry, "rtmr2", index));
  return pin;
}

std::string differences(const MeasurementPin& pin, const TdMeasurements& quoted, int& count) {
  std::string text;
  const auto row = [&](std::string_view name, const core::Digest384& a, const core::Digest384& b) {
    if (a == b) return;
    ++count;
    text += fmt::format("{}{} is {}, the set has {}", text.empty() ? "" : "; ", name, core::to_hex(a), core::to_hex(b));
  };
  row("mrtd", quoted.mrtd, pin.mrtd);
  for (std::size_t i = 0; i < 3; ++i)
    row(fmt::format("rtmr{}", i), quoted.rtmrs[i], pin.rtmrs[i]);
  return text;
}

}  // namespace

core::Digest256 mr_system(const TdMeasurements& quoted, const std::optional<Bytes>& key_provider_payload) {
  Bytes joined(quoted.mrtd.begin(), quoted.mrtd.end());
  for (std::size_t i = 0; i < 3; ++i)
    append(joined, quoted.rtmrs[i]);
  append(joined, key_provider_payload ? core::sha256(*key_provider_payload) : core::Digest256{});
  return core::sha256(joined);
}

core::Digest256 mr_aggregated(const TdMeasurements& quoted) {
  Bytes joined(quoted.mrtd.begin(), quoted.mrtd.end());
  for (const auto& rtmr : quoted.rtmrs)
    append(joined, rtmr);
  const core::Digest384 zero{};
  if (quoted.mr_config_id != zero || quoted.mr_owner != zero || quoted.mr_owner_config != zero) {
    append(joined, quoted.mr_config_id);
    append(joined, quoted.mr_owner);
    append(joined, quoted.mr_owner_config);
  }
  return core::sha256(joined);
}

std::string_view to_string(MrConfigForm form) {
  switch (form) {
    case MrConfigForm::unset:
      return "unset";
    case MrConfigForm::compose_hash:
      return "compose_hash";
    case MrConfigForm::identity:
      return "identity";
    case MrConfigForm::document:
      return "document";
    case MrConfigForm::unknown:
      return "unknown";
  }
  return "unknown";
}

MrConfigCheck check_mr_config_id(const core::Digest384& quoted, const RuntimeClaims& claims,
                                 std::optional<std::string_view> document) {
  MrConfigCheck check;
  check.quoted = quoted;
  if (quoted == core::Digest384{}) return check;
  switch (quoted[0]) {
    case 1:
      check.form = MrConfigForm::compose_hash;
      if (claims.compose_hash)
        compare(check, config_id(1, *claims.compose_hash));
      else
        find(check, "mr_config_claim_missing", "mr_config_id binds compose-hash, which the event log lacks");
      break;
    case 2:
      check.form = MrConfigForm::identity;
      check_identity(check, claims);
      break;
    case 3:
      check.form = MrConfigForm::document;
      if (document) check_document(check, claims, *document);
      break;
    default:
      check.form = MrConfigForm::unknown;
      find(check, "mr_config_unknown", "mr_config_id has an unknown form: " + core::to_hex(quoted));
  }
  return check;
}

Result<std::vector<MeasurementPin>> parse_measurement_pins(std::string_view json) {
  constexpr std::size_t kMaxBytes = 4u << 20;
  SKILL_VERIFIER_TRY(const auto entries, core::parse_json(json, {.depth = 3, .bytes = kMaxBytes}));
  if (!entries.is_array() || entries.empty()) return pins_error("the measurements are not a non-empty JSON array");
  if (entries.size() > kMaxMeasurementPins) {
    return Error{
        Errc::too_large, "measurement_pins_too_large",
        fmt::format("there are {} sets of measurements, the limit is {}", entries.size(), kMaxMeasurementPins)};
  }
  std::vector<MeasurementPin> pins;
  std::set<std::string> names;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    SKILL_VERIFIER_TRY(auto pin, parse_pin(entries[i], i));
    if (!names.insert(pin.name).second) {
      return pins_error(fmt::format("two sets of measurements are named {}", core::shorten(pin.name)));
    }
    pins.push_back(std::move(pin));
  }
  return pins;
}

PinMatch match_pins(const std::vector<MeasurementPin>& pins, const TdMeasurements& quoted) {
  PinMatch match;
  int fewest = 5;
  std::string nearest = "there are no sets";
  for (const auto& pin : pins) {
    int count = 0;
    const auto text = differences(pin, quoted, count);
    if (count == 0) {
      match.name = pin.name;
      return match;
    }
    if (count < fewest) {
      fewest = count;
      nearest = fmt::format("nearest is {}: {}", core::shorten(pin.name), text);
    }
  }
  match.findings.push_back({"measurements_not_pinned", "the quote's registers are in no pinned set; " + nearest});
  return match;
}

}  // namespace skill_verifier::dcap
