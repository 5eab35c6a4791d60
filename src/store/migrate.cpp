#include <fmt/core.h>

#include "store/migrations.hpp"

namespace skill_verifier::store {
namespace {

/// "SVjb", SQLite's application_id of our databases.
constexpr std::int64_t kApplicationId = 0x53566A62;

Result<std::int64_t> read_integer(Database& database, const char* sql) {
  Query query(database, sql);
  SKILL_VERIFIER_TRY(const bool row, query.step());
  return row ? query.integer(0) : 0;
}

Result<void> run_migration(Database& database, std::size_t index) {
  SKILL_VERIFIER_TRY(Transaction transaction, Transaction::begin(database, "BEGIN EXCLUSIVE"));
  if (auto done = database.exec(migrations()[index]); !done) return done.error();
  const auto stamp = fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", kApplicationId, index + 1);
  if (auto done = database.exec(stamp.c_str()); !done) return done.error();
  return transaction.commit();
}

Error newer(std::int64_t version, std::int64_t known) {
  return {Errc::unsupported, "store_newer",
          fmt::format("jobs.db has schema version {}, this program knows versions up to {}", version, known),
          "run the newer program, or use another storage directory"};
}

}  // namespace

Result<void> migrate(Database& database) {
  SKILL_VERIFIER_TRY(const auto application, read_integer(database, "PRAGMA application_id"));
  SKILL_VERIFIER_TRY(const auto tables, read_integer(database, "SELECT count(*) FROM sqlite_schema"));
  SKILL_VERIFIER_TRY(const auto version, read_integer(database, "PRAGMA user_version"));
  if (tables != 0 && application != kApplicationId)
    return Error{Errc::unavailable, "store_failed", "jobs.db is a database of another program",
                 "point the storage directory to an empty directory"};
  const auto known = static_cast<std::int64_t>(migrations().size());
  if (version > known) return newer(version, known);
  for (std::int64_t index = version; index < known; ++index)
    if (auto done = run_migration(database, static_cast<std::size_t>(index)); !done) return done.error();
  return {};
}

Result<void> check_version(Database& database) {
  SKILL_VERIFIER_TRY(const auto version, read_integer(database, "PRAGMA user_version"));
  const auto known = static_cast<std::int64_t>(migrations().size());
  if (version > known) return newer(version, known);
  if (version < known)
    return Error{
        Errc::conflict, "store_older",
        fmt::format("jobs.db is in use by a program that knows schema version {}, this one needs {}", version, known),
        "use the command of the program that is running, or stop it first"};
  return {};
}

}  // namespace skill_verifier::store
