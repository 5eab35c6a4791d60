#pragma once

#include <cstdint>
#include <string_view>

namespace skill_verifier::sandbox {

/// Whose engine answers at the Docker Engine API.
enum class EngineKind : std::uint8_t { docker, podman };

/// What differs between engines that speak the same API. Whatever depends on the kind is a member here, and asked for
/// by what it means; nothing else asks for the kind.
struct EngineTraits {
  std::string_view name = "Docker Engine";  ///< for messages and reports
  /// The seccomp profile is the text itself; else the path of a file that the engine reads.
  bool seccomp_is_text = true;
  /// A tmpfs takes an owner and a number of inodes; else it belongs to root, anybody may write to it, and PID 1 looks
  /// after the inodes.
  bool tmpfs_takes_all_options = true;
  /// A read-only root gets writable file systems without a limit, and a tmpfs what the image has in its place, unless a
  /// container says otherwise.
  bool adds_to_containers = false;
  /// Without a limit of processes per user it sets one that it may have no right to.
  bool wants_process_limit = false;
  /// A container names its OCI runtime; else there is only the one of the engine, and another name is not heeded.
  bool runtime_per_container = true;
  /// Labels of a committed image are members of the request; else instructions beside it.
  bool commit_reads_config = true;
  /// The last image made from one without a name takes that one along when it is removed.
  bool removes_nameless_parents = false;
  /// A create that is answered with an error may have left a container.
  bool failed_create_may_leave = true;
  /// What a container was given is looked at once at the start, in one that holds nothing but init.
  bool proves_limits = false;
};

inline constexpr EngineTraits kDockerTraits{};
/// Podman's service. Measured with 4.3.1.
inline constexpr EngineTraits kPodmanTraits{
    .name = "Podman",
    .seccomp_is_text = false,
    .tmpfs_takes_all_options = false,
    .adds_to_containers = true,
    .wants_process_limit = true,
    .runtime_per_container = false,
    .commit_reads_config = false,
    .removes_nameless_parents = true,
    .failed_create_may_leave = false,
    .proves_limits = true,
};

constexpr const EngineTraits& traits_of(EngineKind kind) {
  return kind == EngineKind::podman ? kPodmanTraits : kDockerTraits;
}

}  // namespace skill_verifier::sandbox
