#include "http/job_cache.hpp"

namespace skill_verifier::http {
namespace {

constexpr std::size_t kReadersSwept = 256;

}  // namespace

JobCache::Text JobCache::find(std::string_view id, Clock::time_point now) {
  const auto found = index_.find(id);
  if (found == index_.end()) return nullptr;
  if (found->second->expires <= now) {
    drop(found->second);
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->text;
}

void JobCache::insert(std::string id, Text text, std::uint64_t epoch, Clock::time_point now) {
  if (epoch != epoch_) return;
  forget_unread();
  readers_[id] = text;
  // Nobody may ask for a job a second time: what has expired must not stay until the cache is full.
  while (!entries_.empty() && entries_.back().expires <= now)
    drop(std::prev(entries_.end()));
  if (const auto found = index_.find(id); found != index_.end()) drop(found->second);
  while (text->size() > bytes_left_ && !entries_.empty())
    drop(std::prev(entries_.end()));
  if (text->size() > bytes_left_) return;
  bytes_left_ -= text->size();
  entries_.push_front(Entry{std::move(id), std::move(text), now + lifetime_});
  index_.emplace(entries_.front().id, entries_.begin());
}

JobCache::Text JobCache::being_read(const std::string& id) const {
  const auto found = readers_.find(id);
  return found == readers_.end() ? nullptr : found->second.lock();
}

void JobCache::forget_unread() {
  if (readers_.size() < kReadersSwept) return;
  std::erase_if(readers_, [](const auto& entry) { return entry.second.expired(); });
}

void JobCache::erase(std::string_view id) {
  ++epoch_;
  readers_.erase(std::string(id));
  if (const auto found = index_.find(id); found != index_.end()) drop(found->second);
}

void JobCache::drop(Entries::iterator entry) {
  bytes_left_ += entry->text->size();
  index_.erase(entry->id);
  entries_.erase(entry);
}

}  // namespace skill_verifier::http
