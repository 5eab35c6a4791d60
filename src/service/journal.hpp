#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/service/job_events.hpp"

namespace skill_verifier::service {

/// The changes of state of one job in one life of the service, with their places in its log. Kept with the job's log,
/// so that its events can be told again in the same order.
class Journal {
 public:
  /// With a name of its own.
  Journal();
  explicit Journal(std::string life) : life_(std::move(life)) {}

  void add(store::JobState state, int attempt, core::Time at, std::uint64_t offset);
  const std::string& life() const { return life_; }
  const std::vector<StateMark>& marks() const { return marks_; }
  /// For store::JobOutcome::journal.
  std::string to_json() const;
  /// From what is kept; for a job whose journal is not known, from its row.
  static Journal of(const store::VerdictRow& job, const store::LogPiece& piece);

 private:
  std::string life_;
  std::vector<StateMark> marks_;
};

/// What comes next after `cursor` in a log of which `available` starts at the cursor's offset (at most kEventText bytes
/// are taken). `complete`: nothing will be added. Absent: nothing yet.
std::optional<EventPart> next_part(const Journal& journal, std::string_view available, bool complete,
                                   const EventCursor& cursor);
/// The cursor itself, or where to begin when it is of another life of the job.
EventCursor in_life(const Journal& journal, const EventCursor& cursor);

inline constexpr std::size_t kEventText = 8u << 10;

/// The text from `offset` on; empty beyond its end.
inline std::string_view from(std::string_view text, std::uint64_t offset) {
  return offset < text.size() ? text.substr(offset) : std::string_view();
}

}  // namespace skill_verifier::service
