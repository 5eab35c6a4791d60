#include "dcap/evidence/msgpack_attestation.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "dcap/evidence/fixed_bytes.hpp"
#include "dcap/evidence/msgpack.hpp"

namespace skill_verifier::dcap {
namespace {

using msgpack::Item;
using msgpack::Map;

Error attestation_error(std::string_view what) {
  return Error{Errc::invalid_argument, "attestation_invalid", fmt::format("the attestation: {}", what)};
}

Error member_error(std::string_view where, std::string_view name, std::string_view wanted) {
  return attestation_error(fmt::format("{}.{} is not {}", where, name, wanted));
}

Result<std::string> require_text(const Map& map, std::string_view where, std::string_view name, std::size_t limit) {
  const auto item = map[name];
  const auto text = item ? msgpack::text(*item) : std::nullopt;
  if (!text || text->size() > limit) {
    return member_error(where, name, fmt::format("UTF-8 of at most {} bytes", limit));
  }
  return std::string(*text);
}

Result<Bytes> require_octets(const Map& map, std::string_view where, std::string_view name, std::size_t limit) {
  const auto item = map[name];
  auto octets = item ? msgpack::octets(*item) : std::nullopt;
  if (!octets || octets->size() > limit) {
    return member_error(where, name, fmt::format("a byte string of at most {} bytes", limit));
  }
  return std::move(*octets);
}

/// Absent is version 1.
Result<int> event_version(const Map& map, std::string_view where) {
  const auto item = map["version"];
  if (!item || msgpack::is_nil(*item)) return 1;
  const auto version = msgpack::number(*item);
  if (version != 1u && version != 2u) return member_error(where, "version", "1 or 2");
  return static_cast<int>(*version);
}

/// An enumeration as serde tags it: `kind` says what `data` is.
struct Tagged {
  std::string kind;
  Map data;
};
Result<Tagged> read_tagged(const Map& root, std::string_view name) {
  const auto item = root[name];
  const auto map = item ? Map::read(*item) : std::nullopt;
  if (!map) return member_error("the document", name, "a map of kind and data");
  Tagged tagged;
  SKILL_VERIFIER_TRY(tagged.kind, require_text(*map, name, "kind", 64));
  const auto data = (*map)["data"];
  auto members = data ? Map::read(*data) : std::nullopt;
  if (!members) return member_error(name, "data", "a map");
  tagged.data = std::move(*members);
  return tagged;
}

Result<LogEvent> read_event(Item item) {
  constexpr std::string_view kWhere = "an event";
  const auto map = Map::read(item);
  if (!map) return attestation_error("an event of its log is not a map");
  const auto imr_item = (*map)["imr"];
  const auto imr = imr_item ? msgpack::number(*imr_item) : std::nullopt;
  if (!imr || *imr > 3) return member_error(kWhere, "imr", "0 to 3");
  const auto type_item = (*map)["event_type"];
  const auto type = type_item ? msgpack::number(*type_item) : std::nullopt;
  if (!type || *type > UINT32_MAX) return member_error(kWhere, "event_type", "a number of 32 bits");
  LogEvent event;
  event.imr = static_cast<int>(*imr);
  event.type = static_cast<std::uint32_t>(*type);
  SKILL_VERIFIER_TRY(event.name, require_text(*map, kWhere, "event", kMaxEventNameBytes));
  SKILL_VERIFIER_TRY(event.payload, require_octets(*map, kWhere, "event_payload", kMaxEventPayloadBytes));
  SKILL_VERIFIER_TRY(event.version, event_version(*map, kWhere));
  if ((*map)["digest"]) {
    SKILL_VERIFIER_TRY(const auto digest, require_octets(*map, kWhere, "digest", 48));
    event.digest = fixed<48>(digest);
    if (!event.digest && !digest.empty()) return member_error(kWhere, "digest", "48 bytes, or none");
  }
  if (!event.digest && event.imr != 3) {
    return attestation_error(fmt::format("an event of RTMR{} has no digest", event.imr));
  }
  if (const auto preimage = (*map)["preimage"]; preimage && !msgpack::is_nil(*preimage)) {
    SKILL_VERIFIER_TRY(event.preimage, require_octets(*map, kWhere, "preimage", 3 * kMaxEventPayloadBytes));
  }
  return event;
}

Result<EventLog> read_log(const Map& platform) {
  const auto item = platform["event_log"];
  const auto entries = item ? msgpack::array(*item, kMaxEventLogEntries) : std::nullopt;
  if (!entries) {
    return member_error("platform", "event_log", fmt::format("a list of at most {} events", kMaxEventLogEntries));
  }
  EventLog log;
  for (const auto& entry : *entries) {
    SKILL_VERIFIER_TRY(auto event, read_event(entry));
    log.events.push_back(std::move(event));
  }
  return log;
}

/// The second list says RTMR3 again. Only the first is replayed, so a second that differs could only mislead.
Result<void> check_runtime_events(const Map& stack, const EventLog& log) {
  constexpr std::string_view kWhere = "a runtime event";
  const auto item = stack["runtime_events"];
  const auto entries = item ? msgpack::array(*item, kMaxEventLogEntries) : std::nullopt;
  if (!entries) {
    return member_error("stack", "runtime_events", fmt::format("a list of at most {} events", kMaxEventLogEntries));
  }
  std::vector<const LogEvent*> runtime;
  for (const auto& event : log.events)
    if (event.imr == 3) runtime.push_back(&event);
  const Error differ{
      Errc::rejected, "attestation_events_differ",
      fmt::format("the attestation lists {} runtime events, which are not the {} of RTMR3 in its event log",
                  entries->size(), runtime.size())};
  if (entries->size() != runtime.size()) return differ;
  for (std::size_t i = 0; i < runtime.size(); ++i) {
    const auto map = Map::read((*entries)[i]);
    if (!map) return attestation_error("a runtime event is not a map");
    SKILL_VERIFIER_TRY(const auto name, require_text(*map, kWhere, "event", kMaxEventNameBytes));
    SKILL_VERIFIER_TRY(const auto payload, require_octets(*map, kWhere, "payload", kMaxEventPayloadBytes));
    SKILL_VERIFIER_TRY(const auto version, event_version(*map, kWhere));
    if (name != runtime[i]->name || payload != runtime[i]->payload || version != runtime[i]->version) return differ;
  }
  return {};
}

}  // namespace

bool begins_msgpack(ByteView attestation) {
  return !attestation.empty() &&
         ((attestation[0] >= 0x80 && attestation[0] <= 0x8f) || attestation[0] == 0xde || attestation[0] == 0xdf);
}

Result<EvidenceBundle> parse_msgpack_attestation(ByteView attestation) {
  const auto root = Map::read(attestation);
  if (!root) return attestation_error("not one MessagePack map, each name in it once");
  const auto version_item = (*root)["version"];
  const auto version = version_item ? msgpack::number(*version_item) : std::nullopt;
  if (version != 1u) return member_error("the document", "version", "1");
  SKILL_VERIFIER_TRY(const auto platform, read_tagged(*root, "platform"));
  if (platform.kind != "tdx") {
    return Error{Errc::unsupported, "attestation_platform_unsupported",
                 fmt::format("the attestation is of platform {}, not tdx", core::shorten(platform.kind))};
  }
  SKILL_VERIFIER_TRY(const auto stack, read_tagged(*root, "stack"));
  if (stack.kind != "dstack" && stack.kind != "dstack-pod") {
    return Error{Errc::unsupported, "attestation_stack_unsupported",
                 fmt::format("the attestation is of stack {}, not dstack", core::shorten(stack.kind))};
  }
  EvidenceBundle bundle;
  SKILL_VERIFIER_TRY(bundle.quote, require_octets(platform.data, "platform", "quote", kMaxAttestationBytes));
  SKILL_VERIFIER_TRY(bundle.event_log, read_log(platform.data));
  SKILL_VERIFIER_TRY_VOID(check_runtime_events(stack.data, bundle.event_log));
  SKILL_VERIFIER_TRY(const auto report_data, require_octets(stack.data, "stack", "report_data", 64));
  bundle.report_data = fixed<64>(report_data);
  if (!bundle.report_data) return member_error("stack", "report_data", "64 bytes");
  SKILL_VERIFIER_TRY(bundle.vm_config, require_text(stack.data, "stack", "config", kMaxAttestationBytes));
  return bundle;
}

}  // namespace skill_verifier::dcap
