#include "store/migrations.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "skill_verifier/store/job_store.hpp"
#include "store/store_fixture.hpp"

namespace skill_verifier::store {
namespace {

/// What a program that knew the first so many migrations would have left behind.
class EarlierSchema : public testing::TestWithParam<std::size_t> {
 protected:
  EarlierSchema() : directory_(scratch_.path() / "store") {
    std::filesystem::create_directories(directory_ / "packs");
    sqlite3_open((directory_ / "jobs.db").c_str(), &handle_);
  }
  ~EarlierSchema() override { sqlite3_close(handle_); }

  void sql(const std::string& text) {
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(handle_, text.c_str(), nullptr, nullptr, &message), SQLITE_OK) << message << "\n" << text;
    sqlite3_free(message);
  }

  /// A job of every state, each with what the schema has for it.
  void write_rows(std::size_t version) {
    const char* states[] = {"pending", "running", "completed", "failed", "cancelled"};
    for (int i = 0; i < 5; ++i) {
      const std::string state = states[i], row = std::to_string(i + 1);
      const bool final = i >= 2;
      sql("INSERT INTO jobs (id, state, attempt, created_at, started_at, completed_at, skill_id, has_pack) VALUES ('" +
          id(i) + "', '" + state + "', " + (i == 0 ? "0" : "1") + ", 1000, " + (i == 0 ? "NULL" : "2000") + ", " +
          (final ? "3000" : "NULL") + ", 'demo@1.0.0', " + (final ? "0" : "1") + ")");
      const std::string result = i == 2 ? R"({"verdict":"passed","collateral":{"sha256":")" + digest_ + "\"}}" : "";
      sql("INSERT INTO documents (sequence, request, result, statement, error) VALUES (" + row +
          R"(, '{"version":1}', ')" + result + "', '" + (i == 2 ? "statement" : "") + "', '" +
          (i == 3 ? R"({"code":"internal"})" : "") + "')");
      if (final) sql("INSERT INTO logs (sequence, text) VALUES (" + row + ", CAST('log of " + state + "' AS BLOB))");
      if (!final && version >= 2) sql("INSERT INTO packs VALUES (" + row + ", CAST('pack' AS BLOB))");
      if (!final && version < 2) write_all(directory_ / "packs" / (id(i) + ".pack"), "pack");
    }
    if (version >= 3) sql("INSERT INTO collaterals VALUES (3, '" + digest_ + "')");
  }
  static std::string id(int number) { return std::string(32, static_cast<char>('a' + number)); }

  ScratchDirectory scratch_;
  std::filesystem::path directory_;
  sqlite3* handle_ = nullptr;
  const std::string digest_ = std::string(64, 'c');
  boost::asio::io_context io_;
};

TEST_P(EarlierSchema, ComesForwardWithEveryRow) {
  const std::size_t version = GetParam();
  for (std::size_t i = 0; i < version; ++i)
    sql(migrations()[i]);
  sql("PRAGMA application_id = 0x53566A62; PRAGMA user_version = " + std::to_string(version));
  write_rows(version);
  sqlite3_close(handle_);
  handle_ = nullptr;

  auto opened = open_sqlite_store(directory_);
  ASSERT_TRUE(opened) << opened.error().message;
  JobStore& store = **opened;
  const auto counts = await(io_, store.counts());
  ASSERT_TRUE(counts);
  for (const auto& [state, jobs] : *counts)
    EXPECT_EQ(jobs, 1u) << to_string(state);
  const auto completed = await(io_, store.find(id(2)));
  ASSERT_TRUE(completed);
  EXPECT_EQ(completed->state, JobState::completed);
  EXPECT_EQ(completed->sequence, 3u);
  EXPECT_EQ(completed->statement, "statement");
  EXPECT_EQ(completed->completed_at, at(3000));
  EXPECT_EQ(await(io_, store.find(id(3)))->error, R"({"code":"internal"})");
  EXPECT_EQ(*await(io_, store.log(id(4))), "log of cancelled");
  EXPECT_EQ(*await(io_, store.collaterals_in_use({digest_})), std::set{digest_});
  const auto waiting = await(io_, store.recover());
  ASSERT_TRUE(waiting);
  ASSERT_EQ(waiting->size(), 2u);
  for (const auto& job : *waiting)
    EXPECT_EQ(read_all(store.pack_path(job.id)), "pack");
  EXPECT_TRUE(await(io_, store.insert(make_job(), make_pack(store)))) << "and it goes on from there";
}

INSTANTIATE_TEST_SUITE_P(EveryVersion, EarlierSchema, testing::Range(std::size_t{1}, migrations().size() + 1),
                         [](const auto& version) { return "Version" + std::to_string(version.param); });

}  // namespace
}  // namespace skill_verifier::store
