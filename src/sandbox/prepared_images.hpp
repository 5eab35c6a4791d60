#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sandbox/engine.hpp"
#include "sandbox/keyed_lock.hpp"
#include "sandbox/lru_index.hpp"
#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/result.hpp"
#include "skill_verifier/sandbox/sandbox.hpp"

namespace skill_verifier::sandbox {

/// Lower-case hex name of what test_deps makes: everything that it depends on enters it.
std::string prepared_key(const PrepareRequest& request, const std::string& init_sha256);

/// The images that test_deps left, capped in number and size, least recently used out, found again by their labels
/// after a restart.
class PreparedImages {
 public:
  PreparedImages(core::asio::any_io_executor executor, Engine& engine, std::string instance, std::uint64_t max_bytes,
                 std::size_t max_images);

  /// Takes over what an earlier life left and removes what holds another init. Errors: as Engine::list_images.
  awaitable<Result<void>> load(std::string init_sha256);

  /// One maker a key; empty when cancelled.
  awaitable<KeyedLock::Held> turn(std::string key) { return making_.acquire(std::move(key)); }
  /// The image, if the engine has it: also one whose commit was answered too late for whoever made it. Errors: as
  /// Engine::inspect_image and list_images.
  awaitable<Result<std::optional<LruIndex::Hit>>> find(std::string key);
  /// Takes a new image over, and removes others that are too much now. `bytes` is what it needs beyond its parent.
  awaitable<LruIndex::Lease> keep(LruIndex::Item item);
  /// Protects an image while somebody runs it; nothing for an image that is not ours.
  LruIndex::Lease lease(const std::string& image_id);
  void forget(const std::string& image_id) { index_.erase_id(image_id); }

 private:
  awaitable<std::optional<LruIndex::Item>> item_of(ImageSummary image);
  awaitable<Result<std::optional<LruIndex::Hit>>> adopt(std::string key);
  awaitable<void> shrink();
  awaitable<void> drop(LruIndex::Item item);

  Engine& engine_;
  std::string instance_;
  LruIndex index_;
  KeyedLock making_;
  std::vector<LruIndex::Item> superseded_;  ///< could not be removed and their key has a newer image
  std::set<std::string> dropping_;          ///< images that are being removed: nobody may be given one
};

}  // namespace skill_verifier::sandbox
