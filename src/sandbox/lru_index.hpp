#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace skill_verifier::sandbox {

/// Which kept images there are, in the order of their use. Pure bookkeeping. An image whose lease somebody holds is
/// never given up.
class LruIndex {
 public:
  using Lease = std::shared_ptr<const void>;

  struct Item {
    std::string key;
    std::string id;
    std::uint64_t bytes = 0;
  };
  struct Hit {
    std::string id;
    Lease lease;
  };

  LruIndex(std::uint64_t max_bytes, std::size_t max_items) : max_bytes_(max_bytes), max_items_(max_items) {}

  /// Adds as most recently used; an item of the same key is replaced in the index, and given back to be removed.
  std::optional<Item> insert(Item item);
  /// Puts back what was erased and could not be removed, as least recently used. False, and nothing is changed, when
  /// its key has another item meanwhile.
  bool restore(Item item);
  /// The item becomes the most recently used one.
  std::optional<Hit> find(const std::string& key);
  /// The same by image id.
  std::optional<Hit> find_id(const std::string& id);
  void erase_id(const std::string& id);
  bool leased(const std::string& id) const;
  /// What has to go, least recently used first, until the rest is within both limits. It stays in the index.
  std::vector<Item> surplus() const;

  std::uint64_t bytes() const;
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Item item;
    Lease token;
  };
  using Entries = std::list<Entry>;

  Hit touch(Entries::iterator entry);

  std::uint64_t max_bytes_;
  std::size_t max_items_;
  Entries entries_;  ///< least recently used first
};

}  // namespace skill_verifier::sandbox
