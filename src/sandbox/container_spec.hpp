#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sandbox/engine.hpp"
#include "sandbox/engine_kind.hpp"
#include "sandbox/seccomp_profile.hpp"
#include "skill_verifier/sandbox/sandbox.hpp"

namespace skill_verifier::sandbox {

/// What a container is for; also the value of its `skill-verifier.role` label.
enum class Role {
  test,     ///< runs a command of a skill under the strict profile
  pool,     ///< the same for a job that is not known yet: nothing in it names one
  prepare,  ///< runs test_deps as root of a writable root file system
  build,    ///< is never started: a place to put init into an image
};
std::string_view to_string(Role role);
/// Whether it runs a command of a skill.
bool is_strict(Role role);
/// The capabilities that its containers are given, a bit each by their numbers.
std::uint64_t capability_mask(Role role);

/// Labels of everything that this program leaves in an engine.
inline constexpr const char* kLabelInstance = "skill-verifier.instance";
inline constexpr const char* kLabelJob = "skill-verifier.job";
inline constexpr const char* kLabelAttempt = "skill-verifier.attempt";
inline constexpr const char* kLabelRole = "skill-verifier.role";
inline constexpr const char* kLabelCreate = "skill-verifier.create";  ///< random name of one create request
inline constexpr const char* kLabelImage = "skill-verifier.image";    ///< of images: `derived`, `prepared` or `proof`
inline constexpr const char* kLabelKey = "skill-verifier.key";        ///< of images: what they were made from
inline constexpr const char* kLabelInit = "skill-verifier.init";      ///< of images: SHA-256 of the init in them

inline constexpr const char* kDerivedKind = "derived";
inline constexpr const char* kPreparedKind = "prepared";
inline constexpr const char* kProofKind = "proof";  ///< holds nothing but init; removed at once

struct ContainerSpec {
  Role role = Role::test;
  std::string image_id;  ///< holds init; for `build` the runtime image
  std::string instance;
  std::string create_id;  ///< finds the container again when the engine's answer was lost
  std::string job_id;
  std::string request_id;  ///< of whoever submitted the job: for our log only
  int attempt = 1;
  bool bridge_network = false;
  Limits limits;
  std::string oci_runtime;    ///< empty = the engine's default
  std::string cgroup_parent;  ///< empty = the engine's default
};

/// Body of `POST /containers/create`. Pure: the same spec gives the same bytes. No body ever mounts anything of the
/// host. `seccomp` is the profile in the form that the engine takes it, see EngineTraits.
std::string container_body(const ContainerSpec& spec, const EngineTraits& traits = kDockerTraits,
                           std::string_view seccomp = seccomp_profile());

/// Everything that a container of this spec was not given, or was given beside it, each a phrase for a person; empty
/// when it holds.
std::vector<std::string> unheld_in(const ContainerLimits& given, const ContainerSpec& spec, std::string_view seccomp);

/// Labels of an image that is committed from one of our containers: what it is, and empty ones where the container's
/// own would otherwise be taken over.
struct ImageLabels {
  std::string instance;
  std::string kind;  ///< `derived` or `prepared`
  std::string key;
  std::string init_sha256;
};
Labels commit_labels(const ImageLabels& labels);

}  // namespace skill_verifier::sandbox
