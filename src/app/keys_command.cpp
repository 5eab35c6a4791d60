#include "app/keys_command.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/key_texts.hpp"
#include "app/wiring.hpp"
#include "skill_verifier/auth/api_key.hpp"
#include "skill_verifier/auth/audit_log.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/ids.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::app {
namespace {

/// What the commands work on.
struct Keys {
  const KeysOptions& options;
  core::SystemClock clock;
  std::unique_ptr<store::KeyStore> store;
  std::unique_ptr<auth::AuditLog> audit;  ///< null: off
  std::vector<store::KeyRow> configured;  ///< not in the store, and not to be changed here
};

Error bad_option(std::string_view option, const Error& error) {
  return {Errc::invalid_argument, error.id, fmt::format("{}: {}", option, error.message), error.hint};
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

core::OrderedJson to_json(const store::KeyRow& key, core::Time now, bool is_configured = false) {
  core::OrderedJson object;
  object["id"] = key.id;
  object["name"] = key.name;
  object["state"] = state_of(key, now);
  object["scopes"] = key.scopes;
  object["rate"] = text_json(key.rate);
  object["quota"] = text_json(key.quota);
  object["source"] = is_configured ? "configuration" : "command";
  object["concurrency"] = key.concurrency ? core::OrderedJson(*key.concurrency) : core::OrderedJson(nullptr);
  object["createdAt"] = is_configured ? core::OrderedJson(nullptr) : time_json(key.created_at);
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
  SKILL_VERIFIER_TRY(store::KeyRow row, key_row(keys.options.texts, "--", keys.clock.now()));
  const auth::Token token = auth::new_token(core::random_hex(8));
  row.id = token.id;
  row.secret = auth::store_secret(token.secret);
  SKILL_VERIFIER_TRY_VOID(keys.store->insert(row));
  audit(keys, "key.create", row.id, fmt::format("scopes {}, name {}", row.scopes, row.name));
  show_token(keys, row, to_string(token));
  return {};
}

void print_line(std::string_view id, std::string_view state, std::string_view scopes, std::string_view expires,
                std::string_view name) {
  std::puts(fmt::format("{:16}  {:7}  {:18}  {:24}  {}", id, state, scopes, expires, name).c_str());
}

void print_row(const store::KeyRow& row, core::Time now, std::string_view note) {
  print_line(row.id, state_of(row, now), row.scopes, row.expires_at ? core::to_rfc3339(*row.expires_at) : "never",
             fmt::format("{}{}", row.name, note));
}

Result<void> list(Keys& keys) {
  SKILL_VERIFIER_TRY(const auto rows, keys.store->list());
  const auto now = keys.clock.now();
  if (keys.options.json) {
    auto all = core::OrderedJson::array();
    for (const auto& row : keys.configured)
      all.push_back(to_json(row, now, true));
    for (const auto& row : rows)
      all.push_back(to_json(row, now));
    std::puts(core::dump_json(core::OrderedJson{{"keys", std::move(all)}}).c_str());
    return {};
  }
  print_line("ID", "STATE", "SCOPES", "EXPIRES", "NAME");
  for (const auto& row : keys.configured)
    print_row(row, now, " (from the configuration)");
  for (const auto& row : rows)
    print_row(row, now, "");
  return {};
}

/// A file that cannot be read is no reason not to end another key.
std::vector<store::KeyRow> readable_keys(const Config& config) {
  std::vector<std::string> faults;
  auto rows = configured_keys(config, faults);
  for (const std::string& fault : faults)
    std::fprintf(stderr, "skill-verifier: %s; a key that it makes is not changed here\n", fault.c_str());
  return rows;
}

bool is_configured(const Keys& keys) {
  return std::ranges::any_of(keys.configured, [&keys](const auto& row) { return row.id == keys.options.id; });
}

/// The configuration is changed where it is.
Error key_configured(const Keys& keys) {
  return Error{Errc::conflict, "key_configured", fmt::format("key {} is made by keys.configured", keys.options.id),
               "change it there, then restart the service or send it SIGHUP"};
}

Result<void> generate(const KeysOptions& options) {
  const auth::Token token = auth::new_token(core::random_hex(8));
  const std::string member = sha256_member(token.id, token.secret);
  if (options.json) {
    const core::OrderedJson object{{"id", token.id}, {"key", to_string(token)}, {"sha256", member}};
    std::puts(core::dump_json(object).c_str());
    return {};
  }
  std::printf("%s\n", to_string(token).c_str());
  std::fprintf(stderr, "good once keys.configured has, beside name= and scope=: sha256=%s\n", member.c_str());
  return {};
}

/// Also a stored key whose id a configured one has, because a service does not start with both.
Result<void> revoke(Keys& keys) {
  if (is_configured(keys)) {
    const auto stored = keys.store->find(keys.options.id);
    if (!stored || stored->revoked_at) return key_configured(keys);
    std::fprintf(stderr, "skill-verifier: this ends the stored key; keys.configured makes another with the id %s\n",
                 keys.options.id.c_str());
  }
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
  if (is_configured(keys)) return key_configured(keys);
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
  if (options.generate->parsed()) return generate(options);
  SKILL_VERIFIER_TRY(const Config config, load_config(source));
  Keys keys{options, {}, nullptr, nullptr, {}};
  if (options.list->parsed()) {
    SKILL_VERIFIER_TRY(keys.configured, configured_keys(config));
  }
  if (options.revoke->parsed() || options.rotate->parsed()) keys.configured = readable_keys(config);
  // A directory that was mistyped would seem to be one without keys.
  const auto absent = options.create->parsed() ? store::Absent::make : store::Absent::refuse;
  SKILL_VERIFIER_TRY(keys.store, store::open_key_store(config.data_dir, absent));
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
  options.create->add_option("--name", options.texts.name, "whose it is or what for, for you")->required();
  options.create->add_option("--scope", options.texts.scopes,
                             "what it may do: read, submit, cancel, admin; several with commas (submit,read)");
  options.create->add_option("--rate", options.texts.rate, "requests: 10/s, 600/m, off (rate.key)");
  options.create->add_option("--quota", options.texts.quota, "submissions: 20/h, 1000/d, off (quota.key)");
  options.create->add_option("--concurrency", options.texts.concurrency,
                             "its jobs in sandboxes at once (concurrency.key)");
  options.create->add_option("--expires", options.texts.expires, "90d, or 2027-01-31T00:00:00Z (never)");
  options.list = command.add_subcommand("list", "show all keys, never their secrets");
  options.revoke = command.add_subcommand("revoke", "end a key; a running service refuses it within a second");
  options.rotate = command.add_subcommand("rotate", "give a key a new secret and print it, this once");
  options.rotate->add_option("--grace", options.grace, "how long the earlier secret stays good: 1h (0)");
  for (CLI::App* one : {options.revoke, options.rotate})
    one->add_option("ID", options.id, "16 hex digits, as list shows them")->required();
  options.generate =
      command.add_subcommand("generate", "print a key that is stored nowhere, for keys.configured (docs/access.md)");
  for (CLI::App* one : {options.create, options.list, options.revoke, options.rotate, options.generate})
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
