#include <fmt/core.h>
#include <sqlite3.h>

#include <memory>

#include "store/backup_files.hpp"
#include "store/files.hpp"
#include "store/migrations.hpp"

namespace skill_verifier::store {
namespace {

namespace fs = std::filesystem;

constexpr int kBusyMilliseconds = 30'000;

struct Close {
  void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Handle = std::unique_ptr<sqlite3, Close>;
using Statement = std::unique_ptr<sqlite3_stmt, Close>;

Result<Handle> open_database(const fs::path& file, int flags) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &raw, flags | SQLITE_OPEN_EXRESCODE, nullptr);
  Handle handle(raw);
  if (code != SQLITE_OK) return backup_failed(fmt::format("{}: {}", file.filename().string(), sqlite3_errstr(code)));
  sqlite3_busy_timeout(raw, kBusyMilliseconds);
  return handle;
}

/// Every row's first column as text; a failure is the database's own word for what is wrong.
Result<std::vector<std::string>> rows(sqlite3* handle, const char* sql) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(handle, sql, -1, &raw, nullptr) != SQLITE_OK)
    return backup_damaged(fmt::format("jobs.db: {}", sqlite3_errmsg(handle)));
  const Statement statement(raw);
  std::vector<std::string> texts;
  int code = sqlite3_step(raw);
  for (; code == SQLITE_ROW; code = sqlite3_step(raw)) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(raw, 0));
    texts.emplace_back(text != nullptr ? text : "");
  }
  if (code != SQLITE_DONE) return backup_damaged(fmt::format("jobs.db: {}", sqlite3_errmsg(handle)));
  return texts;
}

Result<std::uint64_t> number(sqlite3* handle, const char* sql) {
  SKILL_VERIFIER_TRY(const auto texts, rows(handle, sql));
  return texts.empty() ? std::uint64_t{0} : std::stoull(texts.front());
}

Result<void> check_thoroughly(sqlite3* handle) {
  SKILL_VERIFIER_TRY(const auto integrity, rows(handle, "PRAGMA integrity_check(1)"));
  if (integrity != std::vector<std::string>{"ok"})
    return backup_damaged(fmt::format("jobs.db: {}", integrity.empty() ? "no answer" : integrity.front()));
  SKILL_VERIFIER_TRY(const auto dangling, rows(handle, "PRAGMA foreign_key_check"));
  if (!dangling.empty()) return backup_damaged(fmt::format("jobs.db: rows of {} belong to no job", dangling.front()));
  return {};
}

}  // namespace

Result<void> copy_database(const fs::path& from, const fs::path& to) {
  SKILL_VERIFIER_TRY(const Handle source, open_database(from, SQLITE_OPEN_READWRITE));
  SKILL_VERIFIER_TRY_VOID(make_private_file(to));
  SKILL_VERIFIER_TRY(const Handle target, open_database(to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
  sqlite3_exec(target.get(), "PRAGMA synchronous = FULL", nullptr, nullptr, nullptr);
  sqlite3_backup* backup = sqlite3_backup_init(target.get(), "main", source.get(), "main");
  if (backup == nullptr)
    return backup_failed(fmt::format("{}: {}", to.filename().string(), sqlite3_errmsg(target.get())));
  // One step: all pages of one read transaction. Who writes meanwhile appends to the log and does not wait.
  const int stepped = sqlite3_backup_step(backup, -1);
  const int finished = sqlite3_backup_finish(backup);
  if (stepped != SQLITE_DONE || finished != SQLITE_OK)
    return backup_failed(
        fmt::format("{}: {}", from.filename().string(), sqlite3_errstr(stepped == SQLITE_DONE ? finished : stepped)));
  // One file without a log beside it: what is copied further is complete.
  if (sqlite3_exec(target.get(), "PRAGMA journal_mode = DELETE", nullptr, nullptr, nullptr) != SQLITE_OK)
    return backup_failed(fmt::format("{}: {}", to.filename().string(), sqlite3_errmsg(target.get())));
  return {};
}

Result<JobsSnapshot> inspect_jobs(const fs::path& file, bool thorough) {
  SKILL_VERIFIER_TRY(const Handle handle, open_database(file, SQLITE_OPEN_READONLY));
  if (thorough)
    if (auto sound = check_thoroughly(handle.get()); !sound) return sound.error();
  SKILL_VERIFIER_TRY(const auto version, number(handle.get(), "PRAGMA user_version"));
  if (version > migrations().size())
    return Error{Errc::unsupported, "store_newer",
                 fmt::format("jobs.db has schema version {}, this program knows versions up to {}", version,
                             migrations().size()),
                 "run the newer program"};
  JobsSnapshot snapshot;
  SKILL_VERIFIER_TRY(snapshot.jobs, number(handle.get(), "SELECT count(*) FROM jobs"));
  constexpr const char* kUnfinished = "SELECT count(*) FROM jobs WHERE state IN ('pending', 'running')";
  SKILL_VERIFIER_TRY(snapshot.unfinished, number(handle.get(), kUnfinished));
  // Schema 1 has no packs in rows, schema 7 none that are shared.
  std::string with_file = "SELECT id FROM jobs WHERE state IN ('pending', 'running')";
  if (version >= 2) with_file += " AND sequence NOT IN (SELECT sequence FROM packs)";
  if (version >= 8) with_file += " AND sequence NOT IN (SELECT sequence FROM pack_shares)";
  SKILL_VERIFIER_TRY(snapshot.packs, rows(handle.get(), with_file.c_str()));
  return snapshot;
}

}  // namespace skill_verifier::store
