#include "app/keys_command.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/wiring.hpp"
#include "skill_verifier/auth/api_key.hpp"
#include "skill_verifier/auth/audit_log.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/ids.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::app {
namespace {

constexpr std::size_t kMostName = 100;

/// What the commands work on.
struct Keys {
  const KeysOptions& options;
  core::SystemClock clock;
  std::unique_ptr<store::KeyStore> store;
  std::unique_ptr<auth::AuditLog> audit;  ///< null: off
};

Error bad_option(std::string_view option, const Error& error) {
  return {Errc::invalid_argument, error.id, fmt::format("{}: {}", option, error.message), error.hint};
}

/// A moment, or a duration from now. Errors: invalid_argument.
Result<core::Time> parse_expiry(const std::string& text, core::Time now) {
  if (const auto time = core::parse_rfc3339(text)) return *time;
  const auto duration = parse_duration(text);
  if (!duration || duration->count() <= 0)
    return Error{Errc::invalid_argument, "expires_invalid",
                 fmt::format("--expires: '{}' is neither a duration like 90d nor a time like 2027-01-31T00:00:00Z",
                             core::shorten(text, 60))};
  return now + *duration;
}

Result<void> check_name(const std::string& name) {
  const bool plain = core::is_utf8(name) && core::shorten(name, kMostName) == name;
  if (!name.empty() && plain) return {};
  return Error{Errc::invalid_argument, "name_invalid",
               fmt::format("--name: '{}' is not 1 to {} bytes of printable text", core::shorten(name, 60), kMostName)};
}

Result<store::KeyRow> row_of(const KeysOptions& options, core::Time now) {
  store::KeyRow row;
  SKILL_VERIFIER_TRY_VOID(check_name(options.name));
  row.name = options.name;
  const auto scopes = auth::parse_scopes(options.scopes);
  if (!scopes) return bad_option("--scope", scopes.error());
  row.scopes = to_string(*scopes);
  for (const auto& [option, text, column] :
       {std::tuple("--rate", &options.rate, &row.rate), std::tuple("--quota", &options.quota, &row.quota)}) {
    if (text->empty()) continue;
    const auto rate = auth::parse_rate(*text);
    if (!rate) return bad_option(option, rate.error());
    *column = to_string(*rate);
  }
  if (!options.concurrency.empty()) {
    const std::string& text = options.concurrency;
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < 1 || number > 1024)
      return Error{Errc::invalid_argument, "concurrency_invalid",
                   fmt::format("--concurrency: '{}' is no number from 1 to 1024", core::shorten(text, 60))};
    row.concurrency = number;
  }
  row.created_at = now;
  if (!options.expires.empty()) {
    SKILL_VERIFIER_TRY(row.expires_at, parse_expiry(options.expires, now));
    if (*row.expires_at <= now)
      return Error{Errc::invalid_argument, "expires_invalid", "--expires: that moment has passed"};
  }
  return row;
}

std::string_view state_of(const store::KeyRow& key, core::Time now) {
  if (key.revoked_at) return "revoked";
  if (key.expires_at && *key.expires_at <= now) return "expired";
  return "active";
}

core::OrderedJson time_json(const std::optional<core::Time>& time) {
  return time ? core::OrderedJson(core::to_rfc3339(*time)) : core::OrderedJson(nullptr);
}

core::OrderedJson text_json(const std::string& text) {
  return text.empty() ? core::OrderedJson(nullptr) : core::OrderedJson(text);
}

core::OrderedJson to_json(const store::KeyRow& key, core::Time now) {
  core::OrderedJson object;
  object["id"] = key.id;
  object["name"] = key.name;
  object["state"] = state_of(key, now);
  object["scopes"] = key.scopes;
  object["rate"] = text_json(key.rate);
  object["quota"] = text_json(key.quota);
  object["concurrency"] = key.concurrency ? core::OrderedJson(*key.concurrency) : core::OrderedJson(nullptr);
  object["createdAt"] = core::to_rfc3339(key.created_at);
  object["expiresAt"] = time_json(key.expires_at);
  object["revokedAt"] = time_json(key.revoked_at);
  if (key.previous_until && now < *key.previous_until) object["previousSecretUntil"] = time_json(key.previous_until);
  return object;
}

void audit(Keys& keys, const std::string& action, const std::string& id, const std::string& detail) {
  if (!keys.audit) return;
  auth::AuditRecord record;
  record.time = keys.clock.now();
  record.action = action;
  record.outcome = "accepted";
  record.key_id = id;
  record.detail = detail;
  if (const auto written = keys.audit->write(record); !written)
    std::fprintf(stderr, "skill-verifier: warning: %s\n", written.error().message.c_str());
}

/// The only time that a secret is seen.
void show_token(const Keys& keys, const store::KeyRow& row, const std::string& token) {
  if (keys.options.json) {
    auto object = to_json(row, keys.clock.now());
    object["key"] = token;
    std::puts(core::dump_json(object).c_str());
    return;
  }
  std::printf("%s\n", token.c_str());
  std::fprintf(stderr, "key %s (%s), scopes %s: this is the only time that the key is shown\n", row.id.c_str(),
               row.name.c_str(), row.scopes.c_str());
}

Result<void> create(Keys& keys) {
  SKILL_VERIFIER_TRY(store::KeyRow row, row_of(keys.options, keys.clock.now()));
  const auth::Token token = auth::new_token(core::random_hex(8));
  row.id = token.id;
  row.secret = auth::store_secret(token.secret);
  SKILL_VERIFIER_TRY_VOID(keys.store->insert(row));
  audit(keys, "key.create", row.id, fmt::format("scopes {}, name {}", row.scopes, row.name));
  show_token(keys, row, to_string(token));
  return {};
}

Result<void> list(Keys& keys) {
  SKILL_VERIFIER_TRY(const auto rows, keys.store->list());
  const auto now = keys.clock.now();
  if (keys.options.json) {
    auto all = core::OrderedJson::array();
    for (const auto& row : rows)
      all.push_back(to_json(row, now));
    std::puts(core::dump_json(core::OrderedJson{{"keys", std::move(all)}}).c_str());
    return {};
  }
  const auto line = [](std::string_view id, std::string_view state, std::string_view scopes, std::string_view expires,
                       std::string_view name) {
    std::puts(fmt::format("{:16}  {:7}  {:18}  {:24}  {}", id, state, scopes, expires, name).c_str());
  };
  line("ID", "STATE", "SCOPES", "EXPIRES", "NAME");
  for (const auto& row : rows)
    line(row.id, state_of(row, now), row.scopes, row.expires_at ? core::to_rfc3339(*row.expires_at) : "never",
         row.name);
  return {};
}

Result<void> revoke(Keys& keys) {
  SKILL_VERIFIER_TRY_VOID(keys.store->revoke(keys.options.id, keys.clock.now()));
  audit(keys, "key.revoke", keys.options.id, {});
  SKILL_VERIFIER_TRY(const auto row, keys.store->find(keys.options.id));
  if (keys.options.json) {
    std::puts(core::dump_json(to_json(row, keys.clock.now())).c_str());
  } else {
    std::printf("key %s (%s) is revoked\n", row.id.c_str(), row.name.c_str());
  }
  return {};
}

Result<void> rotate(Keys& keys) {
  const auto grace = parse_duration(keys.options.grace);
  if (!grace) return bad_option("--grace", grace.error());
  const auth::Token token = auth::new_token(keys.options.id);
  const auto until = keys.clock.now() + *grace;
  SKILL_VERIFIER_TRY_VOID(keys.store->rotate(token.id, auth::store_secret(token.secret), until));
  audit(keys, "key.rotate", token.id, fmt::format("earlier secret good until {}", core::to_rfc3339(until)));
  SKILL_VERIFIER_TRY(const auto row, keys.store->find(token.id));
  show_token(keys, row, to_string(token));
  return {};
}

Result<void> run(const ConfigSource& source, const KeysOptions& options) {
  SKILL_VERIFIER_TRY(const Config config, load_config(source));
  Keys keys{options, {}, nullptr, nullptr};
  SKILL_VERIFIER_TRY(keys.store, store::open_key_store(config.data_dir));
  SKILL_VERIFIER_TRY(keys.audit, open_audit_log(config));
  if (options.create->parsed()) return create(keys);
  if (options.revoke->parsed()) return revoke(keys);
  if (options.rotate->parsed()) return rotate(keys);
  return list(keys);
}

void add_common(CLI::App& command, KeysOptions& options) {
  command.add_flag("--json", options.json, "one JSON object");
  command.fallthrough();  // --data-dir and --config may also come last
}

}  // namespace

void add_keys_options(CLI::App& command, KeysOptions& options) {
  command.require_subcommand(1);
  command.add_option("--data-dir", options.data_dir, "where jobs and keys are kept (data_dir)");
  options.create = command.add_subcommand("create", "make a key and print it, this once");
  options.create->add_option("--name", options.name, "whose it is or what for, for you")->required();
  options.create->add_option("--scope", options.scopes,
                             "what it may do: read, submit, cancel, admin; several with commas (submit,read)");
  options.create->add_option("--rate", options.rate, "requests: 10/s, 600/m, off (rate.key)");
  options.create->add_option("--quota", options.quota, "submissions: 20/h, 1000/d, off (quota.key)");
  options.create->add_option("--concurrency", options.concurrency, "its jobs in sandboxes at once (concurrency.key)");
  options.create->add_option("--expires", options.expires, "90d, or 2027-01-31T00:00:00Z (never)");
  options.list = command.add_subcommand("list", "show all keys, never their secrets");
  options.revoke = command.add_subcommand("revoke", "end a key; a running service refuses it within a second");
  options.rotate = command.add_subcommand("rotate", "give a key a new secret and print it, this once");
  options.rotate->add_option("--grace", options.grace, "how long the earlier secret stays good: 1h (0)");
  for (CLI::App* one : {options.revoke, options.rotate})
    one->add_option("ID", options.id, "16 hex digits, as list shows them")->required();
  for (CLI::App* one : {options.create, options.list, options.revoke, options.rotate})
    add_common(*one, options);
}

int keys_command(const ConfigSource& source, const KeysOptions& options) {
  const auto done = run(source, options);
  if (done) return exit_ok;
  std::fprintf(stderr, "skill-verifier: %s\n", done.error().message.c_str());
  if (!done.error().hint.empty()) std::fprintf(stderr, "  %s\n", done.error().hint.c_str());
  if (done.error().id == "config_invalid") return exit_config;
  return done.error().code == Errc::invalid_argument ? exit_usage : exit_error;
}

}  // namespace skill_verifier::app
