#include "sandbox/retirement.hpp"

#include <algorithm>
#include <utility>

namespace skill_verifier::sandbox {
namespace {

using std::chrono::steady_clock;

constexpr core::Duration kShortestWait = std::chrono::milliseconds(1);
constexpr core::Duration kCloseLimit = std::chrono::seconds(10);

}  // namespace

Retirement::Retirement(core::asio::any_io_executor executor, Containers& containers, Activity& activity)
    : containers_(containers), activity_(activity), tasks_(std::move(executor)) {}

void Retirement::add(LiveContainer live) {
  waiting_.push_back({std::move(live), steady_clock::now() + kLongest});
  if (!std::exchange(working_, true)) tasks_.spawn("take containers apart", work());
}

bool Retirement::due() const {
  if (closing_ || waiting_.size() > kMost || waiting_.front().until <= steady_clock::now()) return true;
  // One after the other while there is time: the engine needs most of a processor for each.
  return !activity_.busy() && under_way_ == 0;
}

awaitable<void> Retirement::work() {
  while (!waiting_.empty()) {
    if (due()) {
      tasks_.spawn("take a container apart", take_apart(std::move(waiting_.front().live)));
      waiting_.pop_front();
      continue;
    }
    const auto latest = waiting_.front().until - steady_clock::now();
    const auto quiet = std::max(activity_.quiet_in(), kShortestWait);
    co_await activity_.changed().wait(under_way_ > 0 ? latest : std::min(quiet, latest));
  }
  working_ = false;
}

awaitable<void> Retirement::take_apart(LiveContainer live) {
  ++under_way_;
  co_await live.session->end();
  co_await containers_.remove(std::move(live.id));
  --under_way_;
  activity_.changed().notify_all();
}

awaitable<void> Retirement::close() {
  closing_ = true;
  activity_.changed().notify_all();
  const bool ended = co_await tasks_.wait(kCloseLimit);
  if (ended) co_return;
  tasks_.cancel();
  co_await tasks_.wait(kCloseLimit);
}

}  // namespace skill_verifier::sandbox
