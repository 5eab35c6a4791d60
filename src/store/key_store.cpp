#include "skill_verifier/store/key_store.hpp"

#include <fmt/core.h>

#include <utility>

#include "skill_verifier/core/bytes.hpp"
#include "store/files.hpp"
#include "store/migrations.hpp"
#include "store/sqlite.hpp"
#include "store/statements.hpp"

namespace skill_verifier::store {
namespace {

namespace fs = std::filesystem;

std::optional<std::int64_t> to_column(const std::optional<Time>& time) {
  return time ? std::optional<std::int64_t>(time->time_since_epoch().count()) : std::nullopt;
}

std::optional<Time> to_time(std::optional<std::int64_t> column) {
  return column ? std::optional(Time(std::chrono::milliseconds(*column))) : std::nullopt;
}

KeyRow read_key(const Query& row) {
  KeyRow key;
  key.id = row.text(0);
  key.name = row.text(1);
  key.scopes = row.text(2);
  key.rate = row.text(3);
  key.quota = row.text(4);
  key.concurrency = row.maybe_integer(5);
  key.created_at = Time(std::chrono::milliseconds(row.integer(6)));
  key.expires_at = to_time(row.maybe_integer(7));
  key.revoked_at = to_time(row.maybe_integer(8));
  key.secret = {row.text(9), row.text(10)};
  key.previous_until = to_time(row.maybe_integer(13));
  if (key.previous_until) key.previous = KeySecret{row.text(11), row.text(12)};
  return key;
}

class SqliteKeyStore final : public KeyStore {
 public:
  explicit SqliteKeyStore(Database database) : database_(std::move(database)) {}

  Result<void> insert(const KeyRow& key) override {
    Query row(database_, sql::kInsertKey);
    const auto created = key.created_at.time_since_epoch().count();
    row.bind(key.id).bind(key.name).bind(key.scopes).bind(key.rate).bind(key.quota).bind(key.concurrency);
    row.bind(std::int64_t{created}).bind(to_column(key.expires_at)).bind(key.secret.salt).bind(key.secret.hash);
    if (auto done = row.run(); !done) return done;
    if (database_.changes() == 0)
      return Error{Errc::conflict, "key_exists", fmt::format("there is a key {} already", key.id)};
    return {};
  }

  Result<std::vector<KeyRow>> list() override {
    std::vector<KeyRow> keys;
    Query query(database_, sql::kListKeys);
    while (true) {
      SKILL_VERIFIER_TRY(const bool row, query.step());
      if (!row) return keys;
      keys.push_back(read_key(query));
    }
  }

  Result<KeyRow> find(const std::string& id) override {
    Query query(database_, sql::kFindKey);
    query.bind(id);
    SKILL_VERIFIER_TRY(const bool row, query.step());
    if (!row)
      return Error{Errc::not_found, "key_not_found", fmt::format("there is no key {}", core::shorten(id)),
                   "skill-verifier keys list shows the ids"};
    return read_key(query);
  }

  Result<void> revoke(const std::string& id, Time now) override {
    Query row(database_, sql::kRevokeKey);
    row.bind(std::int64_t{now.time_since_epoch().count()}).bind(id);
    return run_on_live(row, id);
  }

  Result<void> rotate(const std::string& id, const KeySecret& secret, Time previous_until) override {
    Query row(database_, sql::kRotateKey);
    row.bind(std::int64_t{previous_until.time_since_epoch().count()}).bind(secret.salt).bind(secret.hash).bind(id);
    return run_on_live(row, id);
  }

  Result<std::int64_t> changes() override {
    Query query(database_, sql::kKeyChanges);
    SKILL_VERIFIER_TRY(const bool row, query.step());
    return row ? query.integer(0) : 0;
  }

 private:
  /// A change of a key that is not revoked.
  Result<void> run_on_live(Query& change, const std::string& id) {
    if (auto done = change.run(); !done) return done;
    if (database_.changes() > 0) return {};
    SKILL_VERIFIER_TRY(const KeyRow key, find(id));
    return Error{Errc::conflict, "key_revoked", fmt::format("key {} is revoked already", key.id)};
  }

  Database database_;
};

}  // namespace

Result<std::unique_ptr<KeyStore>> open_key_store(const fs::path& directory, Absent absent) {
  const fs::path file = directory / "jobs.db";
  std::error_code error;
  if (absent == Absent::refuse && !fs::exists(file, error) && !error) {
    return Error{Errc::not_found, "database_missing",
                 fmt::format("there is no database in data_dir '{}'", core::shorten(directory.string())),
                 "name the one that the service uses, with --data-dir or --config"};
  }
  // Held while the schema is brought up to date, so that no service begins in the middle of it.
  auto lock = lock_directory(directory);
  if (!lock && lock.error().id != "store_locked") return lock.error();
  SKILL_VERIFIER_TRY(Database database, Database::open_writer(file));
  if (lock) {
    SKILL_VERIFIER_TRY_VOID(migrate(database));
  } else {
    SKILL_VERIFIER_TRY_VOID(check_version(database));
  }
  return std::unique_ptr<KeyStore>(std::make_unique<SqliteKeyStore>(std::move(database)));
}

}  // namespace skill_verifier::store
