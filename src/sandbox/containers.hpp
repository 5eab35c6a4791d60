#pragma once

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sandbox/container_spec.hpp"
#include "sandbox/engine.hpp"
#include "sandbox/seccomp_file.hpp"
#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/result.hpp"

namespace skill_verifier::sandbox {

/// Creates containers and sees to it that every one of them is removed, whatever becomes of the calls in between.
class Containers {
 public:
  Containers(core::asio::any_io_executor executor, Engine& engine, std::string instance, core::Duration remove_limit);

  /// How the engine takes the seccomp profile where it does not take the text; before the first `create`. `file`
  /// outlives this object.
  void give_profile_as(SeccompFile& file) { seccomp_file_ = &file; }

  /// Completes even when the caller is cancelled meanwhile. When there is no answer that names or refuses the
  /// container, what the engine may have created all the same is looked for by its label and removed. Errors: as
  /// Engine::create_container and SeccompFile::ready.
  awaitable<Result<std::string>> create(ContainerSpec spec);

  /// Kills and removes until the engine says that it is gone: false when the limit passed first, which is logged. It is
  /// tried on in the background then.
  awaitable<bool> remove(std::string id);
  /// The same in the background, until `settle`.
  void remove_later(std::string id);
  /// When the caller was cancelled, returns only when the container is gone; else removes it in the background.
  awaitable<void> discard(std::string id);

  /// Removes every container of this instance. What takes longer than `limit` is tried on in the background and its
  /// short id given back. Errors: as Engine::list_containers.
  awaitable<Result<std::vector<std::string>>> remove_all(core::Duration limit);
  /// Waits for what runs in the background.
  awaitable<bool> settle(core::Duration limit);
  /// Ends what runs in the background: nothing of this object is in use when it returns.
  awaitable<void> close();
  /// Removals that go on in the background.
  std::size_t pending() const { return background_.size(); }

  const std::string& instance() const { return instance_; }

 private:
  awaitable<void> remove_in_background(std::string id);
  void sweep_soon();
  awaitable<void> sweep();
  awaitable<void> sweep_once();

  awaitable<Result<std::string>> body_of(ContainerSpec spec);

  Engine& engine_;
  SeccompFile* seccomp_file_ = nullptr;
  std::string instance_;
  core::Duration remove_limit_;
  core::Semaphore removals_;
  struct Owner {
    std::string job_id;
    std::string request_id;
  };
  std::map<std::string, Owner> owners_;  ///< of this life's containers that are not gone, for the log
  /// Creates without an answer, until when the engine may still be at work on them, by their label.
  std::map<std::string, std::chrono::steady_clock::time_point> lost_;
  std::set<std::string> stuck_;  ///< containers that would not go
  core::Duration sweep_pause_{};
  bool sweeping_ = false;
  core::TaskGroup background_;
};

}  // namespace skill_verifier::sandbox
