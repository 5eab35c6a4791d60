#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "dcap/evidence/fixed_bytes.hpp"
#include "skill_verifier/core/json.hpp"
#include "skill_verifier/dcap/event_log.hpp"

namespace skill_verifier::dcap {
namespace {

using core::Json;

/// The events that dstack writes before the app runs, in its order (dstack.md §2.2).
struct KnownEvent {
  std::string_view name;
  int most = 1;
  bool required = false;
};
constexpr std::array<KnownEvent, 12> kKnownEvents = {{{"system-preparing", 1, true},
                                                      {"app-id", 1, true},
                                                      {"compose-hash", 1, true},
                                                      {"init-script-hash", 5, false},
                                                      {"gpu-policy-hash", 1, false},
                                                      {"gpu-attestation", 1, false},
                                                      {"instance-id", 1, true},
                                                      {"boot-mr-done", 1, true},
                                                      {"os-image-hash", 1, false},
                                                      {"key-provider", 1, true},
                                                      {"storage-fs", 1, false},
                                                      {"system-ready", 1, true}}};

std::optional<std::size_t> rank_of(std::string_view name) {
  const auto found = std::ranges::find(kKnownEvents, name, &KnownEvent::name);
  if (found == kKnownEvents.end()) return std::nullopt;
  return static_cast<std::size_t>(found - kKnownEvents.begin());
}

bool is_acpi_event(const LogEvent& event) {
  return event.name == "acpi-loader" || event.name == "acpi-rsdp" || event.name == "acpi-tables";
}

std::optional<KeyProvider> parse_key_provider(ByteView payload) {
  constexpr std::size_t kMaxBytes = 16u << 10;
  const auto json = core::parse_json(core::as_text(payload), {.depth = 2, .bytes = kMaxBytes});
  if (!json || !json->is_object()) return std::nullopt;
  const auto name = json->find("name");
  const auto id = json->find("id");
  if (name == json->end() || !name->is_string() || id == json->end() || !id->is_string()) return std::nullopt;
  auto bytes = core::parse_hex(id->get_ref<const std::string&>());
  if (!bytes) return std::nullopt;
  return KeyProvider{name->get<std::string>(), std::move(*bytes)};
}

class Replayer {
 public:
  Replay run(const EventLog& log) {
    for (index_ = 0; index_ < log.events.size(); ++index_)
      take(log.events[index_]);
    for (std::size_t i = 0; i < 3; ++i) {
      auto& target = out_.registers[i];
      target.stripped = target.events == acpi_events_[i];
    }
    for (std::size_t rank = 0; rank < kKnownEvents.size(); ++rank) {
      if (kKnownEvents[rank].required && counts_[rank] == 0) {
        find("event_missing", fmt::format("the event log has no {} event", kKnownEvents[rank].name));
      }
    }
    return std::move(out_);
  }

 private:
  void find(std::string code, std::string message) { out_.findings.push_back({std::move(code), std::move(message)}); }

  void extend(int imr, const core::Digest384& digest) {
    auto& target = out_.registers[static_cast<std::size_t>(imr)];
    target.value = extend_register(target.value, digest);
    ++target.events;
  }

  void take(const LogEvent& event) {
    const bool runtime = event.type == kRuntimeEventType;
    if (runtime != (event.imr == 3)) {
      find("event_wrong_register", fmt::format("entry {} has type {:#x} in RTMR{}; type {:#x} and RTMR3 go together",
                                               index_, event.type, event.imr, kRuntimeEventType));
    }
    if (event.imr == 3)
      take_runtime(event);
    else
      take_boot(event);
  }

  void take_boot(const LogEvent& event) {
    if (!event.digest) {
      find("event_digest_missing", fmt::format("entry {} of RTMR{} has no digest", index_, event.imr));
      return;
    }
    extend(event.imr, *event.digest);
    if (event.imr == 0 && is_acpi_event(event)) ++acpi_events_[0];
  }

  void take_runtime(const LogEvent& event) {
    const auto digest = runtime_event_digest(event.name, event.payload, event.version);
    if (!digest) {
      find("event_digest_mismatch", fmt::format("entry {}: {}", index_, digest.error().message));
      return;
    }
    if (event.digest && *event.digest != *digest) {
      find("event_digest_mismatch",
           fmt::format("entry {} ({}) claims digest {}, its name and payload give {}", index_,
                       core::shorten(event.name), core::to_hex(*event.digest), core::to_hex(*digest)));
    }
    if (event.preimage && core::sha384(*event.preimage) != *digest) {
      find("event_preimage_mismatch",
           fmt::format("entry {} ({}) has a preimage of digest {}, its name and payload give {}", index_,
                       core::shorten(event.name), core::to_hex(core::sha384(*event.preimage)), core::to_hex(*digest)));
    }
    if (event.version == 1 && event.name.find(':') != std::string::npos) {
      find("event_name_ambiguous", fmt::format("entry {} has ':' in its name {}, so that name and payload could be cut "
                                               "elsewhere with the same digest",
                                               index_, core::shorten(event.name)));
    }
    extend(3, *digest);
    place(event);
  }

  void place(const LogEvent& event) {
    const auto rank = rank_of(event.name);
    const bool app_time = out_.claims.system_ready;
    if (app_time) out_.app_events.push_back({event.name, event.payload});
    if (!rank) {
      if (!app_time) {
        find("event_unknown",
             fmt::format("entry {} before system-ready has the unknown name {}", index_, core::shorten(event.name)));
      }
      return;
    }
    const auto& known = kKnownEvents[*rank];
    if (++counts_[*rank] > known.most || app_time) {
      find("event_duplicate", fmt::format("entry {} is {} number {}{}; the first counts", index_, known.name,
                                          counts_[*rank], app_time ? ", after system-ready" : ""));
      return;
    }
    if (*rank < last_rank_) {
      find("event_out_of_order",
           fmt::format("entry {} ({}) comes after {}", index_, known.name, kKnownEvents[last_rank_].name));
    }
    last_rank_ = std::max(last_rank_, *rank);
    claim(event);
  }

  void bad_payload(const LogEvent& event, std::string_view wanted) {
    find("event_payload_invalid", fmt::format("entry {} ({}) has {} bytes of payload, not {}", index_, event.name,
                                              event.payload.size(), wanted));
  }

  std::optional<core::Digest256> digest_claim(const LogEvent& event) {
    auto digest = fixed<32>(event.payload);
    if (!digest) bad_payload(event, "32");
    return digest;
  }

  void claim(const LogEvent& event) {
    auto& claims = out_.claims;
    if (event.name == "app-id") {
      if (event.payload.size() == 20)
        claims.app_id = event.payload;
      else
        bad_payload(event, "20");
    } else if (event.name == "compose-hash") {
      claims.compose_hash = digest_claim(event);
    } else if (event.name == "init-script-hash") {
      if (const auto digest = digest_claim(event)) claims.init_script_hashes.push_back(*digest);
    } else if (event.name == "gpu-policy-hash") {
      claims.gpu_policy_hash = digest_claim(event);
    } else if (event.name == "instance-id") {
      if (event.payload.empty() || event.payload.size() == 20)
        claims.instance_id = event.payload;
      else
        bad_payload(event, "20 or none");
    } else if (event.name == "os-image-hash") {
      claims.os_image_hash = digest_claim(event);
    } else if (event.name == "key-provider") {
      claim_key_provider(event);
    } else if (event.name == "storage-fs") {
      const auto name = core::as_text(event.payload);
      if (name == "zfs" || name == "ext4")
        claims.storage_fs = name;
      else
        bad_payload(event, "the text zfs or ext4");
    } else if (event.name != "gpu-attestation") {
      claim_mark(event);
    }
  }

  void claim_key_provider(const LogEvent& event) {
    out_.claims.key_provider_payload = event.payload;
    out_.claims.key_provider = parse_key_provider(event.payload);
    const auto& provider = out_.claims.key_provider;
    constexpr std::array<std::string_view, 4> kNames = {"none", "local-sgx", "kms", "tpm"};
    if (!provider || std::ranges::find(kNames, provider->name) == kNames.end()) {
      bad_payload(event, "JSON with a known provider's name and a hexadecimal id");
    }
  }

  void claim_mark(const LogEvent& event) {
    if (!event.payload.empty()) bad_payload(event, "none");
    if (event.name == "boot-mr-done") out_.boot_rtmr3 = out_.registers[3].value;
    if (event.name == "system-ready") out_.claims.system_ready = true;
  }

  Replay out_;
  std::size_t index_ = 0;
  std::size_t last_rank_ = 0;
  std::array<int, kKnownEvents.size()> counts_{};
  std::array<std::size_t, 3> acpi_events_{};
};

}  // namespace

Replay replay(const EventLog& log) {
  return Replayer().run(log);
}

std::string_view to_string(RegisterVerdict verdict) {
  switch (verdict) {
    case RegisterVerdict::matches:
      return "matches";
    case RegisterVerdict::differs:
      return "differs";
    case RegisterVerdict::not_replayable:
      return "not_replayable";
  }
  return "differs";
}

std::array<RegisterComparison, 4> compare_registers(const Replay& replay,
                                                    const std::array<core::Digest384, 4>& quoted) {
  std::array<RegisterComparison, 4> rows{};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& replayed = replay.registers[i];
    auto& row = rows[i];
    row.index = static_cast<int>(i);
    row.quoted = quoted[i];
    row.replayed = replayed.value;
    if (row.quoted == row.replayed)
      row.verdict = RegisterVerdict::matches;
    else
      row.verdict = replayed.stripped ? RegisterVerdict::not_replayable : RegisterVerdict::differs;
  }
  return rows;
}

}  // namespace skill_verifier::dcap
