#include "sandbox/disk_meter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/await.hpp"
#include "support/scripted_server.hpp"

namespace skill_verifier::sandbox {
namespace {

using test::Reply;
using test::ScriptedServer;
using testing::HasSubstr;
using namespace std::chrono_literals;

Result<std::uint64_t> failure(Errc code) {
  return Error{code, "something went wrong"};
}

TEST(FailedMeasurements, AreEnoughAtOnceWhenTheFilesAreToBlame) {
  EXPECT_TRUE(FailedMeasurements().enough(failure(Errc::rejected)));
  EXPECT_TRUE(FailedMeasurements().enough(failure(Errc::timed_out)));
}

TEST(FailedMeasurements, AreEnoughWhenTwoComeInARow) {
  FailedMeasurements failed;
  EXPECT_FALSE(failed.enough(std::uint64_t{5}));
  EXPECT_FALSE(failed.enough(failure(Errc::unavailable)));
  EXPECT_FALSE(failed.enough(std::uint64_t{5})) << "which begins another row";
  EXPECT_FALSE(failed.enough(failure(Errc::unavailable)));
  EXPECT_TRUE(failed.enough(failure(Errc::not_found)));
}

/// The meter before an engine of canned answers.
class DiskMeterTest : public testing::Test {
 protected:
  void answer(const std::map<std::string, Reply>& more) {
    std::map<std::string, Reply> table = {{"GET /_ping", Reply::with(200, "OK", {{"Api-Version", "1.41"}})},
                                          {"GET /version", Reply::json(200, R"({"MinAPIVersion":"1.12"})")}};
    table.emplace("GET /v1.41/_ping", Reply::with(200, "OK"));
    for (const auto& [route, reply] : more)
      table.insert_or_assign(route, reply);
    server_ = std::make_unique<ScriptedServer>(test::routes(std::move(table)), ScriptedServer::Transport::unix_socket);
    engine_ = std::make_unique<Engine>(io_.get_executor(), *net::parse_endpoint(server_->url()));
  }
  Result<std::uint64_t> check() {
    DiskMeter meter(*engine_, {1000, 2, 200ms});
    return test::await(io_, meter.check("c"));
  }
  void expect_refused(const std::string& why) {
    const auto checked = check();
    ASSERT_FALSE(checked.has_value());
    EXPECT_EQ(checked.error().code, Errc::rejected);
    EXPECT_EQ(checked.error().id, "disk_limit");
    EXPECT_THAT(checked.error().message, HasSubstr(why));
  }

  static constexpr const char* kSize = "GET /v1.41/containers/c/json";
  static constexpr const char* kChanges = "GET /v1.41/containers/c/changes";
  static Reply size(int bytes) { return Reply::json(200, "{\"SizeRw\":" + std::to_string(bytes) + "}"); }
  static Reply two_files() { return Reply::json(200, R"([{"Path":"/a","Kind":1},{"Path":"/b","Kind":0}])"); }

  core::asio::io_context io_{1};
  std::unique_ptr<ScriptedServer> server_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(DiskMeterTest, GivesTheBytesOfWhatFits) {
  answer({{kSize, size(1000)}, {kChanges, two_files()}});
  const auto checked = check();
  ASSERT_TRUE(checked.has_value()) << checked.error().message;
  EXPECT_EQ(*checked, 1000u);
}

TEST_F(DiskMeterTest, RefusesTooManyBytes) {
  answer({{kSize, size(1001)}, {kChanges, two_files()}});
  expect_refused("wrote 1001 bytes to disk, the limit is 1000");
}

TEST_F(DiskMeterTest, RefusesTooManyFilesHoweverSmall) {
  answer({{kSize, size(0)},
          {kChanges, Reply::json(200, R"([{"Path":"/a","Kind":1},{"Path":"/b","Kind":1},{"Path":"/c","Kind":1}])")}});
  expect_refused("more than 2 files");
}

TEST_F(DiskMeterTest, RefusesWhatAWellEngineCannotMeasureInTime) {
  answer({{kSize, Reply::silent()}, {kChanges, two_files()}});
  expect_refused("takes longer than 0.2 s");
  answer({{kSize, size(0)}, {kChanges, Reply::silent()}});
  expect_refused("takes longer than 0.2 s");
}

TEST_F(DiskMeterTest, DoesNotBlameTheSkillForAnEngineThatHangs) {
  answer({{kSize, Reply::silent()}, {kChanges, two_files()}, {"GET /v1.41/_ping", Reply::silent()}});
  const auto checked = check();
  ASSERT_FALSE(checked.has_value());
  EXPECT_EQ(checked.error().id, "engine_timed_out");
}

}  // namespace
}  // namespace skill_verifier::sandbox
