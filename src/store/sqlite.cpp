#include "store/sqlite.hpp"

#include <fmt/core.h>
#include <sqlite3.h>

#include "store/files.hpp"

namespace skill_verifier::store {
namespace {

// A commit must be on disk before it is acknowledged, also when the machine loses power: FULL. The limit on the journal
// gives space back after a burst of large logs. The writer's cache, SQLite's default of 2 MiB, holds what 64 changes
// touch: what does not fit is written in the middle of the transaction, and again at its end. Readers look at rows once
// or twice soon after they were written: the service's memory stays flat.
constexpr const char* kWriterPragmas =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA journal_size_limit = "
    "67108864;"
    "PRAGMA cache_size = -2048; PRAGMA trusted_schema = OFF";
constexpr const char* kReaderPragmas = "PRAGMA query_only = ON; PRAGMA cache_size = -512; PRAGMA trusted_schema = OFF";
constexpr const char* kCheckpointerPragmas =
    "PRAGMA synchronous = FULL; PRAGMA cache_size = -64; PRAGMA trusted_schema = OFF";
/// Only our own two connections compete, for the moment of a checkpoint or of closing.
constexpr int kBusyMilliseconds = 5000;

Error to_error(sqlite3* handle, int code) {
  const char* words = handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
  switch (code & 0xFF) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return {Errc::unavailable, "store_failed", fmt::format("jobs.db is damaged: {}", words),
              "restore it from a backup, or move it away to start empty"};
    case SQLITE_FULL:
      return {Errc::unavailable, "store_failed", fmt::format("jobs.db: {}", words), "free space on its disk"};
    default:
      return {Errc::unavailable, "store_failed", fmt::format("jobs.db: {}", words),
              "check the storage directory's disk and permissions"};
  }
}

}  // namespace

void Database::CloseDatabase::operator()(sqlite3* handle) const {
  sqlite3_close_v2(handle);
}

void Database::FinalizeStatement::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Result<Database> Database::open(const std::filesystem::path& file, int flags, const char* pragmas) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  std::unique_ptr<sqlite3, CloseDatabase> handle(raw);
  if (code != SQLITE_OK) return to_error(raw, code);
  sqlite3_busy_timeout(raw, kBusyMilliseconds);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  Database database(std::move(handle));
  if (auto set = database.exec(pragmas); !set) return set.error();
  return database;
}

Result<Database> Database::open_writer(const std::filesystem::path& file) {
  SKILL_VERIFIER_TRY_VOID(make_private_file(file));
  SKILL_VERIFIER_TRY(Database database, open(file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, kWriterPragmas));
  const auto note = [](void* frames, sqlite3*, const char*, int pages) {
    *static_cast<int*>(frames) = pages;
    return SQLITE_OK;
  };
  // Takes the place of the automatic checkpoint.
  sqlite3_wal_hook(database.handle_.get(), note, database.log_frames_.get());
  return database;
}

Result<Database> Database::open_checkpointer(const std::filesystem::path& file) {
  return open(file, SQLITE_OPEN_READWRITE, kCheckpointerPragmas);
}

Result<void> Database::checkpoint(Checkpoint how) {
  const int mode = how == Checkpoint::passive ? SQLITE_CHECKPOINT_PASSIVE : SQLITE_CHECKPOINT_RESTART;
  const int code = sqlite3_wal_checkpoint_v2(handle_.get(), "main", mode, nullptr, nullptr);
  if (code != SQLITE_OK && (code & 0xFF) != SQLITE_BUSY) return to_error(handle_.get(), code);
  return {};
}

Result<Database> Database::open_reader(const std::filesystem::path& file) {
  return open(file, SQLITE_OPEN_READWRITE, kReaderPragmas);
}

Result<void> Database::exec(const char* sql) {
  const int code = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return to_error(handle_.get(), code);
  return {};
}

Result<std::string> Database::read_blob(const char* table, const char* column, std::int64_t row, std::uint64_t offset,
                                        std::uint64_t size) {
  sqlite3_blob* opened = nullptr;
  if (sqlite3_blob_open(handle_.get(), "main", table, column, row, 0, &opened) != SQLITE_OK) return failure();
  const std::unique_ptr<sqlite3_blob, int (*)(sqlite3_blob*)> blob(opened, &sqlite3_blob_close);
  std::string bytes(size, '\0');
  if (sqlite3_blob_read(opened, bytes.data(), static_cast<int>(size), static_cast<int>(offset)) != SQLITE_OK)
    return failure();
  return bytes;
}

std::int64_t Database::last_row() const {
  return sqlite3_last_insert_rowid(handle_.get());
}

std::int64_t Database::changes() const {
  return sqlite3_changes64(handle_.get());
}

std::int64_t Database::total_changes() const {
  return sqlite3_total_changes64(handle_.get());
}

bool Database::in_transaction() const {
  return sqlite3_get_autocommit(handle_.get()) == 0;
}

Error Database::failure() const {
  return to_error(handle_.get(), sqlite3_extended_errcode(handle_.get()));
}

sqlite3_stmt* Database::prepare(const char* sql) {
  auto& cached = statements_[sql];
  if (!cached) {
    sqlite3_stmt* raw = nullptr;
    sqlite3_prepare_v3(handle_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
    cached.reset(raw);
  }
  return cached.get();
}

Query::Query(Database& database, const char* sql) : database_(database), statement_(database.prepare(sql)) {
  if (statement_ == nullptr) failed_ = sqlite3_extended_errcode(database_.handle_.get());
}

Query::~Query() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

void Query::note(int code) {
  if (code != SQLITE_OK && failed_ == SQLITE_OK) failed_ = code;
}

Query& Query::bind(std::int64_t value) {
  if (statement_ != nullptr) note(sqlite3_bind_int64(statement_, next_++, value));
  return *this;
}

Query& Query::bind(std::optional<std::int64_t> value) {
  if (value) return bind(*value);
  if (statement_ != nullptr) note(sqlite3_bind_null(statement_, next_++));
  return *this;
}

Query& Query::bind(std::string_view text) {
  // An empty view may hold a null pointer, which SQLite would store as NULL.
  const char* data = text.empty() ? "" : text.data();
  if (statement_ != nullptr)
    note(sqlite3_bind_text64(statement_, next_++, data, text.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

Query& Query::bind_blob(std::string_view bytes) {
  const char* data = bytes.empty() ? "" : bytes.data();
  if (statement_ != nullptr) note(sqlite3_bind_blob64(statement_, next_++, data, bytes.size(), SQLITE_STATIC));
  return *this;
}

Result<bool> Query::step() {
  if (failed_ != SQLITE_OK) return to_error(database_.handle_.get(), failed_);
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return to_error(database_.handle_.get(), code);
}

Result<void> Query::run() {
  SKILL_VERIFIER_TRY([[maybe_unused]] const bool row, step());
  return {};
}

std::int64_t Query::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::optional<std::int64_t> Query::maybe_integer(int column) const {
  if (sqlite3_column_type(statement_, column) == SQLITE_NULL) return std::nullopt;
  return integer(column);
}

std::string Query::text(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), size);
}

Result<std::vector<std::string>> read_texts(Query& query) {
  std::vector<std::string> texts;
  while (true) {
    SKILL_VERIFIER_TRY(const bool row, query.step());
    if (!row) return texts;
    texts.push_back(query.text(0));
  }
}

Result<Transaction> Transaction::begin(Database& database, const char* sql) {
  if (auto begun = database.exec(sql); !begun) return begun.error();
  return Transaction(database);
}

Transaction::~Transaction() {
  // What cannot be rolled back has been rolled back by SQLite already.
  if (database_ != nullptr && database_->in_transaction()) static_cast<void>(database_->exec("ROLLBACK"));
}

Result<void> Transaction::commit() {
  if (auto done = database_->exec("COMMIT"); !done) return done;
  database_ = nullptr;
  return {};
}

}  // namespace skill_verifier::store
