#include "platform.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "skill_verifier/core/json.hpp"
#include "skill_verifier/core/sha2.hpp"

namespace dstack_simulator {
namespace {

namespace core = skill_verifier::core;
using core::as_bytes;

constexpr std::uint32_t kRuntimeEvent = 0x08000001;
constexpr int kRuntimeRegister = 3;

Bytes concat(std::initializer_list<ByteView> parts) {
  Bytes out;
  for (const auto part : parts)
    out.insert(out.end(), part.begin(), part.end());
  return out;
}

template <std::size_t Size>
Bytes to_bytes(const std::array<std::uint8_t, Size>& array) {
  return {array.begin(), array.end()};
}

Bytes text_bytes(std::string_view text) {
  return {text.begin(), text.end()};
}

Event runtime_event(std::string name, Bytes payload) {
  const Bytes type = {0x01, 0x00, 0x00, 0x08};
  const auto preimage = concat({type, as_bytes(":"), as_bytes(name), as_bytes(":"), payload});
  return {kRuntimeRegister, kRuntimeEvent, std::move(name), std::move(payload), core::sha384(preimage)};
}

Event firmware_event(int imr, std::uint32_t type, std::string_view payload) {
  return {imr, type, "", text_bytes(payload), core::sha384(as_bytes(payload))};
}

constexpr std::chrono::days kCollateralLife{30};

/// A platform that its own collateral finds up to date: test_pki::TdReport's SVNs, and the components set here.
test_pki::World make_world(core::Time now) {
  const auto begin = std::chrono::floor<std::chrono::days>(now) - std::chrono::days(1);
  const auto end = begin + kCollateralLife;
  const auto text = [](std::chrono::sys_seconds time) { return core::to_rfc3339(time).substr(0, 19) + "Z"; };
  test_pki::WorldSpec spec;
  spec.chain.not_before = begin;
  spec.chain.not_after = begin + std::chrono::days(7 * 365);
  spec.chain.sgx.components = {4, 4, 2, 2, 4, 1, 0, 5};
  spec.crl_begin = begin;
  spec.crl_end = end;
  spec.tcb_info.issue_date = spec.qe_identity.issue_date = text(begin);
  spec.tcb_info.next_update = spec.qe_identity.next_update = text(end);
  spec.tcb_info.levels = {{.sgx = {4, 4, 2, 2, 4, 1, 0, 5}, .pce_svn = 13, .tdx = {5, 0, 2}}};
  return test_pki::make_world(spec);
}

}  // namespace

Platform::Platform(std::string app_compose, std::string key_provider_id, core::Time now)
    : app_compose_(std::move(app_compose)),
      compose_hash_(to_bytes(core::sha256(as_bytes(app_compose_)))),
      app_id_(compose_hash_.begin(), compose_hash_.begin() + 20),
      os_image_hash_(to_bytes(core::sha256(as_bytes("dstack-simulator os image")))),
      world_(make_world(now)) {
  const Bytes seed(20, 0x5e);
  instance_id_ = to_bytes(core::sha256(concat({seed, app_id_})));
  instance_id_.resize(20);
  key_provider_info_ = core::dump_json(core::OrderedJson{{"name", "kms"}, {"id", std::move(key_provider_id)}});
  td_.mr_seam = core::sha384(as_bytes("dstack-simulator tdx module"));
  td_.mr_td = core::sha384(as_bytes("dstack-simulator firmware"));
  td_.mr_config_id[0] = 0x01;
  std::ranges::copy(compose_hash_, td_.mr_config_id.begin() + 1);
  log_firmware();
  log_runtime();
  extend();
}

void Platform::log_firmware() {
  events_.push_back(firmware_event(0, 0x8000000b, "simulated TD hob"));
  events_.push_back(firmware_event(0, 0x8000000a, "simulated firmware volume"));
  events_.push_back(firmware_event(0, 0x00000004, std::string_view("\0\0\0\0", 4)));
  events_.push_back(firmware_event(1, 0x80000003, "simulated kernel"));
  events_.push_back(firmware_event(1, 0x80000007, "Exit Boot Services Returned with Success"));
  events_.push_back(firmware_event(2, 0x00000006, "simulated command line"));
  events_.push_back(firmware_event(2, 0x00000006, "simulated initrd"));
}

void Platform::log_runtime() {
  events_.push_back(runtime_event("system-preparing", {}));
  events_.push_back(runtime_event("app-id", app_id_));
  events_.push_back(runtime_event("compose-hash", compose_hash_));
  events_.push_back(runtime_event("instance-id", instance_id_));
  events_.push_back(runtime_event("boot-mr-done", {}));
  events_.push_back(runtime_event("os-image-hash", os_image_hash_));
  events_.push_back(runtime_event("key-provider", text_bytes(key_provider_info_)));
  events_.push_back(runtime_event("storage-fs", text_bytes("ext4")));
  events_.push_back(runtime_event("system-ready", {}));
}

void Platform::extend() {
  for (const auto& event : events_) {
    auto& rtmr = td_.rtmr[static_cast<std::size_t>(event.imr)];
    rtmr = core::sha384(concat({rtmr, event.digest}));
  }
}

Bytes Platform::quote(const std::array<std::uint8_t, 64>& report_data) const {
  test_pki::QuoteSpec spec;
  spec.td = td_;
  spec.td.report_data = report_data;
  return world_.quote(spec);
}

Bytes Platform::mr_aggregated() const {
  return to_bytes(core::sha256(concat({td_.mr_td, td_.rtmr[0], td_.rtmr[1], td_.rtmr[2], td_.rtmr[3], td_.mr_config_id,
                                       td_.mr_owner, td_.mr_owner_config})));
}

std::string Platform::event_log() const {
  auto list = core::OrderedJson::array();
  for (const auto& event : events_) {
    list.push_back(core::OrderedJson{{"imr", event.imr},
                                     {"event_type", event.type},
                                     {"digest", core::to_hex(event.digest)},
                                     {"event", event.name},
                                     {"event_payload", core::to_hex(event.payload)}});
  }
  return core::dump_json(list);
}

std::string Platform::collateral(core::Time now) const {
  auto json = core::OrderedJson::parse(world_.collateral.to_json());
  json["fetchedAt"] = core::to_rfc3339(now);
  return core::dump_json_pretty(json);
}

std::string Platform::measurements() const {
  return core::dump_json_pretty(core::OrderedJson::array({core::OrderedJson{{"name", "dstack-simulator"},
                                                                            {"mrtd", core::to_hex(td_.mr_td)},
                                                                            {"rtmr0", core::to_hex(td_.rtmr[0])},
                                                                            {"rtmr1", core::to_hex(td_.rtmr[1])},
                                                                            {"rtmr2", core::to_hex(td_.rtmr[2])}}}));
}

std::string Platform::vm_config() const {
  return core::dump_json(core::OrderedJson{{"os_image_hash", core::to_hex(os_image_hash_)},
                                           {"cpu_count", 1},
                                           {"memory_size", std::uint64_t{2} << 30},
                                           {"image", "dstack-simulator"}});
}

}  // namespace dstack_simulator
