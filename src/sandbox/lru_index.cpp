#include "sandbox/lru_index.hpp"

#include <algorithm>
#include <utility>

namespace skill_verifier::sandbox {

std::optional<LruIndex::Item> LruIndex::insert(Item item) {
  std::optional<Item> replaced;
  const auto same = std::ranges::find(entries_, item.key, [](const Entry& entry) { return entry.item.key; });
  if (same != entries_.end()) {
    if (same->item.id != item.id) replaced = std::move(same->item);
    entries_.erase(same);
  }
  entries_.push_back(Entry{std::move(item), std::make_shared<const char>('\0')});
  return replaced;
}

bool LruIndex::restore(Item item) {
  const auto same = [&item](const Entry& entry) { return entry.item.key == item.key; };
  if (std::ranges::any_of(entries_, same)) return false;
  entries_.push_front(Entry{std::move(item), std::make_shared<const char>('\0')});
  return true;
}

std::optional<LruIndex::Hit> LruIndex::find(const std::string& key) {
  const auto entry = std::ranges::find(entries_, key, [](const Entry& each) { return each.item.key; });
  if (entry == entries_.end()) return std::nullopt;
  return touch(entry);
}

std::optional<LruIndex::Hit> LruIndex::find_id(const std::string& id) {
  const auto entry = std::ranges::find(entries_, id, [](const Entry& each) { return each.item.id; });
  if (entry == entries_.end()) return std::nullopt;
  return touch(entry);
}

LruIndex::Hit LruIndex::touch(Entries::iterator entry) {
  entries_.splice(entries_.end(), entries_, entry);
  return Hit{entry->item.id, entry->token};
}

void LruIndex::erase_id(const std::string& id) {
  std::erase_if(entries_, [&id](const Entry& entry) { return entry.item.id == id; });
}

bool LruIndex::leased(const std::string& id) const {
  return std::ranges::any_of(entries_,
                             [&id](const Entry& entry) { return entry.item.id == id && entry.token.use_count() > 1; });
}

std::vector<LruIndex::Item> LruIndex::surplus() const {
  auto left_bytes = bytes();
  auto left_items = entries_.size();
  std::vector<Item> result;
  for (const auto& entry : entries_) {
    if (left_bytes <= max_bytes_ && left_items <= max_items_) break;
    if (entry.token.use_count() > 1) continue;
    left_bytes -= entry.item.bytes;
    --left_items;
    result.push_back(entry.item);
  }
  return result;
}

std::uint64_t LruIndex::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& entry : entries_)
    sum += entry.item.bytes;
  return sum;
}

}  // namespace skill_verifier::sandbox
