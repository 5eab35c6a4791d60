#include "skill_verifier/service/run_once.hpp"

#include <utility>

namespace skill_verifier::service {
namespace {

/// Only how often the loop looks whether it was cancelled: the job's own limits end the wait.
constexpr core::Duration kLook = std::chrono::minutes(1);

}  // namespace

awaitable<Result<store::Job>> run_once(Service& service, Submission submission) {
  auto submitted = co_await service.submit(std::move(submission));
  if (!submitted) co_return submitted.error();
  const std::string id = submitted->id;
  while (true) {
    const auto before = std::chrono::steady_clock::now();
    auto job = co_await service.wait(id, kLook);
    if (!job || store::is_final(job->state)) co_return job;
    const bool stopped = co_await core::cancelled();
    const bool early = std::chrono::steady_clock::now() - before < kLook;
    if (!stopped && !early) continue;
    // Woken early without an end: cancelled, or the service was stopped and has put the job back.
    co_await core::shield_from_cancellation();
    [[maybe_unused]] const auto removed = co_await service.remove(id);
    co_return Error{Errc::cancelled, "cancelled", "the verification was cancelled"};
  }
}

}  // namespace skill_verifier::service
