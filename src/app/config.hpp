#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/attest/quoter.hpp"
#include "skill_verifier/core/log.hpp"
#include "skill_verifier/http/server.hpp"
#include "skill_verifier/sandbox/docker_sandbox.hpp"
#include "skill_verifier/service/service.hpp"
#include "skill_verifier/store/key_store.hpp"

namespace skill_verifier::app {

/// Where the TLS listener's certificate and key come from; nothing is set: there is none.
struct TlsSource {
  std::string certificate, key;    ///< PEM files
  bool dstack = false;             ///< the guest agent's GetTlsKey instead
  std::vector<std::string> names;  ///< DNS names in the agent's certificate
};

/// An API key that the configuration makes.
struct ConfiguredKey {
  store::KeyRow row;  ///< without id and secret where they come from the file
  std::string file;   ///< that holds the key; empty: it is in the row
};

/// Everything an operator can set. Strength: defaults, then the YAML file, then the environment, then flags.
struct Config {
  http::ServerOptions server;
  service::ServiceOptions service;
  sandbox::DockerSandboxOptions sandbox;
  attest::DstackOptions dstack;
  bool sandbox_checks = true;
  bool attestation_enabled = true;
  std::string pccs;  ///< where collateral comes from; empty: Intel's PCS, `off`: nowhere
  TlsSource tls;
  std::string data_dir = "./data";
  std::size_t key_concurrency = 0;  ///< jobs in sandboxes at once of a key that has no number of its own; 0: no limit
  core::Duration keys_refresh = auth::KeyRingOptions().refresh;
  std::vector<ConfiguredKey> configured_keys;
  std::string audit_file;  ///< empty: audit.jsonl in data_dir, `off`: none
  auth::AuditSync audit_sync = auth::AuditSync::kernel;
  bool memory_storage = false;
  log::Level log_level = log::Level::info;
  log::Format log_format = log::Format::text;
};

Config default_config();

/// One key of the configuration: how the file, the environment and `--set` name it, and how its text becomes a value.
struct Key {
  enum class Shape { scalar, list, map };
  std::string_view name;  ///< dotted, as in the file: `listen.port`
  Shape shape = Shape::scalar;
  std::string_view environment;  ///< a traditional variable besides SKILL_VERIFIER_LISTEN_PORT; may be empty
  /// Scalars get one text; lists one call an element; maps `name=value`. The error's message says what is wrong with
  /// the value and what would be right; the caller adds key and place.
  std::function<Result<void>(Config&, std::string_view text)> apply;
};
const std::vector<Key>& config_keys();

/// A value with where it was written, e.g. `line 12`, `environment variable PORT`, `--set`.
struct Setting {
  std::string key;
  std::vector<std::string> values;
  std::string place;
  bool is_list = false;
  bool is_map = false;
};

/// The leaves of a YAML configuration file. Errors: invalid_argument `config_invalid` with the line.
Result<std::vector<Setting>> read_settings(std::string_view yaml, std::string_view file);
/// One setting from a flat text: lists and maps are separated by commas.
Setting flat_setting(const std::string& key, std::string_view text, std::string place);
/// Settings of the known environment variables; `lookup` is getenv.
std::vector<Setting> environment_settings(const std::function<const char*(const std::string&)>& lookup);

/// What is wrong with the environment (environ's form): a variable SKILL_VERIFIER_… that names no key, with the nearest
/// that does. SKILL_VERIFIER_TEST_… belongs to the tests.
std::vector<std::string> environment_faults(const char* const* environment);

/// Applies settings in order. All faults together, one line each: unknown keys with the nearest known one, bad values.
Result<void> apply_settings(Config& config, const std::vector<Setting>& settings);

/// Checks that need more than one key or a look at this host: addresses, skill_roots, engine.init. All faults together.
/// Errors: invalid_argument `config_invalid`.
Result<void> check_config(const Config& config);

/// One fault a line. Errors: invalid_argument `config_invalid` unless there is none.
Result<void> faults_error(const std::vector<std::string>& faults);

/// `30s`, `500ms`, `5m`, `2h`, `7d`, `0`. Errors: invalid_argument.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);
/// `512MiB`, `1GiB`, `64KiB`, `1000` (bytes). Errors: invalid_argument.
Result<std::uint64_t> parse_size(std::string_view text);

}  // namespace skill_verifier::app
