#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "skill_verifier/attest/quoter.hpp"
#include "skill_verifier/core/async.hpp"
#include "skill_verifier/sandbox/sandbox.hpp"
#include "skill_verifier/service/service.hpp"
#include "skill_verifier/store/job_store.hpp"

/// Whether what the service stands on answers. Whoever hangs keeps neither the others nor those who ask about it
/// waiting.
namespace skill_verifier::service {

/// One question that may take long, and what was last answered to it. It is under way at most once.
class StandingCheck {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Ask = std::function<core::awaitable<Result<void>>()>;

  /// `what` names who is asked in "`what`: no answer within …".
  StandingCheck(const core::asio::any_io_executor& executor, core::TaskGroup& tasks, const core::Duration& limit,
                std::string what, Ask ask);

  /// Asks, unless it is being asked or was within the last `age`.
  void renew(core::Duration age);
  /// Until the question that is under way has an answer, if one is; at most until then.
  core::awaitable<void> wait_until(TimePoint deadline);
  /// There was an answer, or has been none for too long.
  bool known() const { return answer_.has_value() || overdue(); }
  /// Why it is of no use, as far as is known; nothing where the last answer was a good one, or there was none yet.
  std::optional<std::string> trouble() const;

 private:
  core::awaitable<void> run();
  bool overdue() const;

  core::TaskGroup& tasks_;
  const core::Duration& limit_;
  const std::string what_;
  const Ask ask_;
  core::Event answered_;
  std::optional<TimePoint> begun_;
  bool under_way_ = false;
  std::optional<Result<void>> answer_;
};

/// Engine, store and guest agent. One thread.
class Dependencies {
 public:
  Dependencies(const core::asio::any_io_executor& executor, store::JobStore& store, sandbox::Sandbox& sandbox,
               attest::Quoter* quoter, const ServiceOptions& options);

  /// Fills in what is known, and has everybody asked anew behind it. Waits for nobody but who has never answered and
  /// for the number of jobs, ServiceOptions::health_wait at most.
  core::awaitable<void> describe(Health& health);
  /// The same of now: after at most ServiceOptions::check_limit, in which all are asked beside each other.
  core::awaitable<void> describe_now(Health& health);
  /// What is known at the moment.
  bool engine_away() const { return engine_.trouble().has_value(); }
  /// Nobody is asked from now on.
  core::awaitable<void> stop();

 private:
  void renew();
  void fill(Health& health) const;
  core::awaitable<Result<void>> count();
  core::awaitable<Result<void>> ask_agent();

  store::JobStore& store_;
  attest::Quoter* const quoter_;
  const ServiceOptions& options_;
  core::TaskGroup tasks_;
  bool stopped_ = false;
  store::JobCounts jobs_;
  StandingCheck engine_, written_, counted_, agent_;
};

}  // namespace skill_verifier::service
