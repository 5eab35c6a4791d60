#include "sandbox/container_spec.hpp"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "sandbox/init_frames.hpp"
#include "sandbox/init_protocol.hpp"
#include "sandbox/seccomp_profile.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::sandbox {
namespace {

using core::Json;

/// POSIX semaphores (Python's multiprocessing) live in /dev/shm; the engine's own one has no limit on inodes.
constexpr std::uint64_t kSharedMemoryBytes = 16u << 20;
constexpr std::uint64_t kSharedMemoryInodes = 256;

Json ulimit(const char* name, std::uint64_t value) {
  return {{"Name", name}, {"Soft", value}, {"Hard", value}};
}

Json tmpfs(const ContainerSpec& spec) {
  const auto& limits = spec.limits;
  return {
      {"/skill", fmt::format("rw,exec,nosuid,nodev,size={},nr_inodes={},mode=0755,uid={},gid={}", limits.skill_bytes,
                             limits.inodes, init::kJobUid, init::kJobGid)},
      {"/tmp", fmt::format("rw,noexec,nosuid,nodev,size={},nr_inodes={},mode=1777", limits.tmp_bytes, limits.inodes)},
      {"/dev/shm",
       fmt::format("rw,noexec,nosuid,nodev,size={},nr_inodes={},mode=1777", kSharedMemoryBytes, kSharedMemoryInodes)},
  };
}

Json capabilities(Role role) {
  switch (role) {
    case Role::test:
    case Role::pool:
      return {"SETUID", "SETGID"};  // init needs them to become the job's user, and then the job has none
    case Role::prepare:
      // What package managers need (apk runs scripts under chroot), and KILL for init: a process may change its user.
      return {"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SYS_CHROOT"};
    case Role::build:
      break;
  }
  return Json::array();
}

bool is_strict(Role role) {
  return role == Role::test || role == Role::pool;
}

Json host_config(const ContainerSpec& spec) {
  const auto& limits = spec.limits;
  Json host = {
      {"NetworkMode", spec.bridge_network ? "bridge" : "none"},
      {"IpcMode", "none"},
      {"CgroupnsMode", "private"},
      {"ReadonlyRootfs", is_strict(spec.role)},
      {"Privileged", false},
      {"AutoRemove", false},  // it would race with our question whether memory ended the container
      {"CapDrop", {"ALL"}},
      {"CapAdd", capabilities(spec.role)},
      {"SecurityOpt", {"no-new-privileges:true", fmt::format("seccomp={}", seccomp_profile())}},
      {"PidsLimit", limits.pids},
      {"Memory", limits.memory_bytes},
      {"MemorySwap", limits.memory_bytes},  // both equal = no swap; left out it would be twice the memory
      {"NanoCpus", limits.nano_cpus},
      {"Ulimits", {ulimit("nofile", limits.open_files), ulimit("core", 0), ulimit("fsize", limits.file_bytes)}},
      {"LogConfig", {{"Type", "none"}, {"Config", Json::object()}}},
      {"RestartPolicy", {{"Name", "no"}}},
  };
  if (is_strict(spec.role)) host["Tmpfs"] = tmpfs(spec);
  if (!spec.oci_runtime.empty()) host["Runtime"] = spec.oci_runtime;
  if (!spec.cgroup_parent.empty()) host["CgroupParent"] = spec.cgroup_parent;
  return host;
}

Json labels(const ContainerSpec& spec) {
  Json made = {{kLabelInstance, spec.instance}, {kLabelCreate, spec.create_id}, {kLabelRole, to_string(spec.role)}};
  if (spec.role == Role::pool) return made;
  made[kLabelJob] = spec.job_id;
  made[kLabelAttempt] = fmt::format("{}", spec.attempt);
  return made;
}

}  // namespace

std::string_view to_string(Role role) {
  switch (role) {
    case Role::test:
      return "test";
    case Role::pool:
      return "pool";
    case Role::prepare:
      return "prepare";
    case Role::build:
      return "build";
  }
  return "build";
}

std::string container_body(const ContainerSpec& spec) {
  const bool runs = spec.role != Role::build;
  const Json body = {
      {"Image", spec.image_id},
      {"Hostname", "sandbox"},
      {"User", "0:0"},
      {"WorkingDir", "/"},
      {"Env", Json::array()},
      {"Entrypoint", {init::kInitPath}},
      {"Cmd", Json::array()},
      {"Healthcheck", {{"Test", {"NONE"}}}},  // an image's own check would run beside the job
      {"AttachStdin", runs},
      {"AttachStdout", runs},
      {"AttachStderr", runs},
      {"OpenStdin", runs},
      {"StdinOnce", runs},
      {"Tty", false},
      {"NetworkDisabled", !spec.bridge_network},  // besides network none: the engine then builds no sandbox at all
      {"Labels", labels(spec)},
      {"HostConfig", host_config(spec)},
  };
  return core::dump_json(body);
}

std::string commit_config(const ImageLabels& labels) {
  const Json config = {{"Labels",
                        {{kLabelInstance, labels.instance},
                         {kLabelImage, labels.kind},
                         {kLabelKey, labels.key},
                         {kLabelInit, labels.init_sha256},
                         {kLabelCreate, ""},
                         {kLabelRole, ""},
                         {kLabelJob, ""},
                         {kLabelAttempt, ""}}}};
  return core::dump_json(config);
}

}  // namespace skill_verifier::sandbox
