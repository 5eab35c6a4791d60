#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "service/entry.hpp"

namespace skill_verifier::service {

/// Jobs that wait for a worker, in lanes: one for each client. Within a lane first come is first served. Between lanes
/// it is the turn of the one with the fewest jobs in sandboxes, among those of the one whose last turn was longest ago,
/// so that neither many jobs nor long ones of one client keep the others waiting.
class FairQueue {
 public:
  /// Jobs of a lane in sandboxes at once; 0 = no limit of its own.
  using Cap = std::function<std::size_t(const std::string& lane)>;

  void push(EntryPtr entry);
  /// The next job that may run, now counted as running in its lane. Null when there is none.
  EntryPtr pop(const Cap& cap);
  /// A job that pop gave has left its sandbox.
  void release(const std::string& lane);
  void erase(const EntryPtr& entry);
  void clear();

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  /// Jobs that wait in one lane.
  std::size_t size(const std::string& lane) const;

 private:
  struct Lane {
    std::deque<EntryPtr> waiting;
    std::size_t running = 0;
    std::uint64_t last_turn = 0;
  };
  /// A lane's place in the order of turns.
  struct Turn {
    std::size_t running;
    std::uint64_t last_turn;
    std::string lane;
    auto operator<=>(const Turn&) const = default;
  };
  using Lanes = std::map<std::string, Lane>;
  static Turn turn_of(const Lanes::value_type& lane) {
    return {lane.second.running, lane.second.last_turn, lane.first};
  }
  /// Changes a lane and puts it where it belongs then.
  void update(const std::string& name, const std::function<void(Lane&)>& change);

  Lanes lanes_;           ///< those with a job that waits or runs
  std::set<Turn> turns_;  ///< of lanes in which a job waits
  std::uint64_t next_turn_ = 0;
  std::size_t size_ = 0;
};

}  // namespace skill_verifier::service
