#include "app/reload.hpp"

#include <algorithm>
#include <map>

#include "app/key_texts.hpp"

namespace skill_verifier::app {
namespace {

using Values = std::map<std::string, std::vector<Setting>>;

/// The settings that count, by key: the last one, of lists and maps all that stand in the place that counts.
Values by_key(const std::vector<Setting>& settings) {
  Values values;
  for (const Setting& setting : settings)
    values[setting.key] = {setting};
  return values;
}

bool same(const Values& left, const Values& right, const std::string& key) {
  const auto a = left.find(key), b = right.find(key);
  if (a == left.end() || b == right.end()) return (a == left.end()) == (b == right.end());
  return a->second.front().values == b->second.front().values;
}

}  // namespace

const std::set<std::string, std::less<>>& reloadable_keys() {
  static const std::set<std::string, std::less<>> keys = {
      "log.level",        "workers",        "queue",          "attempts",         "max_starts",
      "retry_backoff",    "drain",          "retention",      "retention_jobs",   "retention_size",
      "pool.min",         "pool.max",       "pool.memory",    "pool.max_age",     "pool.idle_time",
      "http.header_time", "http.body_time", "http.body_idle", "http.idle_time",   "http.write_time",
      "http.max_wait",    "http.uploads",   "http.body_size", "http.connections", "http.connections_per_address",
      "access.read",      "access.list",    "access.submit",  "access.cancel",    "rate.key",
      "rate.address",     "quota.key",      "quota.address",  "queue_per_client", "keys.configured"};
  return keys;
}

Result<Reload> Reloader::read() const {
  SKILL_VERIFIER_TRY(const std::vector<Setting> settings, load_settings(source_));
  // Everything is looked at as at a start: a file that would not start a program does not change a running one.
  std::vector<store::KeyRow> keys;
  SKILL_VERIFIER_TRY(const Config whole, configure_service(settings, keys));
  SKILL_VERIFIER_TRY(Reload reload, compare(settings));
  reload.keys = std::move(keys);
  reload.exposed = exposed_key_files(whole);
  return reload;
}

Result<Reload> Reloader::compare(const std::vector<Setting>& settings) const {
  const Values before = by_key(running_), now = by_key(settings);
  Reload reload;
  std::set<std::string> keys;
  for (const auto& [key, value] : before)
    keys.insert(key);
  for (const auto& [key, value] : now)
    keys.insert(key);
  for (const std::string& key : keys) {
    const bool reloadable = reloadable_keys().contains(key);
    const auto& chosen = reloadable ? now : before;
    if (const auto found = chosen.find(key); found != chosen.end())
      reload.settings.insert(reload.settings.end(), found->second.begin(), found->second.end());
    if (!same(before, now, key)) (reloadable ? reload.applied : reload.needs_restart).push_back(key);
  }
  reload.config = default_config();
  SKILL_VERIFIER_TRY_VOID(apply_settings(reload.config, reload.settings));
  return reload;
}

void ReloadState::tried(bool successful, core::Time when) {
  successful_ = successful;
  if (successful) last_success_ = when;
}

void ReloadState::write(core::MetricsText& out) const {
  out.gauge("skill_verifier_config_last_reload_successful",
            "0 after a configuration that was refused, or a certificate that was not taken.");
  out.sample({}, successful_ ? 1 : 0);
  out.gauge("skill_verifier_config_last_reload_success_timestamp_seconds", "0: none since the start.");
  out.sample({}, std::chrono::duration<double>(last_success_.time_since_epoch()).count());
}

}  // namespace skill_verifier::app
