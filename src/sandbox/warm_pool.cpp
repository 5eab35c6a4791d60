#include "sandbox/warm_pool.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "skill_verifier/core/log.hpp"

namespace skill_verifier::sandbox {
namespace {

using core::Duration;

/// What one waiting container needs on the engine's machine: its shim 3.1 MB and init 0.1 MB (measured, proportional
/// set size), our read buffer, and what the kernel and the engine keep of it.
constexpr std::uint64_t kWaitingBytes = 4u << 20;
constexpr std::size_t kMostLines = 64;
constexpr Duration kLongestLook = std::chrono::seconds(30);
constexpr Duration kShortestLook = std::chrono::milliseconds(1);
constexpr Duration kCloseLimit = std::chrono::seconds(30);

}  // namespace

std::string pool_key(const std::string& image_id, const Limits& limits) {
  return fmt::format("{} {} {} {} {} {} {} {} {}", image_id, limits.memory_bytes, limits.nano_cpus, limits.pids,
                     limits.skill_bytes, limits.tmp_bytes, limits.inodes, limits.open_files, limits.file_bytes);
}

WarmPool::WarmPool(core::asio::any_io_executor executor, Activity& activity, Workshop workshop, PoolSizes sizes)
    : activity_(activity), workshop_(std::move(workshop)), sizes_(sizes), made_(executor), tasks_(executor) {}

WarmPool::Line* WarmPool::find(const std::string& key) {
  const auto found = lines_.find(key);
  return found == lines_.end() ? nullptr : &found->second;
}

WarmPool::Line& WarmPool::line_of(const std::string& key, Wanted wanted) {
  Line* known = find(key);
  if (known == nullptr) {
    Line made(wanted, !wanted.recurring);
    made.counted.runtime = wanted.name;
    made.counted.image_id = wanted.spec.image_id;
    made.counted.prepared = wanted.recurring;
    known = &lines_.emplace(key, std::move(made)).first->second;
  }
  known->wanted.lease = std::move(wanted.lease);
  known->image_gone = false;
  known->last_used = workshop_.now();
  activity_.changed().notify_all();
  return *known;
}

std::shared_ptr<const void> WarmPool::arrive(const std::string& key, Wanted wanted) {
  if (sizes_.max == 0 || !open_) return nullptr;
  Line& line = line_of(key, std::move(wanted));
  line.demand.arrived(line.last_used);
  ++*line.in_use;
  return {line.in_use.get(), [count = line.in_use](const void*) { --*count; }};
}

void WarmPool::announce(const std::string& key, Wanted wanted) {
  if (sizes_.max > 0) line_of(key, std::move(wanted));
}

awaitable<std::optional<LiveContainer>> WarmPool::take(std::string key) {
  Line* line = find(key);
  if (line == nullptr || !open_) co_return std::nullopt;
  if (line->ready.size() > line->claims) {
    if (auto live = pop(*line)) co_return live;
  }
  if (line->starting <= line->claims) co_return std::nullopt;
  ++line->claims;
  std::optional<LiveContainer> live;
  // A line that is claimed from is not forgotten.
  while (open_ && !live && line->starting + line->ready.size() >= line->claims) {
    const bool made = co_await made_.wait();
    if (!made) break;
    live = pop(*line);
  }
  --line->claims;
  co_return live;
}

std::optional<LiveContainer> WarmPool::pop(Line& line) {
  while (!line.ready.empty()) {
    Ready entry = std::move(line.ready.front());
    line.ready.pop_front();
    if (usable(entry)) return std::move(entry.live);
    ++line.counted.lost;
    drop(std::move(entry.live));
  }
  return std::nullopt;
}

bool WarmPool::usable(const Ready& entry) const {
  return entry.live.session->waiting() && workshop_.now() - entry.since < sizes_.max_age;
}

void WarmPool::note_wait(const std::string& key, Duration waited, bool warm) {
  Line* line = find(key);
  if (line == nullptr) return;
  ++(warm ? line->counted.warm : line->counted.cold);
  line->counted.waited += waited;
}

void WarmPool::resize(PoolSizes sizes) {
  sizes_ = sizes;
  activity_.changed().notify_all();
}

std::vector<PoolState> WarmPool::state() const {
  std::vector<PoolState> states;
  for (const auto& [key, line] : lines_) {
    PoolState state = line.counted;
    state.ready = line.ready.size();
    state.starting = line.starting;
    state.in_use = *line.in_use;
    states.push_back(std::move(state));
  }
  return states;
}

void WarmPool::open() {
  open_ = true;
  tasks_.spawn("keep containers waiting", run());
}

awaitable<void> WarmPool::run() {
  while (open_) {
    give_up_dead();
    shrink();
    fill();
    forget_unused();
    co_await activity_.changed().wait(next_look());
    // Before this object is looked at again: it may have gone with the group that cancelled.
    const bool cancelled = co_await core::cancelled();
    if (cancelled) co_return;
  }
}

std::size_t WarmPool::least_of(const Line& line) const {
  return line.configured && !line.image_gone ? std::min(sizes_.min, sizes_.max) : 0;
}

std::size_t WarmPool::wanted_of(Line& line) {
  if (line.image_gone) return 0;
  return std::clamp(line.demand.wanted(workshop_.now(), sizes_.idle), least_of(line), sizes_.max);
}

void WarmPool::give_up_dead() {
  for (auto& [key, line] : lines_) {
    std::deque<Ready> kept;
    for (auto& entry : line.ready) {
      if (usable(entry)) {
        kept.push_back(std::move(entry));
        continue;
      }
      if (!entry.live.session->waiting()) ++line.counted.lost;
      drop(std::move(entry.live));
    }
    line.ready = std::move(kept);
  }
}

void WarmPool::shrink() {
  const auto lines = view();
  std::optional<std::size_t> victim;
  if (!activity_.busy()) victim = next_victim(lines, situation());
  std::size_t index = 0;
  for (auto& [key, line] : lines_) {
    const auto most = std::max(lines[index].wanted, line.claims);
    auto surplus = line.ready.size() - std::min(line.ready.size(), most);
    if (victim == index) surplus = std::max<std::size_t>(surplus, 1);
    for (; surplus > 0; --surplus) {
      drop(std::move(line.ready.front().live));
      line.ready.pop_front();
    }
    ++index;
  }
}

void WarmPool::fill() {
  while (const auto next = next_fill(view(), situation())) {
    const auto line = std::next(lines_.begin(), static_cast<std::ptrdiff_t>(*next));
    ++line->second.starting;
    tasks_.spawn("start a waiting container", make(line->first, workshop_.now()));
  }
}

std::vector<PoolLine> WarmPool::view() {
  const auto now = workshop_.now();
  std::vector<PoolLine> lines;
  for (auto& [key, line] : lines_) {
    PoolLine seen;
    seen.wanted = wanted_of(line);
    seen.least = least_of(line);
    seen.ready = line.ready.size();
    seen.starting = line.starting;
    seen.claims = line.claims;
    seen.may_fill = line.not_before <= now;
    seen.last_used = line.last_used;
    lines.push_back(seen);
  }
  return lines;
}

PoolSituation WarmPool::situation() const {
  PoolSituation situation;
  situation.busy = activity_.busy();
  situation.budget = static_cast<std::size_t>(sizes_.memory_bytes / kWaitingBytes);
  situation.fills_at_once = workshop_.fills_at_once;
  return situation;
}

void WarmPool::forget_unused() {
  const auto unused = [this](Line& line) {
    return line.ready.empty() && line.starting == 0 && line.claims == 0 && *line.in_use == 0 && wanted_of(line) == 0;
  };
  for (auto& [key, line] : lines_)
    if (unused(line)) line.wanted.lease = nullptr;
  while (lines_.size() > kMostLines) {
    auto oldest = lines_.end();
    for (auto it = lines_.begin(); it != lines_.end(); ++it) {
      if (unused(it->second) && (oldest == lines_.end() || it->second.last_used < oldest->second.last_used))
        oldest = it;
    }
    if (oldest == lines_.end()) return;
    lines_.erase(oldest);
  }
}

Duration WarmPool::next_look() {
  const auto now = workshop_.now();
  Duration look = std::min(kLongestLook, sizes_.idle);
  if (activity_.busy()) look = std::min(look, activity_.quiet_in());
  for (auto& [key, line] : lines_) {
    if (!line.ready.empty()) look = std::min(look, line.ready.front().since + sizes_.max_age - now);
    if (line.not_before > now) look = std::min(look, line.not_before - now);
  }
  return std::max(look, kShortestLook);
}

awaitable<void> WarmPool::make(std::string key, Time asked) {
  auto starting = workshop_.start(lines_.at(key).wanted.spec);
  auto started = co_await std::move(starting);
  // A line with something that starts is not forgotten.
  Line& line = lines_.at(key);
  --line.starting;
  if (!open_ || started.error) {
    if (started.live.session) co_await started.live.session->end();
    if (!started.live.id.empty()) workshop_.remove(std::move(started.live.id));
  }
  if (open_) take_in(line, std::move(started), asked);
  made_.notify_all();
  activity_.changed().notify_all();
}

void WarmPool::take_in(Line& line, Started started, Time asked) {
  const auto now = workshop_.now();
  if (!started.error) {
    line.failures = 0;
    line.demand.refilled(now - asked);
    // The events outlive the session: it ends before the pool does.
    started.live.session->on_over([this] { activity_.changed().notify_all(); });
    line.ready.push_back({std::move(started.live), now});
    return;
  }
  ++line.failures;
  line.not_before = now + pause_after_failures(line.failures);
  line.image_gone = started.error->id == "image_missing";
  log::warn("no container for the pool", {{"runtime", line.wanted.name},
                                          {"code", started.error->id},
                                          {"message", started.error->message},
                                          {"failures", line.failures}});
}

void WarmPool::drop(LiveContainer live) {
  tasks_.spawn("give a waiting container up", end_and_remove(std::move(live)));
}

awaitable<void> WarmPool::end_and_remove(LiveContainer live) {
  co_await live.session->end();
  workshop_.remove(std::move(live.id));
}

awaitable<void> WarmPool::close() {
  open_ = false;
  made_.notify_all();
  tasks_.cancel();
  activity_.changed().notify_all();
  for (auto& [key, line] : lines_) {
    for (auto& entry : line.ready)
      drop(std::move(entry.live));
    line.ready.clear();
  }
  const bool ended = co_await tasks_.wait(kCloseLimit);
  if (!ended) log::error("the pool did not stop", {{"tasks", tasks_.size()}});
}

}  // namespace skill_verifier::sandbox
