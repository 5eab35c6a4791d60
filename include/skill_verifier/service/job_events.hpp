#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "skill_verifier/core/clock.hpp"
#include "skill_verifier/store/job_store.hpp"

namespace skill_verifier::service {

/// A job changed its state when its log had `offset` bytes.
struct StateMark {
  store::JobState state = store::JobState::pending;
  int attempt = 0;  ///< runs begun by then
  core::Time at{};
  std::uint64_t offset = 0;
};

/// A place among the events of a job. Events are numbered by what stands before them, so that whoever holds a cursor
/// gets each later event once. A job that a restart of the service began anew has a new log, under the name of another
/// life.
struct EventCursor {
  std::string life;  ///< empty: from the beginning
  std::uint64_t marks = 0;
  std::uint64_t offset = 0;  ///< in the log
  bool operator==(const EventCursor&) const = default;
};

/// What comes after a cursor: a change of state, or a piece of the log (valid up to a character's end where that is
/// known), or neither when nothing happened in time.
struct EventPart {
  std::optional<StateMark> mark;
  std::string text;
  EventCursor next;       ///< the place after it
  bool anew = false;      ///< the cursor was of another life: this one is told from its beginning
  bool ended = false;     ///< nothing will follow `next`
  bool is_final = false;  ///< and the job has its outcome
};

}  // namespace skill_verifier::service
