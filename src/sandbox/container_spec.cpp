#include "sandbox/container_spec.hpp"

#include <fmt/core.h>
#include <linux/capability.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sandbox/init_frames.hpp"
#include "sandbox/init_protocol.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::sandbox {
namespace {

using core::Json;

/// POSIX semaphores (Python's multiprocessing) live in /dev/shm; the engine's own one has no limit on inodes.
constexpr std::uint64_t kSharedMemoryBytes = 16u << 20;
constexpr std::uint64_t kSharedMemoryInodes = 256;
/// Writable places that Podman gives a read-only root, as large as memory.
constexpr const char* kAddedByEngine[] = {"/run", "/var/tmp"};

/// Counted per user over all containers and the host, which pids is not: only there because the engine wants one. Most
/// services may set it without further rights.
constexpr std::uint64_t kProcessesPerUser = 32768;

Json ulimit(const char* name, std::uint64_t value) {
  return {{"Name", name}, {"Soft", value}, {"Hard", value}};
}

Json ulimits(const Limits& limits, const EngineTraits& traits) {
  Json made = {ulimit("nofile", limits.open_files), ulimit("core", 0), ulimit("fsize", limits.file_bytes)};
  if (traits.wants_process_limit) made.push_back(ulimit("nproc", kProcessesPerUser));
  return made;
}

struct Tmpfs {
  const char* path;
  const char* flags;
  std::uint64_t bytes;
  std::uint64_t inodes;
  bool jobs_own;  ///< belongs to the tested uid; else anybody may write to it
};

std::vector<Tmpfs> file_systems(const Limits& limits) {
  return {{"/skill", "rw,exec,nosuid,nodev", limits.skill_bytes, limits.inodes, true},
          {"/tmp", "rw,noexec,nosuid,nodev", limits.tmp_bytes, limits.inodes, false},
          {"/dev/shm", "rw,noexec,nosuid,nodev", kSharedMemoryBytes, kSharedMemoryInodes, false}};
}

std::string tmpfs_options(const Tmpfs& tmpfs, const EngineTraits& traits) {
  std::string made = fmt::format("{},size={}", tmpfs.flags, tmpfs.bytes);
  if (traits.adds_to_containers) made += ",notmpcopyup";
  if (!traits.tmpfs_takes_all_options) return made + (tmpfs.jobs_own ? ",mode=0777" : ",mode=1777");
  made += fmt::format(",nr_inodes={}", tmpfs.inodes);
  if (!tmpfs.jobs_own) return made + ",mode=1777";
  return made + fmt::format(",mode=0755,uid={},gid={}", init::kJobUid, init::kJobGid);
}

Json tmpfs(const ContainerSpec& spec, const EngineTraits& traits) {
  Json made = Json::object();
  for (const Tmpfs& one : file_systems(spec.limits))
    made[one.path] = tmpfs_options(one, traits);
  if (!traits.adds_to_containers) return made;
  for (const char* path : kAddedByEngine)
    made[path] = "ro,noexec,nosuid,nodev,size=4096,notmpcopyup";
  return made;
}

/// What init is told on its command line.
Json arguments(const ContainerSpec& spec, const EngineTraits& traits) {
  Json made = Json::array();
  if (traits.tmpfs_takes_all_options || !is_strict(spec.role)) return made;
  for (const Tmpfs& one : file_systems(spec.limits))
    made.push_back(fmt::format("{}{}={}", init::kInodesOption, one.path, one.inodes));
  return made;
}

struct Capability {
  const char* name;
  unsigned number;
};

std::vector<Capability> capabilities(Role role) {
  switch (role) {
    case Role::test:
    case Role::pool:
      // init needs them to become the job's user, and then the job has none
      return {{"SETUID", CAP_SETUID}, {"SETGID", CAP_SETGID}};
    case Role::prepare:
      // What package managers need (apk runs scripts under chroot), and KILL for init: a process may change its user.
      return {{"CHOWN", CAP_CHOWN},   {"DAC_OVERRIDE", CAP_DAC_OVERRIDE},
              {"FOWNER", CAP_FOWNER}, {"FSETID", CAP_FSETID},
              {"KILL", CAP_KILL},     {"SETGID", CAP_SETGID},
              {"SETUID", CAP_SETUID}, {"SYS_CHROOT", CAP_SYS_CHROOT}};
    case Role::build:
      break;
  }
  return {};
}

Json capability_names(Role role) {
  Json names = Json::array();
  for (const auto& capability : capabilities(role))
    names.push_back(capability.name);
  return names;
}

Json host_config(const ContainerSpec& spec, const EngineTraits& traits, std::string_view seccomp) {
  const auto& limits = spec.limits;
  Json host = {
      {"NetworkMode", spec.bridge_network ? "bridge" : "none"},
      {"IpcMode", "none"},
      {"CgroupnsMode", "private"},
      {"ReadonlyRootfs", is_strict(spec.role)},
      {"Privileged", false},
      {"AutoRemove", false},  // it would race with our question whether memory ended the container
      {"CapDrop", {"ALL"}},
      {"CapAdd", capability_names(spec.role)},
      {"SecurityOpt", {"no-new-privileges:true", fmt::format("seccomp={}", seccomp)}},
      {"PidsLimit", limits.pids},
      {"Memory", limits.memory_bytes},
      {"MemorySwap", limits.memory_bytes},  // both equal = no swap; left out it would be twice the memory
      {"NanoCpus", limits.nano_cpus},
      {"Ulimits", ulimits(limits, traits)},
      {"LogConfig", {{"Type", "none"}, {"Config", Json::object()}}},
      {"RestartPolicy", {{"Name", "no"}}},
  };
  if (is_strict(spec.role)) host["Tmpfs"] = tmpfs(spec, traits);
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

bool is_strict(Role role) {
  return role == Role::test || role == Role::pool;
}

std::uint64_t capability_mask(Role role) {
  std::uint64_t mask = 0;
  for (const auto& capability : capabilities(role))
    mask |= std::uint64_t{1} << capability.number;
  return mask;
}

std::string container_body(const ContainerSpec& spec, const EngineTraits& traits, std::string_view seccomp) {
  const bool runs = spec.role != Role::build;
  const Json body = {
      {"Image", spec.image_id},
      {"Hostname", "sandbox"},
      {"User", "0:0"},
      {"WorkingDir", "/"},
      {"Env", Json::array()},
      {"Entrypoint", {init::kInitPath}},
      {"Cmd", arguments(spec, traits)},
      {"Healthcheck", {{"Test", {"NONE"}}}},  // an image's own check would run beside the job
      {"AttachStdin", runs},
      {"AttachStdout", runs},
      {"AttachStderr", runs},
      {"OpenStdin", runs},
      {"StdinOnce", runs},
      {"Tty", false},
      {"NetworkDisabled", !spec.bridge_network},  // besides network none: the engine then builds no sandbox at all
      {"Labels", labels(spec)},
      {"HostConfig", host_config(spec, traits, seccomp)},
  };
  return core::dump_json(body);
}

std::vector<std::string> unheld_in(const ContainerLimits& given, const ContainerSpec& spec, std::string_view seccomp) {
  std::vector<std::string> found;
  const auto expect = [&found](bool holds, std::string what) {
    if (!holds) found.push_back(std::move(what));
  };
  const auto has_option = [&given](const std::string& option) {
    return std::ranges::find(given.security_options, option) != given.security_options.end();
  };
  const auto& limits = spec.limits;
  expect(given.memory_bytes == limits.memory_bytes && given.memory_swap_bytes == limits.memory_bytes,
         "the limit of memory and swap");
  // The kernel counts microseconds in a period: what comes back is rounded.
  const auto rounding = limits.nano_cpus / 100;
  expect(given.nano_cpus >= limits.nano_cpus - rounding && given.nano_cpus <= limits.nano_cpus + rounding,
         "the limit of CPU time");
  expect(given.pids == limits.pids, "the limit of processes");
  expect(given.read_only && !given.privileged, "the read-only root without privileges");
  expect(given.network == "none", "the absence of a network");
  expect(has_option("no-new-privileges") || has_option("no-new-privileges:true"), "no-new-privileges");
  expect(has_option(fmt::format("seccomp={}", seccomp)), "the seccomp profile");
  expect(given.mounts.empty(), "the absence of mounts");
  const auto own = file_systems(limits);
  for (const Tmpfs& one : own) {
    const auto size = fmt::format("size={},", one.bytes);
    expect(std::ranges::any_of(
               given.tmpfs,
               [&](const auto& have) { return have.first == one.path && have.second.find(size) != std::string::npos; }),
           fmt::format("the limit of {}", one.path));
  }
  for (const auto& [path, options] : given.tmpfs) {
    const bool ours = std::ranges::any_of(own, [&](const Tmpfs& one) { return path == one.path; });
    expect(ours || options.starts_with("ro,"), fmt::format("nothing writable at {}", path));
  }
  return found;
}

Labels commit_labels(const ImageLabels& labels) {
  return {{kLabelInstance, labels.instance},
          {kLabelImage, labels.kind},
          {kLabelKey, labels.key},
          {kLabelInit, labels.init_sha256},
          {kLabelCreate, ""},
          {kLabelRole, ""},
          {kLabelJob, ""},
          {kLabelAttempt, ""}};
}

}  // namespace skill_verifier::sandbox
