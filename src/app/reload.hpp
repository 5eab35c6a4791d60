#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/commands.hpp"
#include "app/config.hpp"

namespace skill_verifier::app {

/// What a second reading of the configuration changes.
struct Reload {
  /// What runs from now on: the configuration of the start with every key that can change in a running program as it is
  /// now.
  Config config;
  std::vector<store::KeyRow> keys;         ///< that `config` makes; Reloader::compare leaves them out
  std::vector<Setting> settings;           ///< that `config` was made from
  std::vector<std::string> applied;        ///< changed keys that are in `config`
  std::vector<std::string> needs_restart;  ///< changed keys that are not
  std::vector<std::string> exposed;        ///< key files that others may read; Reloader::compare leaves them out
};

/// Keys whose change a running program takes on; all others wait for its next start. A test compares them with
/// config_keys().
const std::set<std::string, std::less<>>& reloadable_keys();

/// The configuration as it is now beside the one that is running. Errors: those of configure_service.
class Reloader {
 public:
  /// The settings that the running configuration was made from.
  Reloader(ConfigSource source, std::vector<Setting> settings)
      : source_(std::move(source)), running_(std::move(settings)) {}
  /// Reads file, environment and flags again, and the files that they name. Blocking.
  Result<Reload> read() const;
  /// The same from settings that were read already, without files.
  Result<Reload> compare(const std::vector<Setting>& settings) const;
  /// From now on that is what is running.
  void took_on(Reload& reload) { running_ = std::move(reload.settings); }

 private:
  ConfigSource source_;
  std::vector<Setting> running_;  ///< with what reloads have applied since
};

/// What /metrics says of reloads, by Prometheus's own names for it.
class ReloadState {
 public:
  /// `successful`: configuration and certificate are what the files say now.
  void tried(bool successful, core::Time when);
  void write(core::MetricsText& out) const;

 private:
  bool successful_ = true;
  core::Time last_success_{};
};

}  // namespace skill_verifier::app
