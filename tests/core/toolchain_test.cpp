// The forms of co_await that g++ 12 turns into double frees, in the shapes this project uses. A compiler that fails
// here must not build the service.
#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <memory>
#include <string>
#include <vector>

namespace {

namespace asio = boost::asio;
using asio::awaitable;

struct Counted {
  explicit Counted(std::string text) : text(std::make_unique<std::string>(std::move(text))) { ++alive; }
  Counted(Counted&& other) noexcept : text(std::move(other.text)) { ++alive; }
  ~Counted() { --alive; }
  std::unique_ptr<std::string> text;
  static inline int alive = 0;
};

struct Params {
  std::string name;
  Counted value;
};

awaitable<std::string> consume(Params params) {
  co_return params.name + *params.value.text;
}
awaitable<std::string> name_of(std::string text) {
  co_return text;
}

awaitable<std::string> named_argument_moved_in() {
  Params params{"a long enough name to be on the heap ", Counted("and a value of that kind")};
  auto text = co_await consume(std::move(params));
  co_return text;
}

awaitable<std::string> coroutine_built_before_await() {
  auto work = consume(Params{"a long enough name to be on the heap ", Counted("and a value of that kind")});
  co_return co_await std::move(work);
}

awaitable<std::string> in_a_loop_and_a_condition() {
  std::string all;
  for (const char* piece : {"one of the longer pieces of text ", "and another one of them"}) {
    std::string argument = piece;
    auto text = co_await name_of(std::move(argument));
    if (!text.empty()) all += text;
  }
  co_return all;
}

std::string run(awaitable<std::string> work) {
  asio::io_context io;
  auto future = asio::co_spawn(io, std::move(work), asio::use_future);
  io.run();
  return future.get();
}

TEST(Toolchain, EveryAwaitFormWeUseDestroysWhatItBuiltOnce) {
  EXPECT_EQ(run(named_argument_moved_in()), "a long enough name to be on the heap and a value of that kind");
  EXPECT_EQ(run(coroutine_built_before_await()), "a long enough name to be on the heap and a value of that kind");
  EXPECT_EQ(run(in_a_loop_and_a_condition()), "one of the longer pieces of text and another one of them");
  EXPECT_EQ(Counted::alive, 0);
}

}  // namespace
