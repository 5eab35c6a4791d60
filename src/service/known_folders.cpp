#include "service/known_folders.hpp"

#include <functional>
#include <system_error>
#include <utility>

#include "service/skill_path.hpp"

namespace skill_verifier::service {

/// Whose look it is. However it ends, nobody goes on waiting for it. The folders outlive it as they outlive every
/// coroutine that looks: no program unwinds from under a loop (app/run_loop.hpp).
class KnownFolders::Lead {
 public:
  Lead(Looks& open, std::string key) : open_(open), key_(std::move(key)) { open_[key_] = look_; }
  Lead(const Lead&) = delete;
  Lead& operator=(const Lead&) = delete;
  ~Lead() {
    close();
    core::resume(std::move(look_->waiting));
  }

  /// What is seen from here on may be older than the question of somebody who comes later.
  void close() {
    if (const auto mine = open_.find(key_); mine != open_.end() && mine->second == look_) open_.erase(mine);
  }
  KnownPackages::EntryPtr& found() { return look_->found; }

 private:
  Looks& open_;
  const std::string key_;
  const std::shared_ptr<Look> look_ = std::make_shared<Look>();
};

core::awaitable<KnownFolders::Found> KnownFolders::find(std::shared_ptr<const Submission> submission) {
  Found found;
  std::string key = KnownPackages::folder_key(*submission->skill_path, *submission);
  if (const auto open = open_.find(key); open != open_.end()) {
    const auto look = open->second;
    std::function<void(core::Parked)> join = [look](core::Parked caller) {
      look->waiting.push_back(std::move(caller));
    };
    co_await core::park(std::move(join));
    found.entry = look->found;
    co_return found;
  }
  Lead lead(open_, std::move(key));
  found.turn = co_await intake_.acquire();
  lead.close();
  if (!found.turn) co_return found;
  auto look = [this, submission]() -> KnownPackages::EntryPtr {
    const auto real = resolve_skill_path(*submission->skill_path, options_);
    std::error_code error;
    if (!real || !std::filesystem::is_directory(*real, error)) return nullptr;
    return known_.find(KnownPackages::folder_key(*real, *submission));
  };
  found.entry = co_await core::run_on(pool_, std::move(look));
  if (found.entry) found.turn.release();
  lead.found() = found.entry;
  co_return found;
}

}  // namespace skill_verifier::service
