#include "service/live_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "support/await.hpp"

namespace skill_verifier::service {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

class LiveLogTest : public testing::Test {
 protected:
  core::asio::io_context io_{1};
  LiveLog log_{io_.get_executor()};
};

TEST_F(LiveLogTest, PutsHeadingsOnLinesOfTheirOwn) {
  log_.heading("one");
  log_.write("no line end");
  log_.heading("two");
  log_.write("line end\n");
  log_.line("three");
  EXPECT_EQ(log_.text(), "== one\nno line end\n== two\nline end\nthree\n");
}

TEST_F(LiveLogTest, StopsGrowingAtItsLimit) {
  const std::string chunk(1u << 20, 'x');
  for (int i = 0; i < 8; ++i)
    log_.write(chunk);
  EXPECT_LE(log_.text().size(), 5u << 20);
  EXPECT_THAT(log_.text().substr(log_.text().size() - 60), HasSubstr("log limit reached"));
  const auto size = log_.text().size();
  log_.write("more");
  log_.heading("more");
  EXPECT_EQ(log_.text().size(), size);
}

TEST_F(LiveLogTest, TakesNothingOnceClosed) {
  log_.write("text");
  log_.close();
  log_.write("late");
  EXPECT_EQ(log_.text(), "text\n");
  EXPECT_TRUE(log_.closed());
}

TEST_F(LiveLogTest, AddsTheTailOfACutStreamOnly) {
  sandbox::Output whole;
  whole.head = "all";
  whole.total = 3;
  log_.write_tail("stdout", whole);
  EXPECT_EQ(log_.text(), "");
  sandbox::Output cut;
  cut.head = "ab";
  cut.tail = "yz";
  cut.total = 26;
  cut.truncated = true;
  log_.write_tail("stderr", cut);
  EXPECT_EQ(log_.text(), "== stderr: 22 bytes left out\nyz");
}

core::awaitable<void> read_along(LiveLog& log, std::size_t& seen) {
  co_await log.wait_beyond(4, std::chrono::seconds(30));
  seen = log.text().size();
}

TEST_F(LiveLogTest, WakesReadersWhenItGrowsBeyondTheirOffset) {
  std::size_t seen = 0;
  core::TaskGroup group(io_.get_executor());
  group.spawn("reader", read_along(log_, seen));
  io_.poll();
  log_.write("1234");
  io_.poll();
  EXPECT_EQ(seen, 0u);
  log_.write("5");
  test::await(io_, group.wait(std::chrono::seconds(30)));
  EXPECT_EQ(seen, 5u);
}

TEST_F(LiveLogTest, WakesReadersWhenItEnds) {
  std::size_t seen = 99;
  core::TaskGroup group(io_.get_executor());
  group.spawn("reader", read_along(log_, seen));
  io_.poll();
  log_.close();
  EXPECT_TRUE(test::await(io_, group.wait(std::chrono::seconds(30))));
  EXPECT_EQ(seen, 0u);
}

TEST_F(LiveLogTest, DoesNotWaitWithoutTime) {
  test::await(io_, log_.wait_beyond(0, core::Duration::zero()));
  EXPECT_EQ(log_.text(), "");
}

}  // namespace
}  // namespace skill_verifier::service
