#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

#include "skill_verifier/core/async.hpp"

namespace skill_verifier::sandbox {

/// Whether jobs are in sandboxes: while they are, work that can wait leaves the processors to them. One thread.
class Activity {
 public:
  /// The pause after which the last job's client is taken to have no next one in hand.
  static constexpr core::Duration kQuiet = std::chrono::milliseconds(15);

  explicit Activity(core::asio::any_io_executor executor) : state_(std::make_shared<State>(std::move(executor))) {}

  /// A job is running as long as a copy of this exists.
  std::shared_ptr<const void> begin() {
    ++state_->running;
    return {state_.get(), [state = state_](const void*) {
              --state->running;
              state->last_end = std::chrono::steady_clock::now();
              state->changed.notify_all();
            }};
  }
  std::size_t running() const { return state_->running; }
  bool busy() const { return quiet_in() > core::Duration::zero(); }
  /// How long until it is quiet if no job begins meanwhile; not above zero when it is, without end while jobs run.
  core::Duration quiet_in() const {
    if (state_->running > 0) return core::Duration::max();
    return state_->last_end + kQuiet - std::chrono::steady_clock::now();
  }
  /// Notified when a job ends, and by those who wait for quiet when something else changed.
  core::Event& changed() { return state_->changed; }

 private:
  struct State {
    explicit State(core::asio::any_io_executor executor) : changed(std::move(executor)) {}
    std::size_t running = 0;
    std::chrono::steady_clock::time_point last_end{};
    core::Event changed;
  };
  std::shared_ptr<State> state_;
};

}  // namespace skill_verifier::sandbox
