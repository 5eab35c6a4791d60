#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sandbox/engine_kind.hpp"
#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/result.hpp"
#include "skill_verifier/net/http_client.hpp"

namespace skill_verifier::sandbox {

using core::awaitable;
using core::Duration;
using Labels = std::vector<std::pair<std::string, std::string>>;

/// What the engine says about itself (`GET /info`), as far as it decides whether our limits hold.
struct EngineInfo {
  std::string id;
  std::string version;  ///< of the engine, e.g. `20.10.24`
  std::string operating_system;
  std::string architecture;  ///< as uname names it, e.g. `x86_64`
  std::string kernel;
  std::string storage_driver;
  std::string cgroup_driver;    ///< `none` = rootless without delegation: limits are ignored
  std::string cgroup_version;   ///< `1`, `2`, or empty before it was reported
  std::string default_runtime;  ///< without a directory, where the engine names one
  std::vector<std::string> runtimes;
  std::vector<std::string> security_options;  ///< e.g. `name=seccomp,profile=default`
  std::int64_t cpus = 0;
  std::uint64_t memory_bytes = 0;
  bool memory_limit = false;
  bool swap_limit = false;
  bool pids_limit = false;
  bool cpu_quota = false;  ///< CFS period and quota
  bool oom_kill_disable = false;

  /// Whether `security_options` has an entry `name=<name>`, e.g. seccomp, rootless, userns.
  bool has_security_option(std::string_view name) const;
};

struct ImageDetails {
  std::string id;  ///< `sha256:…`
  std::vector<std::string> tags;
  std::vector<std::string> digests;  ///< `repository@sha256:…`
  std::vector<std::string> env;      ///< `K=V`
  Labels labels;
  std::vector<std::string> volumes;  ///< paths that the image declares as volumes
  std::string parent;                ///< id of the image it was committed from on this engine; empty when pulled
  std::string user;
  std::string architecture;
  std::string created;  ///< RFC 3339, as given
  std::uint64_t size = 0;
};

struct ImageSummary {
  std::string id;
  std::vector<std::string> tags;
  Labels labels;
  std::int64_t created = 0;  ///< Unix time
  std::uint64_t size = 0;
};

struct CreatedContainer {
  std::string id;
  std::vector<std::string> warnings;  ///< limits that the engine discarded are named here
};

/// What the engine says that a container was given, as far as the strict profile asks for it.
struct ContainerLimits {
  std::uint64_t memory_bytes = 0;
  std::uint64_t memory_swap_bytes = 0;  ///< memory and swap together
  std::int64_t nano_cpus = 0;
  std::int64_t pids = 0;
  bool read_only = false;
  bool privileged = false;
  std::string network;
  std::vector<std::string> security_options;
  std::vector<std::pair<std::string, std::string>> tmpfs;  ///< path, options
  std::vector<std::string> mounts;                         ///< where something of the host is mounted
};

struct ContainerDetails {
  std::string id;
  std::string image_id;
  Labels labels;
  std::string status;  ///< created, running, paused, restarting, removing, exited, dead
  std::string error;   ///< why it could not be started, if so
  bool running = false;
  bool oom_killed = false;
  int exit_code = 0;
  std::int64_t pid = 0;
};

struct ContainerSummary {
  std::string id;
  std::string image_id;
  std::string state;
  Labels labels;
  std::int64_t created = 0;  ///< Unix time
};

struct ExitStatus {
  int code = 0;
  std::string error;  ///< the engine's, when waiting itself went wrong
};

/// A wait that the engine has acknowledged: no exit after that is missed. Dropping it ends the wait.
class ExitWait {
 public:
  explicit ExitWait(net::HttpClient::Pending pending) : pending_(std::move(pending)) {}
  /// May be awaited once. Errors: as Engine's calls.
  awaitable<Result<ExitStatus>> result(Duration limit);

 private:
  net::HttpClient::Pending pending_;
};

struct EngineOptions {
  Duration connect = std::chrono::seconds(5);
  Duration call = std::chrono::seconds(30);   ///< create, start, inspect, …
  Duration slow = std::chrono::seconds(180);  ///< commit, put_archive, image removal
  Duration pull = std::chrono::minutes(30);
};

struct CommitRequest {
  std::string container_id;
  std::string repository;  ///< may be empty: an image without a name
  std::string tag;
  Labels labels;  ///< replace or extend the container's; neither name nor value has spaces or quotes
};

/// The Docker Engine API from 1.41 on, over one endpoint. The first call negotiates the version. One thread.
///
/// Errors of all calls (Errc, id): unavailable `engine_unreachable` (no connection, or it was lost), timed_out
/// `engine_timed_out`, cancelled, unsupported `engine_version` (too old or too new), not_found `image_missing` or
/// `container_missing`, conflict `engine_conflict`, unavailable `engine_error` (any other answer). The engine's own
/// message is kept, shortened.
class Engine {
 public:
  Engine(core::asio::any_io_executor executor, net::Endpoint endpoint, EngineOptions options = {});
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Asks the engine again which API it speaks and gives the version used from now on: the lower of its newest
  /// and 1.52, at least 1.41.
  awaitable<Result<std::string>> negotiate();
  /// In what it differs from others; Docker's before `negotiate`.
  const EngineTraits& traits() const;
  awaitable<Result<void>> ping();
  awaitable<Result<EngineInfo>> info();

  awaitable<Result<ImageDetails>> inspect_image(std::string reference);
  /// `progress` gets one line per step (layers' byte counts left out). A failure in the stream is `image_missing` when
  /// the registry does not have it, else `engine_error`. A reference without tag or digest means `:latest`.
  awaitable<Result<void>> pull_image(std::string reference, std::function<void(std::string_view)> progress);
  /// Images that carry every label (`key` or `key=value`).
  awaitable<Result<std::vector<ImageSummary>>> list_images(std::vector<std::string> labels);
  /// Makes an image out of a tar of its root file system, as `repository:latest`, and gives its id.
  awaitable<Result<std::string>> import_image(std::string tar, std::string repository, Labels labels);
  /// By id or reference; `force` also removes one with several tags or a stopped container. Its parent always stays.
  awaitable<Result<void>> remove_image(std::string reference, bool force);

  /// `body` is the JSON of ContainerCreate. A missing image is `image_missing`.
  awaitable<Result<CreatedContainer>> create_container(std::string body);
  /// A container that runs already is no error.
  awaitable<Result<void>> start_container(std::string id);
  /// Attaches standard input, output and error; take the output apart with StdStreams. Await it before start.
  awaitable<Result<std::unique_ptr<net::Stream>>> attach_container(std::string id);
  /// Subscribes to the next exit. Await it before start; never use it on a container that has ended.
  awaitable<Result<ExitWait>> wait_next_exit(std::string id);
  /// The exit status as soon as the container does not run, at once if it does not.
  awaitable<Result<ExitStatus>> wait_not_running(std::string id, Duration limit);
  awaitable<Result<ContainerDetails>> inspect_container(std::string id);
  awaitable<Result<ContainerLimits>> container_limits(std::string id);
  /// Bytes that the container has written to its root file system. The engine walks the files: not for a hot path.
  awaitable<Result<std::uint64_t>> written_bytes(std::string id, Duration limit);
  /// How many files and folders of its root file system the container created, changed or removed; it stops to count
  /// beyond `most`. The engine walks them all.
  awaitable<Result<std::uint64_t>> changed_files(std::string id, std::uint64_t most, Duration limit);
  /// `signal` as in `KILL`. A container that does not run is `engine_conflict`.
  awaitable<Result<void>> kill_container(std::string id, std::string signal);
  /// Kills it if it runs, and removes it with its anonymous volumes. Absent or already being removed is no error.
  awaitable<Result<void>> remove_container(std::string id);
  /// Containers in any state that carry every label (`key` or `key=value`).
  awaitable<Result<std::vector<ContainerSummary>>> list_containers(std::vector<std::string> labels);
  /// Unpacks an uncompressed tar into `directory` of the container's writable root.
  awaitable<Result<void>> put_archive(std::string id, std::string directory, std::string tar);
  /// Gives the new image's id. Does not pause the container.
  awaitable<Result<std::string>> commit_container(CommitRequest request);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Takes the multiplexed output of a container without a terminal apart: [u8 stream][3 zero bytes][u32be
/// length][payload]. Keeps at most a frame header between calls.
class StdStreams {
 public:
  enum class Source : std::uint8_t { out = 1, err = 2 };
  using Sink = std::function<void(Source, ByteView)>;

  /// Hands on the payload in these bytes in order; a frame may arrive in several pieces. Errors: unavailable
  /// `engine_error` for a malformed header, after which the object takes nothing more.
  Result<void> feed(ByteView bytes, const Sink& sink);
  /// Whether the stream may end here: not inside a frame.
  bool at_boundary() const { return header_size_ == 0 && left_ == 0; }

 private:
  Result<void> begin_frame();

  std::uint8_t header_[8] = {};
  std::size_t header_size_ = 0;
  std::uint32_t left_ = 0;
  Source source_ = Source::out;
  bool broken_ = false;
};

/// A tar archive with one regular file in its root, owned by root, time stamp 0. `name` has 1 to 100 bytes and no
/// slash.
std::string tar_of_file(std::string_view name, std::string_view content, unsigned mode);

}  // namespace skill_verifier::sandbox
