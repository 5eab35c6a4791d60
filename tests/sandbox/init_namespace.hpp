#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "sandbox/init_client.hpp"

namespace skill_verifier::testing_support {

/// A folder that serves as root file system: a static busybox with its commands, and init. Removed at the end.
class RootFolder {
 public:
  RootFolder();
  ~RootFolder();
  RootFolder(const RootFolder&) = delete;
  RootFolder& operator=(const RootFolder&) = delete;

  /// Why these tests cannot run here: no root, no busybox, no mount. Empty when they can.
  static std::string missing();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// The real skill-verifier-init as PID 1 of new pid, mount and ipc namespaces, with the two capabilities that a test
/// container gives it and /skill on a tmpfs of the job's; or, for prepare, with the capabilities of root. Far quicker
/// than a container and without an engine, but no proof of isolation: that is init_container_test.cpp.
class NamespacedInit {
 public:
  struct Options {
    bool prepare = false;
    std::uint64_t skill_bytes = 16u << 20;
    /// Where the engine's tmpfs takes neither owner nor inodes: /skill is everybody's, and init watches this number.
    std::uint64_t watched_inodes = 0;
    const char* more_skill_options = "";  ///< of the tmpfs at /skill, as `,nr_inodes=0`
    bool cgroup_tmpfs = false;            ///< at /sys/fs/cgroup, anybody's
  };
  NamespacedInit(const RootFolder& root, Options options);
  ~NamespacedInit();
  NamespacedInit(const NamespacedInit&) = delete;
  NamespacedInit& operator=(const NamespacedInit&) = delete;

  InitClient& client() { return *client_; }
  /// Its pid outside.
  pid_t pid() const { return pid_; }
  /// Waits for the end of PID 1; its wait status.
  int wait();

 private:
  pid_t pid_ = -1;
  std::optional<int> status_;
  std::unique_ptr<InitClient> client_;
};

}  // namespace skill_verifier::testing_support
