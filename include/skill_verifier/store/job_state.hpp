#pragma once

#include <string_view>

#include "skill_verifier/core/result.hpp"

/// The life of a job, in one place:
///
///   pending ──▶ running ──▶ completed   the skill was judged (passed, failed or untested)
///    │  ▲          │  │───▶ failed      we could not judge it
///    │  └──────────┘  └───▶ cancelled   somebody asked us to stop
///    └────────────────────▶ failed | cancelled
///
/// Every store checks each change against this table; there is no other way to change a state.
namespace skill_verifier::store {

enum class JobState { pending, running, completed, failed, cancelled };

std::string_view to_string(JobState state);
/// Errors: invalid_argument `job_state_invalid` listing the states that exist.
Result<JobState> parse_job_state(std::string_view text);

constexpr bool is_final(JobState state) {
  return state != JobState::pending && state != JobState::running;
}
/// Whether the table above has an arrow from one to the other.
bool may_become(JobState from, JobState to);
/// Errors: conflict `job_state_conflict` naming both states.
Result<void> check_transition(std::string_view id, JobState from, JobState to);

}  // namespace skill_verifier::store
