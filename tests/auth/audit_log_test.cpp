#include "skill_verifier/auth/audit_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <fstream>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>
#include "skill_verifier/core/ids.hpp"
#include "skill_verifier/core/json.hpp"
#include "support/await.hpp"

namespace skill_verifier::auth {
namespace {

class AuditLogTest : public testing::Test {
 protected:
  AuditLogTest() : directory_(std::filesystem::temp_directory_path() / ("svaudit-" + core::random_hex(8))) {
    std::filesystem::create_directories(directory_);
  }
  ~AuditLogTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  std::vector<std::string> lines(const std::string& name) const {
    std::ifstream in(directory_ / name);
    std::vector<std::string> all;
    for (std::string line; std::getline(in, line);)
      all.push_back(line);
    return all;
  }
  static AuditRecord record(const std::string& job) {
    AuditRecord made;
    made.action = "job.submit";
    made.outcome = "accepted";
    made.status = 202;
    made.job_id = job;
    return made;
  }

  /// Counts when the record is there as soon as its caller goes on.
  core::awaitable<void> record_and_look(AuditLog& log, int number, int& found) {
    const std::string job = "job-" + std::to_string(number);
    co_await log.record(record(job));
    const auto all = lines("audit");
    found +=
        std::ranges::any_of(all, [&](const auto& line) { return line.find('"' + job + '"') != std::string::npos; });
  }

  std::filesystem::path directory_;
};

TEST_F(AuditLogTest, ALineSaysWhoDidWhat) {
  AuditRecord one = record("j1");
  one.time = core::Time(std::chrono::milliseconds(1'000));
  one.request_id = "r1";
  one.key_id = "k1";
  one.address = "192.0.2.1";
  EXPECT_EQ(to_line(one),
            R"({"time":"1970-01-01T00:00:01.000Z","action":"job.submit","outcome":"accepted","status":202,)"
            R"("requestId":"r1","keyId":"k1","address":"192.0.2.1","jobId":"j1"})"
            "\n");
}

TEST_F(AuditLogTest, NothingThatIsWrittenCanMakeALineOfItsOwn) {
  AuditRecord one = record("j1");
  one.detail = "x\n{\"action\":\"key.revoke\"}\r\n\x1b[2J\"\\\xff\xe2\x80\xa8" + std::string(100'000, 'y');
  one.detail.push_back('\0');
  const std::string line = to_line(one);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_LT(line.size(), 1000u);
  for (const char c : line.substr(0, line.size() - 1))
    EXPECT_GE(static_cast<unsigned char>(c), 0x20u);
  const auto read = core::parse_json(line.substr(0, line.size() - 1));
  ASSERT_TRUE(read);
  EXPECT_EQ((*read)["action"], "job.submit");
}

TEST_F(AuditLogTest, AppendsAndIsForItsOwnerOnly) {
  for (const char* job : {"a", "b"}) {
    const auto log = AuditLog::open(directory_ / "audit", AuditSync::always);
    ASSERT_TRUE(log);
    ASSERT_TRUE((*log)->write(record(job)));
  }
  EXPECT_THAT(lines("audit"), testing::ElementsAre(testing::HasSubstr("\"a\""), testing::HasSubstr("\"b\"")));
  struct stat status{};
  ASSERT_EQ(::stat((directory_ / "audit").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(AuditLogTest, SeveralRecordsAreALineEach) {
  core::asio::io_context io(1);
  const auto log = AuditLog::open(directory_ / "audit", AuditSync::always);
  ASSERT_TRUE(log);
  const std::vector<AuditRecord> records{record("a"), record("b")};
  test::await(io, (*log)->record(records));
  EXPECT_THAT(lines("audit"), testing::ElementsAre(testing::HasSubstr("\"a\""), testing::HasSubstr("\"b\"")));
}

TEST_F(AuditLogTest, WritersShareAFileLineByLine) {
  const auto first = AuditLog::open(directory_ / "audit", AuditSync::kernel),
             second = AuditLog::open(directory_ / "audit", AuditSync::kernel);
  std::vector<std::thread> writers;
  for (AuditLog* log : {first->get(), second->get(), first->get()})
    writers.emplace_back([log] {
      for (int i = 0; i < 500; ++i)
        ASSERT_TRUE(log->write(record("0123456789abcdef0123456789abcdef")));
    });
  for (auto& writer : writers)
    writer.join();
  const auto all = lines("audit");
  EXPECT_EQ(all.size(), 1500u);
  for (const auto& line : all)
    EXPECT_TRUE(core::parse_json(line)) << line;
}

TEST_F(AuditLogTest, EveryRecordIsInTheFileWhenItsCallerGoesOn) {
  core::asio::io_context io(1);
  const auto log = AuditLog::open(directory_ / "audit", AuditSync::always);
  ASSERT_TRUE(log);
  core::TaskGroup tasks(io.get_executor());
  constexpr int kRecords = 200;
  int seen = 0;
  for (int i = 0; i < kRecords; ++i)
    tasks.spawn("record", record_and_look(**log, i, seen));
  io.run();
  EXPECT_EQ(seen, kRecords);
  const auto all = lines("audit");
  EXPECT_EQ(all.size(), std::size_t{kRecords});
  for (const auto& line : all)
    EXPECT_TRUE(core::parse_json(line)) << line;
}

TEST_F(AuditLogTest, GoesOnInANewFileAfterARotation) {
  const auto log = AuditLog::open(directory_ / "audit", AuditSync::kernel);
  ASSERT_TRUE((*log)->write(record("a")));
  std::filesystem::rename(directory_ / "audit", directory_ / "audit.1");
  ASSERT_TRUE((*log)->write(record("b")));
  ASSERT_TRUE((*log)->reopen());
  ASSERT_TRUE((*log)->write(record("c")));
  EXPECT_EQ(lines("audit.1").size(), 2u);
  EXPECT_EQ(lines("audit").size(), 1u);
}

TEST_F(AuditLogTest, KeepsTheOldFileWhenTheNewOneCannotBeOpened) {
  const auto log = AuditLog::open(directory_ / "audit", AuditSync::kernel);
  std::filesystem::rename(directory_ / "audit", directory_ / "audit.1");
  std::filesystem::create_directory(directory_ / "audit");
  EXPECT_EQ((*log)->reopen().error().id, "audit_failed");
  ASSERT_TRUE((*log)->write(record("a")));
  EXPECT_EQ(lines("audit.1").size(), 1u);
}

TEST_F(AuditLogTest, DoesNotFollowALink) {
  std::ofstream(directory_ / "victim") << "precious\n";
  std::filesystem::create_symlink(directory_ / "victim", directory_ / "audit");
  EXPECT_FALSE(AuditLog::open(directory_ / "audit", AuditSync::kernel));
}

TEST_F(AuditLogTest, AFullDiskIsSaid) {
  const auto log = AuditLog::open("/dev/full", AuditSync::kernel);
  ASSERT_TRUE(log);
  const auto written = (*log)->write(record("a"));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().id, "audit_failed");
  EXPECT_THAT(written.error().message, testing::HasSubstr("No space left"));
}

TEST_F(AuditLogTest, HalfALineDoesNotTakeTheNextOneWithIt) {
  const auto log = AuditLog::open(directory_ / "audit", AuditSync::kernel);
  ASSERT_TRUE((*log)->write(record("a")));
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit full = before;
  full.rlim_cur = std::filesystem::file_size(directory_ / "audit") + 10;
  setrlimit(RLIMIT_FSIZE, &full);
  const auto cut = (*log)->write(record("b"));
  const auto none = (*log)->write(record("c"));
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(cut);
  EXPECT_FALSE(none);
  ASSERT_TRUE((*log)->write(record("d")));
  const auto all = lines("audit");
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[1].size(), 10u);
  EXPECT_EQ(core::parse_json(all[2]).value()["jobId"], "d");
}

}  // namespace
}  // namespace skill_verifier::auth
