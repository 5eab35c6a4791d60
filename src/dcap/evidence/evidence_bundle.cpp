#include "skill_verifier/dcap/evidence_bundle.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "dcap/evidence/fixed_bytes.hpp"
#include "dcap/evidence/msgpack_attestation.hpp"
#include "dcap/reader.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::dcap {
namespace {

using core::Json;

Error evidence_error(std::string message) {
  return Error{Errc::invalid_argument, "evidence_invalid", std::move(message)};
}
Error attestation_error(std::string_view what) {
  return Error{Errc::invalid_argument, "attestation_invalid", fmt::format("the attestation: {}", what)};
}

Result<std::string> text(const Json& document, const char* name) {
  const auto member = document.find(name);
  if (member == document.end() || member->is_null()) return std::string();
  if (!member->is_string()) return evidence_error(fmt::format("{} is not a string", name));
  return member->get<std::string>();
}

Result<Bytes> hex(const Json& document, const char* name) {
  SKILL_VERIFIER_TRY(const auto digits, text(document, name));
  auto bytes = core::parse_hex(digits);
  if (!bytes) return evidence_error(fmt::format("{} is not hexadecimal: {}", name, bytes.error().message));
  return std::move(*bytes);
}

/// Parity SCALE: compact lengths, little-endian numbers.
class ScaleReader {
 public:
  explicit ScaleReader(ByteView bytes) : reader_(bytes) {}

  /// Four-byte forms and shorter, each only for what needs it.
  std::optional<std::uint32_t> compact() {
    const auto first = reader_.take(1);
    if (!first) return std::nullopt;
    const std::uint32_t low = (*first)[0];
    const auto mode = low & 3;
    if (mode == 0) return low >> 2;
    if (mode == 3) return std::nullopt;
    const auto more = reader_.take(mode == 1 ? 1 : 3);
    if (!more) return std::nullopt;
    std::uint32_t value = low;
    for (std::size_t i = 0; i < more->size(); ++i)
      value |= std::uint32_t{(*more)[i]} << (8 * (i + 1));
    value >>= 2;
    const std::uint32_t least = mode == 1 ? 1u << 6 : 1u << 14;
    return value < least ? std::nullopt : std::optional(value);
  }
  std::optional<ByteView> bytes() {
    const auto size = compact();
    return size ? reader_.take(*size) : std::nullopt;
  }
  std::optional<std::uint32_t> u32() { return reader_.u32(); }
  std::optional<ByteView> take(std::size_t count) { return reader_.take(count); }
  bool at_end() const { return reader_.rest().empty(); }

 private:
  Reader reader_;
};

Result<std::string> utf8(ByteView bytes, std::string_view what, std::size_t limit) {
  if (bytes.size() > limit || !core::is_utf8(core::as_text(bytes))) {
    return attestation_error(fmt::format("{} is not UTF-8 of at most {} bytes", what, limit));
  }
  return std::string(core::as_text(bytes));
}

Result<LogEvent> parse_scale_event(ScaleReader& reader) {
  const auto imr = reader.u32();
  const auto type = imr ? reader.u32() : std::nullopt;
  const auto digest = type ? reader.bytes() : std::nullopt;
  const auto name = digest ? reader.bytes() : std::nullopt;
  const auto payload = name ? reader.bytes() : std::nullopt;
  if (!payload) return attestation_error("ends within its event log");
  if (*imr > 3) return attestation_error(fmt::format("an event has register {}, not 0 to 3", *imr));
  LogEvent event;
  event.imr = static_cast<int>(*imr);
  event.type = *type;
  event.digest = fixed<48>(*digest);
  if (!event.digest && (event.imr != 3 || !digest->empty())) {
    return attestation_error(fmt::format("an event of RTMR{} has a digest of {} bytes", event.imr, digest->size()));
  }
  SKILL_VERIFIER_TRY(event.name, utf8(*name, "an event's name", kMaxEventNameBytes));
  if (payload->size() > kMaxEventPayloadBytes) return attestation_error("an event's payload is too large");
  event.payload.assign(payload->begin(), payload->end());
  return event;
}

Result<EventLog> parse_scale_log(ScaleReader& reader) {
  const auto count = reader.compact();
  if (!count) return attestation_error("ends before its event log");
  if (*count > kMaxEventLogEntries) {
    return attestation_error(fmt::format("{} events, the limit is {}", *count, kMaxEventLogEntries));
  }
  EventLog log;
  for (std::uint32_t i = 0; i < *count; ++i) {
    SKILL_VERIFIER_TRY(auto event, parse_scale_event(reader));
    log.events.push_back(std::move(event));
  }
  return log;
}

/// The second list says RTMR3 again. Only the first is replayed, so a second that differs could only mislead.
Result<void> check_runtime_events(ScaleReader& reader, const EventLog& log) {
  std::vector<const LogEvent*> runtime;
  for (const auto& event : log.events)
    if (event.imr == 3) runtime.push_back(&event);
  const auto count = reader.compact();
  if (!count) return attestation_error("ends before its runtime events");
  const Error differ{
      Errc::rejected, "attestation_events_differ",
      fmt::format("the attestation lists {} runtime events, which are not the {} of RTMR3 in its event log", *count,
                  runtime.size())};
  if (*count != runtime.size()) return differ;
  for (const auto* event : runtime) {
    const auto name = reader.bytes();
    const auto payload = name ? reader.bytes() : std::nullopt;
    if (!payload) return attestation_error("ends within its runtime events");
    if (core::as_text(*name) != event->name || !std::ranges::equal(*payload, event->payload)) return differ;
  }
  return {};
}

Result<void> check_encoding(ByteView attestation) {
  if (attestation.empty()) return attestation_error("empty");
  if (attestation[0] != 0) return attestation_error(fmt::format("begins with {:#04x}, no known form", attestation[0]));
  if (attestation.size() < 2) return attestation_error("ends before its platform");
  if (attestation[1] != 0) {
    return Error{Errc::unsupported, "attestation_platform_unsupported",
                 fmt::format("the attestation is of platform {}, not 0 (Intel TDX)", attestation[1])};
  }
  return {};
}

/// Readers differ in which of the two they take, so they must not say different things.
Result<void> add_attestation(ByteView attestation, EvidenceBundle& bundle) {
  SKILL_VERIFIER_TRY(auto other, parse_attestation(attestation));
  if (other.quote != bundle.quote) {
    return Error{Errc::rejected, "evidence_ambiguous", "the evidence has a quote, and an attestation with another one"};
  }
  if (!bundle.has_event_log) bundle.event_log = std::move(other.event_log);
  bundle.has_event_log = true;
  if (bundle.vm_config.empty()) bundle.vm_config = std::move(other.vm_config);
  return {};
}

}  // namespace

Result<EvidenceBundle> parse_attestation(ByteView attestation) {
  if (attestation.size() > kMaxAttestationBytes) {
    return Error{
        Errc::too_large, "attestation_too_large",
        fmt::format("the attestation has {} bytes, the limit is {}", attestation.size(), kMaxAttestationBytes)};
  }
  if (begins_msgpack(attestation)) return parse_msgpack_attestation(attestation);
  SKILL_VERIFIER_TRY_VOID(check_encoding(attestation));
  ScaleReader reader(attestation.subspan(2));
  EvidenceBundle bundle;
  const auto quote = reader.bytes();
  if (!quote) return attestation_error("ends within its quote");
  bundle.quote.assign(quote->begin(), quote->end());
  SKILL_VERIFIER_TRY(bundle.event_log, parse_scale_log(reader));
  SKILL_VERIFIER_TRY_VOID(check_runtime_events(reader, bundle.event_log));
  const auto report_data = reader.take(64);
  const auto config = report_data ? reader.bytes() : std::nullopt;
  if (!config) return attestation_error("ends within its report data or configuration");
  if (!reader.at_end()) return attestation_error("has bytes after its end");
  bundle.report_data = fixed<64>(*report_data);
  SKILL_VERIFIER_TRY(bundle.vm_config, utf8(*config, "the configuration", kMaxAttestationBytes));
  return bundle;
}

Result<EvidenceBundle> parse_evidence_bundle(std::string_view json) {
  const auto document = core::parse_json(json, {.depth = 8, .bytes = kMaxEvidenceBytes});
  if (!document) {
    if (document.error().code == Errc::too_large) return document.error();
    return evidence_error("the evidence: " + document.error().message);
  }
  if (!document->is_object()) return evidence_error("the evidence is not a JSON object");
  EvidenceBundle bundle;
  SKILL_VERIFIER_TRY(bundle.quote, hex(*document, "quote"));
  SKILL_VERIFIER_TRY(const auto attestation, hex(*document, "attestation"));
  if (bundle.quote.empty()) {
    if (attestation.empty()) return evidence_error("the evidence has neither quote nor attestation");
    return parse_attestation(attestation);
  }
  SKILL_VERIFIER_TRY(const auto log, text(*document, "event_log"));
  bundle.has_event_log = !log.empty();
  if (bundle.has_event_log) {
    SKILL_VERIFIER_TRY(bundle.event_log, parse_event_log(log));
  }
  SKILL_VERIFIER_TRY(bundle.vm_config, text(*document, "vm_config"));
  if (!attestation.empty()) {
    SKILL_VERIFIER_TRY_VOID(add_attestation(attestation, bundle));
  }
  SKILL_VERIFIER_TRY(const auto report_data, hex(*document, "report_data"));
  bundle.report_data = fixed<64>(report_data);
  if (!bundle.report_data && !report_data.empty()) {
    return evidence_error(fmt::format("report_data has {} bytes, not 64", report_data.size()));
  }
  return bundle;
}

}  // namespace skill_verifier::dcap
