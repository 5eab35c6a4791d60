#include "app/run_loop.hpp"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>

#include "skill_verifier/core/async.hpp"

namespace skill_verifier::app {
namespace {

TEST(RunLoop, ReturnsWhenNothingIsLeft) {
  boost::asio::io_context io{1};
  int done = 0;
  boost::asio::post(io, [&done] { ++done; });
  run_loop(io);
  EXPECT_EQ(done, 1);
}

/// What a suspended coroutine refers to, and says so when it goes first.
struct Referred {
  ~Referred() { std::fputs("destroyed under somebody\n", stderr); }
  core::Semaphore turns;
};

core::awaitable<void> wait_for_a_turn(Referred& service) {
  const auto mine = co_await service.turns.acquire();
  const auto never = co_await service.turns.acquire();
}

void end_with_a_bug() {
  boost::asio::io_context io{1};
  core::TaskGroup tasks(io.get_executor());
  Referred service{core::Semaphore(io.get_executor(), 1)};
  tasks.spawn("waits", wait_for_a_turn(service));
  boost::asio::post(io, [] { throw std::runtime_error("a bug"); });
  try {
    run_loop(io);
  } catch (const std::exception&) {
    // As main does.
  }
}

TEST(RunLoop, NothingIsDestroyedUnderThoseWhoWaitWhenABugLeavesIt) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        std::set_terminate([] {
          std::fputs("ended where it stood\n", stderr);
          std::_Exit(7);
        });
        end_with_a_bug();
      },
      testing::ExitedWithCode(7), "ended where it stood");
}

}  // namespace
}  // namespace skill_verifier::app
