#include "skill_verifier/store/job_state.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::store {
namespace {

struct Transition {
  JobState from;
  JobState to;
};

constexpr std::array kTransitions{
    Transition{JobState::pending, JobState::running},    // a worker took it
    Transition{JobState::pending, JobState::failed},     // it cannot be run, e.g. its package is lost
    Transition{JobState::pending, JobState::cancelled},  // removed while it waited
    Transition{JobState::running, JobState::pending},    // to be run again: shutdown, crash, passing fault
    Transition{JobState::running, JobState::completed},  // judged
    Transition{JobState::running, JobState::failed},     // could not be judged
    Transition{JobState::running, JobState::cancelled},  // removed while it ran
};

constexpr std::array kStates{JobState::pending, JobState::running, JobState::completed, JobState::failed,
                             JobState::cancelled};

}  // namespace

std::string_view to_string(JobState state) {
  switch (state) {
    case JobState::pending:
      return "pending";
    case JobState::running:
      return "running";
    case JobState::completed:
      return "completed";
    case JobState::failed:
      return "failed";
    case JobState::cancelled:
      return "cancelled";
  }
  return "failed";
}

Result<JobState> parse_job_state(std::string_view text) {
  for (const JobState state : kStates)
    if (to_string(state) == text) return state;
  return Error{Errc::invalid_argument, "job_state_invalid",
               fmt::format("there is no job state '{}'", core::shorten(text)),
               "use pending, running, completed, failed or cancelled"};
}

bool may_become(JobState from, JobState to) {
  return std::ranges::any_of(kTransitions,
                             [&](const Transition& known) { return known.from == from && known.to == to; });
}

Result<void> check_transition(std::string_view id, JobState from, JobState to) {
  if (may_become(from, to)) return {};
  return Error{Errc::conflict, "job_state_conflict",
               fmt::format("job {} is {} and cannot become {}", core::shorten(id), to_string(from), to_string(to))};
}

}  // namespace skill_verifier::store
