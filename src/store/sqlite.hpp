#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/core/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

/// The little of SQLite's C interface that the store needs. Every failure is unavailable `store_failed` with SQLite's
/// own words. One thread per connection.
namespace skill_verifier::store {

/// How a write-ahead log is moved into the database file: `passive` beside readers and writers, as far as they let it;
/// `restart` waits for them, so that the log starts over.
enum class Checkpoint { passive, restart };

class Database {
 public:
  /// Opens or creates the file, in WAL mode with synchronous=FULL and foreign keys on. It never checkpoints by itself.
  static Result<Database> open_writer(const std::filesystem::path& file);
  /// A second connection to a file that open_writer opened; it refuses to change anything.
  static Result<Database> open_reader(const std::filesystem::path& file);

  /// A further connection to such a file, for `checkpoint` alone.
  static Result<Database> open_checkpointer(const std::filesystem::path& file);

  /// Being busy is no failure.
  Result<void> checkpoint(Checkpoint how);
  /// Pages in the log after the writer's last commit.
  int log_frames() const { return *log_frames_; }

  /// Runs statements that give no rows.
  Result<void> exec(const char* sql);
  /// `size` bytes of a BLOB that has them, from `offset` on, without those before.
  Result<std::string> read_blob(const char* table, const char* column, std::int64_t row, std::uint64_t offset,
                                std::uint64_t size);
  std::int64_t last_row() const;
  /// Rows that the last statement changed, without those of triggers and cascades.
  std::int64_t changes() const;
  /// Rows that were changed since the connection was opened, also by triggers and cascades, and by what was rolled back
  /// later. Statements that fail count nothing, and neither does what changes no rows (the schema, a vacuum).
  std::int64_t total_changes() const;
  /// False also after a failure that made SQLite roll the transaction back by itself (disk full).
  bool in_transaction() const;
  Error failure() const;

 private:
  friend class Query;
  struct CloseDatabase {
    void operator()(sqlite3* handle) const;
  };
  struct FinalizeStatement {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit Database(std::unique_ptr<sqlite3, CloseDatabase> handle) : handle_(std::move(handle)) {}
  static Result<Database> open(const std::filesystem::path& file, int flags, const char* pragmas);
  sqlite3_stmt* prepare(const char* sql);

  std::unique_ptr<sqlite3, CloseDatabase> handle_;
  std::map<std::string_view, std::unique_ptr<sqlite3_stmt, FinalizeStatement>> statements_;
  std::unique_ptr<int> log_frames_ = std::make_unique<int>(0);  ///< where the connection's commit hook writes
};

/// One execution of a statement. Prepared once per connection: `sql` is a constant that outlives the database. Binding
/// failures come out of `step`.
class Query {
 public:
  Query(Database& database, const char* sql);
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  Query& bind(std::int64_t value);
  Query& bind(std::optional<std::int64_t> value);
  /// The text stays valid until the query ends.
  Query& bind(std::string_view text);
  Query& bind_blob(std::string_view bytes);

  /// True: a row is there to be read. False: the statement is done.
  Result<bool> step();
  /// Runs a statement that gives no row.
  Result<void> run();

  std::int64_t integer(int column) const;
  std::optional<std::int64_t> maybe_integer(int column) const;
  std::string text(int column) const;

 private:
  void note(int code);
  Database& database_;
  sqlite3_stmt* statement_;
  int next_ = 1;
  int failed_ = 0;
};

/// The first columns of the rows that are left.
Result<std::vector<std::string>> read_texts(Query& query);

/// Rolls back in its destructor unless committed.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database, const char* sql);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Result<void> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace skill_verifier::store
