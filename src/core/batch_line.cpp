#include "skill_verifier/core/batch_line.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace skill_verifier::core {
namespace {

template <class Completion>
class HandlerOf final : public Parked::Handler {
 public:
  HandlerOf(asio::any_io_executor executor, Completion completion)
      : Handler(std::move(executor)), completion_(std::move(completion)) {}
  void go_on() override { std::move(completion_)(); }

 private:
  Completion completion_;
};

}  // namespace

Parked::Handler::Handler(asio::any_io_executor executor)
    : executor_(asio::prefer(executor, asio::execution::outstanding_work.tracked)) {}
Parked::Handler::~Handler() = default;

awaitable<void> park(std::function<void(Parked)> take) {
  const auto executor = co_await asio::this_coro::executor;
  auto initiate = [executor, take = std::move(take)](auto completion) {
    using Completion = decltype(completion);
    take(Parked(std::make_unique<HandlerOf<Completion>>(executor, std::move(completion))));
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(std::move(initiate), asio::use_awaitable);
}

void resume(std::vector<Parked> parked) {
  for (auto first = parked.begin(); first != parked.end();) {
    // Those who go on keep their loop at work, this thread does not: it may be the last to let go, when the loop is
    // over.
    const asio::any_io_executor executor =
        asio::prefer(first->handler_->executor(), asio::execution::outstanding_work.untracked);
    const auto end = std::find_if(first, parked.end(), [&](const Parked& one) {
      return one.handler_->executor() != first->handler_->executor();
    });
    std::vector<Parked> here(std::make_move_iterator(first), std::make_move_iterator(end));
    asio::post(executor, [here = std::move(here)] {
      for (const auto& one : here)
        one.handler_->go_on();
    });
    first = end;
  }
}

}  // namespace skill_verifier::core
