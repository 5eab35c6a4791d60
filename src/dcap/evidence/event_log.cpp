#include "skill_verifier/dcap/event_log.hpp"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "dcap/evidence/fixed_bytes.hpp"
#include "dcap/reader.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::dcap {
namespace {

using core::Json;

Error log_error(std::string message) {
  return Error{Errc::invalid_argument, "event_log_invalid", std::move(message)};
}
Error entry_error(std::size_t index, std::string_view what) {
  return log_error(fmt::format("entry {} of the event log: {}", index, what));
}

Result<std::uint64_t> number(const Json& entry, const char* name, std::uint64_t limit, std::size_t index) {
  const auto member = entry.find(name);
  if (member == entry.end() || !member->is_number_unsigned() || member->get<std::uint64_t>() > limit) {
    return entry_error(index, fmt::format("{} is not a whole number from 0 to {}", name, limit));
  }
  return member->get<std::uint64_t>();
}

/// Absent and null count as empty: versions of the agent differ in what they leave out.
Result<std::string> text(const Json& entry, const char* name, std::size_t index) {
  const auto member = entry.find(name);
  if (member == entry.end() || member->is_null()) return std::string();
  if (!member->is_string()) return entry_error(index, fmt::format("{} is not a string", name));
  return member->get<std::string>();
}

Result<Bytes> hex(const Json& entry, const char* name, std::size_t limit, std::size_t index) {
  SKILL_VERIFIER_TRY(const auto digits, text(entry, name, index));
  if (digits.size() > 2 * limit) {
    return Error{Errc::too_large, "event_log_too_large",
                 fmt::format("{} of event log entry {} is over {} bytes", name, index, limit)};
  }
  auto bytes = core::parse_hex(digits);
  if (!bytes) return entry_error(index, fmt::format("{} is not hexadecimal", name));
  return std::move(*bytes);
}

Result<LogEvent> parse_entry(const Json& entry, std::size_t index) {
  if (!entry.is_object()) return entry_error(index, "not an object");
  LogEvent event;
  SKILL_VERIFIER_TRY(const auto imr, number(entry, "imr", 3, index));
  SKILL_VERIFIER_TRY(const auto type, number(entry, "event_type", UINT32_MAX, index));
  SKILL_VERIFIER_TRY(const auto digest, hex(entry, "digest", 48, index));
  SKILL_VERIFIER_TRY(event.name, text(entry, "event", index));
  SKILL_VERIFIER_TRY(event.payload, hex(entry, "event_payload", kMaxEventPayloadBytes, index));
  event.imr = static_cast<int>(imr);
  event.type = static_cast<std::uint32_t>(type);
  event.digest = fixed<48>(digest);
  if (!event.digest && !digest.empty()) {
    return entry_error(index, fmt::format("digest has {} bytes, not 48", digest.size()));
  }
  if (!event.digest && imr != 3) return entry_error(index, fmt::format("an event of RTMR{} has no digest", imr));
  if (event.name.size() > kMaxEventNameBytes) {
    return entry_error(index,
                       fmt::format("the name has {} bytes, the limit is {}", event.name.size(), kMaxEventNameBytes));
  }
  if (const auto version = entry.find("version"); version != entry.end() && !version->is_null()) {
    SKILL_VERIFIER_TRY(const auto value, number(entry, "version", 2, index));
    if (value == 0) return entry_error(index, "version is 0, not 1 or 2");
    event.version = static_cast<int>(value);
  }
  if (const auto preimage = entry.find("preimage"); preimage != entry.end() && !preimage->is_null()) {
    SKILL_VERIFIER_TRY(event.preimage, hex(entry, "preimage", 3 * kMaxEventPayloadBytes, index));
  }
  return event;
}

Error ccel_ends(std::size_t index) {
  return log_error(fmt::format("the CCEL ends within entry {}", index));
}

/// The algorithm table of the first entry: the digests that every later one has.
Result<void> check_spec_id(ByteView data) {
  constexpr std::uint16_t kSha384 = 0x0c;
  Reader reader(data);
  const auto signature = reader.take(16);
  if (!signature || core::as_text(*signature) != std::string_view("Spec ID Event03\0", 16)) {
    return log_error("the CCEL does not begin with a Spec ID Event03");
  }
  const auto platform = reader.take(8);
  const auto algorithms = platform ? reader.u32() : std::nullopt;
  if (!algorithms || *algorithms != 1) return log_error("the CCEL has another digest than SHA-384 alone");
  const auto algorithm = reader.u16();
  const auto size = algorithm ? reader.u16() : std::nullopt;
  if (!size || *algorithm != kSha384 || *size != 48) {
    return log_error("the CCEL has another digest than SHA-384 alone");
  }
  return {};
}

Result<LogEvent> parse_ccel_event(Reader& reader, std::uint32_t imr, std::uint32_t type, std::size_t index) {
  const auto count = reader.u32();
  const auto algorithm = count ? reader.u16() : std::nullopt;
  if (!algorithm) return ccel_ends(index);
  if (*count != 1 || *algorithm != 0x0c) return entry_error(index, "not exactly one SHA-384 digest");
  const auto digest = reader.take(48);
  const auto size = digest ? reader.u32() : std::nullopt;
  if (!size) return ccel_ends(index);
  if (*size > kMaxEventPayloadBytes) {
    return Error{Errc::too_large, "event_log_too_large",
                 fmt::format("the payload of CCEL entry {} is over {} bytes", index, kMaxEventPayloadBytes)};
  }
  const auto payload = reader.take(*size);
  if (!payload) return ccel_ends(index);
  if (imr < 1 || imr > 4) return entry_error(index, fmt::format("measurement register {} is not 1 to 4", imr));
  LogEvent event;
  event.imr = static_cast<int>(imr) - 1;
  event.type = type;
  event.digest = fixed<48>(*digest);
  event.payload.assign(payload->begin(), payload->end());
  return event;
}

}  // namespace

Result<EventLog> parse_event_log(std::string_view json) {
  if (json.size() > kMaxEventLogBytes) {
    return Error{Errc::too_large, "event_log_too_large",
                 fmt::format("the event log has {} bytes, the limit is {}", json.size(), kMaxEventLogBytes)};
  }
  const auto entries = core::parse_json(json, {.depth = 4, .bytes = kMaxEventLogBytes});
  if (!entries) return log_error("the event log: " + entries.error().message);
  if (!entries->is_array()) return log_error("the event log is not a JSON array");
  if (entries->size() > kMaxEventLogEntries) {
    return Error{Errc::too_large, "event_log_too_large",
                 fmt::format("the event log has {} entries, the limit is {}", entries->size(), kMaxEventLogEntries)};
  }
  EventLog log;
  log.events.reserve(entries->size());
  for (std::size_t i = 0; i < entries->size(); ++i) {
    SKILL_VERIFIER_TRY(auto event, parse_entry((*entries)[i], i));
    log.events.push_back(std::move(event));
  }
  return log;
}

// TCG PC Client Platform Firmware Profile 1.06, 10.2: a TCG_PCClientPCREvent with a SHA-1 digest, then TCG_PCR_EVENT2s.
Result<EventLog> parse_ccel(ByteView bytes) {
  constexpr std::uint32_t kNoAction = 3;
  if (bytes.size() > kMaxEventLogBytes) {
    return Error{Errc::too_large, "event_log_too_large",
                 fmt::format("the CCEL has {} bytes, the limit is {}", bytes.size(), kMaxEventLogBytes)};
  }
  Reader reader(bytes);
  const auto first = reader.take(8 + 20);
  const auto size = first ? reader.u32() : std::nullopt;
  const auto spec_id = size ? reader.take(*size) : std::nullopt;
  if (!spec_id) return ccel_ends(0);
  SKILL_VERIFIER_TRY_VOID(check_spec_id(*spec_id));
  EventLog log;
  while (!reader.rest().empty()) {
    const auto index = log.events.size() + 1;
    const auto imr = reader.u32();
    if (imr && *imr == UINT32_MAX) break;
    const auto type = imr ? reader.u32() : std::nullopt;
    if (!type) return ccel_ends(index);
    if (*imr == 0 && *type == 0) break;
    if (index > kMaxEventLogEntries) {
      return Error{Errc::too_large, "event_log_too_large",
                   fmt::format("the CCEL has over {} entries", kMaxEventLogEntries)};
    }
    SKILL_VERIFIER_TRY(auto event, parse_ccel_event(reader, *imr, *type, index));
    // Such an entry informs; it extends nothing.
    if (*type != kNoAction) log.events.push_back(std::move(event));
  }
  return log;
}

Result<core::Digest384> runtime_event_digest(std::string_view name, ByteView payload, int version) {
  if (version == 2) {
    const Json preimage = {
        {"name", std::string(name)}, {"payload", core::to_hex(payload)}, {"type", kRuntimeEventType}};
    SKILL_VERIFIER_TRY(const auto canonical, core::canonical_json(preimage));
    return core::sha384(core::as_bytes(canonical));
  }
  if (version != 1) {
    return Error{Errc::invalid_argument, "event_log_invalid", fmt::format("event version {} is not 1 or 2", version)};
  }
  Bytes preimage;
  append_le(preimage, kRuntimeEventType);
  append(preimage, ":");
  append(preimage, name);
  append(preimage, ":");
  append(preimage, payload);
  return core::sha384(preimage);
}

core::Digest384 extend_register(const core::Digest384& value, const core::Digest384& digest) {
  Bytes joined(value.begin(), value.end());
  append(joined, digest);
  return core::sha384(joined);
}

}  // namespace skill_verifier::dcap
