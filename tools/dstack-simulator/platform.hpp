#pragma once

#include <array>
#include <string>
#include <vector>

#include "skill_verifier/core/clock.hpp"
#include "skill_verifier/core/sha2.hpp"
#include "test_pki/world.hpp"

namespace dstack_simulator {

using skill_verifier::Bytes;
using skill_verifier::ByteView;
using skill_verifier::core::Digest384;

/// One entry of the event log. Runtime events (RTMR3) have a name, firmware events none.
struct Event {
  int imr = 0;
  std::uint32_t type = 0;
  std::string name;
  Bytes payload;
  Digest384 digest{};
};

/// A confidential VM that never was: an app's identity, an event log, the four registers that follow from it, and
/// quotes over them under certificates made when it was constructed.
class Platform {
 public:
  /// `app_compose` is hashed as it is; its first 20 hash bytes are the app id. `key_provider_id` goes into the log.
  Platform(std::string app_compose, std::string key_provider_id, skill_verifier::core::Time now);

  /// A quote whose signatures and bindings all hold under root_certificate(), and under no other root.
  Bytes quote(const std::array<std::uint8_t, 64>& report_data) const;

  const test_pki::Certificate& root_certificate() const { return world_.chain.root; }
  const std::string& app_compose() const { return app_compose_; }
  const Bytes& compose_hash() const { return compose_hash_; }
  const Bytes& app_id() const { return app_id_; }
  const Bytes& instance_id() const { return instance_id_; }
  const Bytes& os_image_hash() const { return os_image_hash_; }
  const std::string& key_provider_info() const { return key_provider_info_; }
  const std::vector<Event>& events() const { return events_; }
  const test_pki::TdReport& td_report() const { return td_; }
  /// SHA-256 over MRTD, the registers and the configuration fields.
  Bytes mr_aggregated() const;
  /// JSON texts, as GetQuote gives them.
  std::string event_log() const;
  std::string vm_config() const;
  /// What Intel would have signed about this platform, under root_certificate(), good for thirty days:
  /// QuoteCollateralV3 JSON with `fetchedAt`.
  std::string collateral(skill_verifier::core::Time now) const;
  /// MRTD and RTMR0-2 as a set for `skill-verifier check --measurements`.
  std::string measurements() const;

 private:
  void log_firmware();
  void log_runtime();
  void extend();

  std::string app_compose_;
  Bytes compose_hash_;
  Bytes app_id_;
  Bytes instance_id_;
  Bytes os_image_hash_;
  std::string key_provider_info_;
  std::vector<Event> events_;
  test_pki::TdReport td_;
  test_pki::World world_;
};

}  // namespace dstack_simulator
