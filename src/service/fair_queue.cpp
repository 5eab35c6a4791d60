#include "service/fair_queue.hpp"

#include <algorithm>
#include <utility>

namespace skill_verifier::service {

void FairQueue::update(const std::string& name, const std::function<void(Lane&)>& change) {
  auto lane = lanes_.find(name);
  if (lane == lanes_.end()) {
    // At the end of the round: who comes back with nothing running has no advantage over those who stayed.
    lane = lanes_.emplace(name, Lane{}).first;
    lane->second.last_turn = ++next_turn_;
  }
  turns_.erase(turn_of(*lane));
  change(lane->second);
  if (!lane->second.waiting.empty()) {
    turns_.insert(turn_of(*lane));
  } else if (lane->second.running == 0) {
    lanes_.erase(lane);
  }
}

void FairQueue::push(EntryPtr entry) {
  const std::string lane = entry->lane;
  ++size_;
  update(lane, [&entry](Lane& into) { into.waiting.push_back(std::move(entry)); });
}

EntryPtr FairQueue::pop(const Cap& cap) {
  const auto turn = std::ranges::find_if(turns_, [&cap](const Turn& candidate) {
    const std::size_t most = cap ? cap(candidate.lane) : 0;
    return most == 0 || candidate.running < most;
  });
  if (turn == turns_.end()) return nullptr;
  EntryPtr entry;
  const std::string name = turn->lane;
  update(name, [this, &entry](Lane& lane) {
    entry = std::move(lane.waiting.front());
    lane.waiting.pop_front();
    ++lane.running;
    lane.last_turn = ++next_turn_;
  });
  --size_;
  return entry;
}

void FairQueue::release(const std::string& lane) {
  update(lane, [](Lane& from) { --from.running; });
}

void FairQueue::erase(const EntryPtr& entry) {
  const auto lane = lanes_.find(entry->lane);
  if (lane == lanes_.end() || std::ranges::find(lane->second.waiting, entry) == lane->second.waiting.end()) return;
  const std::string name = entry->lane;
  update(name, [&entry](Lane& from) { std::erase(from.waiting, entry); });
  --size_;
}

void FairQueue::clear() {
  for (auto lane = lanes_.begin(); lane != lanes_.end();) {
    lane->second.waiting.clear();
    lane = lane->second.running == 0 ? lanes_.erase(lane) : std::next(lane);
  }
  turns_.clear();
  size_ = 0;
}

std::size_t FairQueue::size(const std::string& lane) const {
  const auto found = lanes_.find(lane);
  return found == lanes_.end() ? 0 : found->second.waiting.size();
}

}  // namespace skill_verifier::service
