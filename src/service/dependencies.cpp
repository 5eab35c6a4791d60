#include "service/dependencies.hpp"

#include <fmt/core.h>

#include <utility>

#include "skill_verifier/core/log.hpp"

namespace skill_verifier::service {
namespace {

using Clock = std::chrono::steady_clock;

/// For checks that are cancelled when the service stops; a write that hangs cannot be.
constexpr core::Duration kStopLimit = std::chrono::seconds(10);

/// What /health and /ready say before there was any answer.
std::optional<std::string> state_of(const StandingCheck& check) {
  return check.known() ? check.trouble() : "no answer yet";
}

}  // namespace

StandingCheck::StandingCheck(const core::asio::any_io_executor& executor, core::TaskGroup& tasks,
                             const core::Duration& limit, std::string what, Ask ask)
    : tasks_(tasks), limit_(limit), what_(std::move(what)), ask_(std::move(ask)), answered_(executor) {}

void StandingCheck::renew(core::Duration age) {
  const auto now = Clock::now();
  if (under_way_ || (begun_ && now - *begun_ < age)) return;
  under_way_ = true;
  begun_ = now;
  tasks_.spawn("check of " + what_, run());
}

core::awaitable<void> StandingCheck::run() {
  auto asked = ask_();
  auto answer = co_await core::with_deadline(std::move(asked), limit_, what_);
  // Cancelled at the service's end, which says nothing about who was asked.
  const bool stopping = co_await core::cancelled();
  if (!stopping) answer_ = std::move(answer);
  under_way_ = false;
  answered_.notify_all();
}

core::awaitable<void> StandingCheck::wait_until(TimePoint deadline) {
  const auto left = deadline - Clock::now();
  if (under_way_ && left > core::Duration::zero()) co_await answered_.wait(left);
}

bool StandingCheck::overdue() const {
  // Beside with_deadline, which waits for what cannot be cancelled: a thread that hangs in a write.
  return under_way_ && Clock::now() - *begun_ >= limit_;
}

std::optional<std::string> StandingCheck::trouble() const {
  if (overdue()) {
    const auto seconds = std::chrono::duration<double>(limit_).count();
    return fmt::format("{}: no answer within {:g} s", what_, seconds);
  }
  return answer_ && !*answer_ ? std::optional(answer_->error().message) : std::nullopt;
}

Dependencies::Dependencies(const core::asio::any_io_executor& executor, store::JobStore& store,
                           sandbox::Sandbox& sandbox, attest::Quoter* quoter, const ServiceOptions& options)
    : store_(store),
      quoter_(quoter),
      options_(options),
      tasks_(executor),
      engine_(executor, tasks_, options.check_limit, "engine", [&sandbox] { return sandbox.check(); }),
      written_(executor, tasks_, options.check_limit, "store", [&store] { return store.check(); }),
      counted_(executor, tasks_, options.check_limit, "store", [this] { return count(); }),
      agent_(executor, tasks_, options.check_limit, "guest agent", [this] { return ask_agent(); }) {}

void Dependencies::renew() {
  if (stopped_) return;
  engine_.renew(options_.health_cache);
  written_.renew(options_.health_cache);
  counted_.renew(core::Duration::zero());
  if (quoter_ != nullptr) agent_.renew(options_.health_cache);
}

core::awaitable<void> Dependencies::describe(Health& health) {
  renew();
  const auto deadline = Clock::now() + options_.health_wait;
  co_await counted_.wait_until(deadline);
  for (StandingCheck* check : {&engine_, &written_, &agent_})
    if (!check->known()) co_await check->wait_until(deadline);
  fill(health);
}

core::awaitable<void> Dependencies::describe_now(Health& health) {
  renew();
  const auto deadline = Clock::now() + options_.check_limit;
  for (StandingCheck* check : {&engine_, &written_, &counted_, &agent_})
    co_await check->wait_until(deadline);
  fill(health);
}

void Dependencies::fill(Health& health) const {
  health.jobs = jobs_;
  health.engine_error = state_of(engine_);
  const auto countable = counted_.trouble();
  health.store_error = countable ? countable : state_of(written_);
  if (quoter_ != nullptr) health.dstack_error = state_of(agent_);
}

core::awaitable<void> Dependencies::stop() {
  stopped_ = true;
  tasks_.cancel();
  const bool ended = co_await tasks_.wait(kStopLimit);
  if (!ended) log::error("checks did not stop", {{"checks", tasks_.size()}});
}

core::awaitable<Result<void>> Dependencies::count() {
  auto counts = co_await store_.counts();
  if (!counts) co_return counts.error();
  jobs_ = std::move(*counts);
  co_return Result<void>{};
}

core::awaitable<Result<void>> Dependencies::ask_agent() {
  const auto answered = co_await quoter_->info();
  if (!answered) co_return answered.error();
  co_return Result<void>{};
}

}  // namespace skill_verifier::service
