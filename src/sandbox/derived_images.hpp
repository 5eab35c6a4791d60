#pragma once

#include <map>
#include <optional>
#include <string>

#include "sandbox/containers.hpp"
#include "sandbox/engine.hpp"
#include "sandbox/keyed_lock.hpp"
#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/result.hpp"
#include "skill_verifier/sandbox/sandbox.hpp"

namespace skill_verifier::sandbox {

/// The static init: what PID 1 of every sandbox is.
struct InitProgram {
  std::string tar;     ///< an archive with the executable as its only file
  std::string sha256;  ///< of the executable
};

/// Lower-case hex name of the image that a runtime image and an init give together.
std::string derived_key(const std::string& runtime_image_id, const std::string& init_sha256);

/// Runtime images with init in them. Each is made once and found again by its labels after a restart; callers that want
/// the same one at the same time share the work.
class DerivedImages {
 public:
  DerivedImages(core::asio::any_io_executor executor, Engine& engine, Containers& containers, InitProgram init);

  /// Id of the derived image. Errors: as Engine's calls, cancelled.
  awaitable<Result<std::string>> get(Image runtime);
  /// The engine no longer has it: the next `get` makes it anew.
  void forget(const std::string& runtime_image_id);
  /// Removes derived images of this instance that hold another init. Best effort.
  awaitable<void> remove_stale();
  /// Puts init where it belongs in a container that is not running.
  awaitable<Result<void>> install_init(std::string container_id);

  const InitProgram& init() const { return init_; }

 private:
  awaitable<Result<std::string>> find_or_build(Image runtime);
  awaitable<Result<std::optional<std::string>>> find(Image runtime);
  awaitable<Result<std::string>> build(Image runtime);
  awaitable<Result<std::string>> fill_and_commit(Image runtime, std::string container_id);

  Engine& engine_;
  Containers& containers_;
  InitProgram init_;
  std::map<std::string, std::string> known_;  ///< runtime image id → derived image id
  KeyedLock making_;
};

}  // namespace skill_verifier::sandbox
