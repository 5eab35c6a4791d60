#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/result.hpp"
#include "skill_verifier/sandbox/sandbox.hpp"

namespace skill_verifier::sandbox {

/// How long the engine may take for its own part of a run. The time of the command itself is the request's.
struct DockerTimeouts {
  core::Duration start = std::chrono::seconds(60);        ///< create, attach, start, until init says that it is ready
  core::Duration unpack = std::chrono::seconds(60);       ///< from the first byte of the package to init's `unpacked`
  core::Duration grace = std::chrono::milliseconds(700);  ///< after the command's limit, until we kill the container
  core::Duration late = std::chrono::milliseconds(250);   ///< on top of it, while init's report is arriving
  core::Duration remove = std::chrono::seconds(30);       ///< kill and removal of one container
  core::Duration pull = std::chrono::minutes(10);
  core::Duration commit = std::chrono::minutes(2);    ///< to keep what test_deps left, in init and in the engine each
  core::Duration measure = std::chrono::seconds(10);  ///< to tell once what test_deps have written so far
};

struct DockerSandboxOptions {
  std::string docker_host = "unix:///var/run/docker.sock";  ///< as DOCKER_HOST
  std::string instance;        ///< label of this installation: what carries it is ours to remove; never empty
  std::filesystem::path init;  ///< static init; empty = `skill-verifier-init` beside the running executable
  /// Where the seccomp profile is written for engines that take it as a file (Podman), and where those find it; empty =
  /// the same place.
  std::filesystem::path seccomp_dir;
  std::filesystem::path seccomp_dir_of_engine;
  std::string oci_runtime;    ///< e.g. `runsc`; empty = the engine's default
  std::string cgroup_parent;  ///< one ceiling for all jobs together; empty = the engine's default
  /// Name that a manifest may ask for → image reference, `name@sha256:…`, image id or local tag that it stands for.
  /// One that is neither an id nor has a digest is named in a warning at `start`, unless for one-shot use.
  std::map<std::string, std::string> images;
  std::string toolbox;                        ///< image that `examine` uses; never pulled; empty = none
  bool pull = true;                           ///< whether a missing image may be fetched
  std::uint64_t prepared_bytes = 4ull << 30;  ///< of all images kept after test_deps; least recently used go first
  std::size_t prepared_images = 64;
  /// What test_deps may write; checked once a second while they run, and before their image is kept.
  std::uint64_t prepare_disk_bytes = 2ull << 30;
  /// Files and folders that test_deps may create, change or remove; checked every fifth second, and before their image
  /// is kept. Files that are empty need no bytes, but an inode of the host each.
  std::uint64_t prepare_files = 250'000;
  bool keep_images = true;            ///< false: `stop` removes every image made for this instance (one-shot use)
  PoolSizes pool;                     ///< none unless it is given
  Limits pool_limits;                 ///< those that jobs will come with, for what waits before the first one
  std::size_t concurrent_starts = 0;  ///< containers being created or started at once; 0 = number of processors
  DockerTimeouts timeouts;
};

/// Runs every command in a fresh container of a Docker Engine, or of Podman's service with the same API, under the
/// strict profile of src/sandbox/container_spec.hpp. A verdict is returned as soon as it is known and the container's
/// removal goes on in the background until `stop`; a cancelled run returns only when its container is gone. Nothing of
/// the engine is touched before `start`. The executor is the I/O thread's, the pool reads files; both outlive the
/// sandbox. Errors: invalid_argument `docker_host_invalid`, `instance_invalid`.
Result<std::unique_ptr<Sandbox>> make_docker_sandbox(core::asio::any_io_executor executor, core::WorkPool& pool,
                                                     DockerSandboxOptions options);

}  // namespace skill_verifier::sandbox
