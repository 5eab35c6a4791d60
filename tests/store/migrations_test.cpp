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

  void make(std::size_t version) {
    for (std::size_t i = 0; i < version; ++i)
      sql(migrations()[i]);
    sql("PRAGMA application_id = 0x53566A62; PRAGMA user_version = " + std::to_string(version));
    write_rows(version);
    if (version >= 4 && private_) sql("UPDATE jobs SET is_private = 1 WHERE sequence = 3");
    if (version >= kVerdicts && private_) sql("UPDATE verdicts SET keeper = 'k1' WHERE sequence = 3");
    sqlite3_close(handle_);
    handle_ = nullptr;
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
      const std::string result = i == 2 ? R"({"verdict":"passed","collateral":{"sha256":")" + digest_ +
                                              R"("},"attestation":{"resultHash":")" + hash_ + "\"}}"
                                        : "";
      sql("INSERT INTO documents (sequence, request, result, statement, error) VALUES (" + row + ", '" + request(i) +
          "', '" + result + "', '" + (i == 2 ? "statement" : "") + "', '" + (i == 3 ? R"({"code":"internal"})" : "") +
          "')");
      if (final) sql("INSERT INTO logs (sequence, text) VALUES (" + row + ", CAST('log of " + state + "' AS BLOB))");
      if (!final && version >= 2) sql("INSERT INTO packs VALUES (" + row + ", CAST('pack' AS BLOB))");
      if (!final && version < 2) write_all(directory_ / "packs" / (id(i) + ".pack"), "pack");
    }
    if (version >= 3) sql("INSERT INTO collaterals VALUES (3, '" + digest_ + "')");
    if (version >= 4) sql("UPDATE jobs SET owner = 'k1' WHERE sequence = 3");
    if (version >= kVerdicts) write_verdicts();
  }
  /// What the program of that version was asked: a folder, an archive, and an archive by a program that noted nothing.
  std::string request(int job) const {
    if (job == 4) return R"({"version":1})";
    std::string text = R"({"version":1,"treeDigest":")" + std::string(64, static_cast<char>('0' + job)) + '"';
    if (job == 2) text += R"(,"archiveSha256":")" + archive_ + '"';
    return text + "}";
  }
  void write_verdicts() {
    for (int i = 0; i < 5; ++i)
      sql("INSERT INTO verdicts (sequence, tree_digest, archive_sha256, verdict, result_hash) VALUES (" +
          std::to_string(i + 1) + ", '" + (i == 4 ? "" : std::string(64, static_cast<char>('0' + i))) + "', '" +
          (i == 2 ? archive_ : "") + "', '" + (i == 2 ? "passed" : "") + "', '" + (i == 2 ? hash_ : "") + "')");
  }
  static std::string id(int number) { return std::string(32, static_cast<char>('a' + number)); }

  ScratchDirectory scratch_;
  std::filesystem::path directory_;
  sqlite3* handle_ = nullptr;
  bool private_ = false;                       ///< the completed job
  static constexpr std::size_t kVerdicts = 7;  ///< the migration that made their table, and filled it
  const std::string digest_ = std::string(64, 'c'), hash_ = std::string(64, 'd'), archive_ = std::string(64, 'e');
  boost::asio::io_context io_;
};

TEST_P(EarlierSchema, ComesForwardWithEveryRow) {
  make(GetParam());
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

TEST_P(EarlierSchema, FindsItsVerdictsByEveryDigest) {
  make(GetParam());
  auto opened = open_sqlite_store(directory_);
  ASSERT_TRUE(opened) << opened.error().message;
  const std::vector<std::string> subjects = {std::string(64, '2'), archive_, id(2), id(0), std::string(64, '3'), id(4),
                                             std::string(64, 'f')};
  const auto rows = await(io_, (*opened)->verdicts(subjects, std::nullopt));
  ASSERT_TRUE(rows);
  for (const std::size_t i : {0u, 1u, 2u}) {
    ASSERT_TRUE(rows->at(i)) << subjects[i];
    EXPECT_EQ(rows->at(i)->id, id(2));
    EXPECT_EQ(rows->at(i)->tree_digest, subjects[0]);
    EXPECT_EQ(rows->at(i)->archive_sha256, archive_);
    EXPECT_EQ(rows->at(i)->verdict, "passed");
    EXPECT_EQ(rows->at(i)->result_hash, hash_);
    EXPECT_EQ(rows->at(i)->completed_at, at(3000));
  }
  ASSERT_TRUE(rows->at(3) && rows->at(4) && rows->at(5));
  EXPECT_EQ(rows->at(3)->tree_digest, std::string(64, '0'));
  EXPECT_EQ(rows->at(3)->verdict, "") << "it is not judged yet";
  EXPECT_EQ(rows->at(4)->id, id(3)) << "a job that failed is known, too";
  EXPECT_EQ(rows->at(5)->tree_digest, "") << "nobody noted which package it was";
  EXPECT_FALSE(rows->at(6));
}

class SchemaWithPrivateJobs : public EarlierSchema {};

TEST_P(SchemaWithPrivateJobs, AVerdictStaysItsOwners) {
  private_ = true;
  make(GetParam());
  auto opened = open_sqlite_store(directory_);
  ASSERT_TRUE(opened) << opened.error().message;
  const std::vector<std::string> subjects = {std::string(64, '2'), archive_, id(2)};
  for (const auto& [viewer, sees] : {std::pair("", false), std::pair("k2", false), std::pair("k1", true)}) {
    const auto rows = await(io_, (*opened)->verdicts(subjects, viewer));
    ASSERT_TRUE(rows);
    for (const auto& row : *rows)
      EXPECT_EQ(row.has_value(), sees) << viewer;
  }
}

INSTANTIATE_TEST_SUITE_P(EveryVersion, EarlierSchema, testing::Range(std::size_t{1}, migrations().size() + 1),
                         [](const auto& version) { return "Version" + std::to_string(version.param); });

INSTANTIATE_TEST_SUITE_P(EveryVersion, SchemaWithPrivateJobs, testing::Range(std::size_t{4}, migrations().size() + 1),
                         [](const auto& version) { return "Version" + std::to_string(version.param); });

}  // namespace
}  // namespace skill_verifier::store
