#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/result.hpp"

namespace skill_verifier::sandbox {

using core::awaitable;

/// The strict profile of facts/docker.md §1.3. All of it goes into the statement's limits document.
struct Limits {
  std::uint64_t memory_bytes = 512u << 20;  ///< swap is never allowed on top
  std::int64_t nano_cpus = 1'000'000'000;
  std::int64_t pids = 128;
  std::uint64_t skill_bytes = 64u << 20;  ///< tmpfs /skill
  std::uint64_t tmp_bytes = 64u << 20;    ///< tmpfs /tmp
  std::uint64_t inodes = 8192;            ///< of each tmpfs
  std::uint64_t open_files = 1024;
  std::uint64_t file_bytes = 64u << 20;   ///< RLIMIT_FSIZE
  std::uint64_t output_bytes = 1u << 20;  ///< kept per stream: half from the head, half from the tail
  std::chrono::milliseconds max_timeout{300'000};
};

/// An image as the engine has it.
struct Image {
  std::string reference;  ///< as asked for
  std::string id;         ///< `sha256:…`; the same image has another id in a containerd store than in a classic one
  std::vector<std::string> env;  ///< `K=V` of the image's configuration
};

struct CommandSpec {
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> env;  ///< added to the image's; wins over it
  std::chrono::milliseconds timeout{30'000};
};

/// One stream's bytes, cut in the middle when there were more than the limit allows.
struct Output {
  std::string head;
  std::string tail;         ///< empty unless truncated
  std::uint64_t total = 0;  ///< bytes that the process wrote
  bool truncated = false;
  /// head, then (when truncated) a line "[… N bytes omitted …]", then tail.
  std::string text() const;
  /// head + tail: what the statement's run digest is over.
  std::string kept() const;
};

enum class Outcome { exited, timeout, oom, killed };
std::string_view to_string(Outcome outcome);

/// Where the time of one run went. Outside every statement.
struct RunTiming {
  std::chrono::microseconds container{0};  ///< until init was ready for the job
  std::chrono::microseconds package{0};    ///< from the first byte of the package to init's `unpacked`
  std::chrono::microseconds command{0};    ///< from the command's sending to init's report
  bool warm = false;                       ///< the container waited for the job
};

/// What a watched command and its children asked the kernel for, as PID 1 saw it from outside of them.
struct Watched {
  enum class What : std::uint8_t { write = 0, connect = 1 };
  struct Asked {
    What what = What::write;
    std::string target;  ///< an absolute path, or an address with its port; printable, shortened
    std::uint32_t times = 1;
    bool operator==(const Asked&) const = default;
  };

  bool calls = false;            ///< system calls were seen; false where the kernel cannot show them
  bool network = false;          ///< the counters of the network namespace were read
  std::uint64_t unroutable = 0;  ///< what was sent or connected to where no route leads, by those counters
  std::vector<Asked> asked;      ///< the first 8 different writes outside of where a skill may, and connections
  std::uint32_t more = 0;        ///< attempts beyond
  std::uint32_t unreadable = 0;  ///< calls whose arguments could not be read: the process was gone, or hid its memory
  bool operator==(const Watched&) const = default;
};

/// What became of one command. That it ran at all makes it a finding about the skill, never an error.
struct RunResult {
  Outcome outcome = Outcome::exited;
  std::optional<int>
      exit_code;  ///< 128 + signal for a signalled process, as a shell reports it; absent after a kill by us
  Output out;
  Output err;
  bool memory_killed = false;  ///< some process of the job was OOM-killed, whatever the main one returned
  std::chrono::microseconds duration{0};
  std::uint64_t peak_memory_bytes = 0;  ///< 0 = unknown
  std::optional<Watched> watched;       ///< of a command that was to be watched
  RunTiming timing;
};

enum class StreamId { out, err };
/// Called on the I/O thread with output as it arrives (after the byte cap: only what is kept from the head).
using OutputSink = std::function<void(StreamId, std::string_view)>;

struct RunRequest {
  std::string job_id;
  std::string request_id;  ///< of whoever submitted the job: for our log only
  int attempt = 1;
  Image image;                             ///< runtime image, resolved
  std::optional<std::string> prepared_id;  ///< run from this image, which holds the package and its dependencies
  std::filesystem::path pack;              ///< skill/package.hpp; not read when prepared_id is set
  std::uint64_t pack_bytes = 0;
  CommandSpec command;
  bool bridge_network = false;
  Limits limits;
};

struct PrepareRequest {
  std::string job_id;
  std::string request_id;  ///< of whoever submitted the job: for our log only
  int attempt = 1;
  Image image;
  std::string tree_digest;
  std::filesystem::path pack;
  std::uint64_t pack_bytes = 0;
  CommandSpec deps;  ///< runs as root of a writable root file system
  /// For the sandbox's part, on top of the command's own limit. Counts from when no other job makes the same image:
  /// equal jobs wait for each other.
  core::Duration overhead = std::chrono::seconds(60);
  bool bridge_network = false;
  Limits limits;
};
struct PrepareResult {
  RunResult run;  ///< of test_deps; when it did not exit 0, there is no image
  std::optional<std::string> image_id;
  bool cached = false;
  /// While a copy of it exists the image is not given up for newer ones: keep it until the run from it is over.
  std::shared_ptr<const void> lease;
};

/// Commands for one package, one after the other in one container: what an earlier one left in /skill and /tmp the next
/// one finds, its processes not.
struct ExamineRequest {
  struct Command {
    CommandSpec spec;
    bool watch = false;              ///< see Watched
    std::uint64_t kept = 64u << 10;  ///< bytes kept of each stream
    /// Its result depends on nothing but the image: once it has ended with 0, that stands for the same image's later
    /// requests. Only the first command can be such a one, which runs before anything of a package does.
    bool of_image = false;
  };
  std::string job_id;
  std::string request_id;  ///< of whoever submitted the job: for our log only
  int attempt = 1;
  std::filesystem::path pack;
  std::uint64_t pack_bytes = 0;
  std::vector<Command> commands;                    ///< 1 to 250
  core::Duration limit = std::chrono::seconds(60);  ///< no command begins that might end after it
  Limits limits;
};
struct ExamineResult {
  Image image;                  ///< DockerSandboxOptions::toolbox
  std::vector<RunResult> runs;  ///< of the first commands; fewer than asked for when `stopped` says why
  std::string stopped;
};

/// What the wall itself consists of, for the statement's sandbox entry. Known once `start` has succeeded.
struct Profile {
  std::string runtime;         ///< OCI runtime, e.g. `runc`
  std::string init_sha256;     ///< of PID 1's executable, lower-case hex
  std::string seccomp_sha256;  ///< of the seccomp profile's text, lower-case hex
};

/// Whose engine it is, as it said at the start.
struct EngineVersion {
  std::string name;  ///< `Docker Engine` or `Podman`; empty before `start` has succeeded
  std::string version;
};

/// How many containers wait for jobs that have not come yet.
struct PoolSizes {
  std::size_t min = 0;  ///< of every allowed runtime whose image is here, also when nobody uses it
  std::size_t max = 0;  ///< of one runtime; 0 = no pool. Between the two the number follows the demand
  std::uint64_t memory_bytes = 256u << 20;            ///< of all of them together, 4 MiB each
  core::Duration max_age = std::chrono::minutes(30);  ///< one that waited longer is replaced
  core::Duration idle = std::chrono::minutes(5);      ///< after so long without a job a runtime has its minimum again
};

/// The waiting containers of one runtime, or of one image that test_deps left.
struct PoolState {
  std::string runtime;   ///< reference of the runtime image
  std::string image_id;  ///< what the containers were made from
  bool prepared = false;
  std::size_t ready = 0;
  std::size_t starting = 0;
  std::size_t in_use = 0;    ///< jobs that run now, from the pool or not
  std::uint64_t warm = 0;    ///< jobs that got a waiting container
  std::uint64_t cold = 0;    ///< jobs that had to start one
  std::uint64_t lost = 0;    ///< containers that died, or grew too old, before a job came
  core::Duration waited{0};  ///< of all jobs, until their container was ready
};

/// Where skills run. One instance of this program owns everything that carries its label. Errors of all calls (Errc,
/// id): unavailable `engine_unreachable` / `engine_error`, not_found `image_missing`, rejected `image_not_allowed`,
/// rejected `package_refused` (the package does not fit into the sandbox: the message says what was too small),
/// rejected `disk_limit` (test_deps wrote too much or too many files), too_large `command_too_large`, unavailable
/// `sandbox_lost` (init or its stream went away), timed_out `engine_timed_out` or (prepare as a whole) `timed_out`,
/// cancelled. Every kind of unavailable and timed_out is safe to retry; nothing is left behind in any case.
class Sandbox {
 public:
  virtual ~Sandbox() = default;

  /// Checks the engine (version, limits it would ignore) and removes what earlier lives of this instance left. Gives
  /// warnings, e.g. about an orphan that would not die.
  virtual awaitable<Result<std::vector<std::string>>> start() = 0;
  /// The allow-listed reference's image, pulled when missing and allowed; `progress` gets lines for the job's log.
  virtual awaitable<Result<Image>> resolve(std::string reference, std::function<void(std::string_view)> progress) = 0;
  /// Those of the allow-listed references whose image the engine has now, by reference. Nothing is pulled.
  virtual awaitable<Result<std::vector<Image>>> images() = 0;
  /// What one of them, or the toolbox's reference, stands for now; absent where it stands for nothing. Nothing is
  /// pulled.
  virtual awaitable<Result<std::optional<Image>>> present(std::string reference) = 0;
  virtual awaitable<Result<PrepareResult>> prepare(PrepareRequest request, OutputSink sink) = 0;
  /// Runs one command on one package in a container of its own, and removes the container. Cancelling the coroutine
  /// kills the container and gives `cancelled`.
  virtual awaitable<Result<RunResult>> run(RunRequest request, OutputSink sink) = 0;
  /// Runs commands of our own choice on a package, under the profile of `run`, without a network, in one container of
  /// the toolbox image. A sandbox that is lost between two commands gives the results so far.
  virtual awaitable<Result<ExamineResult>> examine(ExamineRequest request) = 0;
  virtual Profile profile() const = 0;
  virtual EngineVersion engine_version() const { return {}; }
  /// Whether the engine answers now; the message says why not.
  virtual awaitable<Result<void>> check() = 0;
  /// The pool of waiting containers, one element a runtime; empty without one.
  virtual std::vector<PoolState> pools() const { return {}; }
  /// From now on; what is too many goes, what is missing is started.
  virtual void resize_pools(PoolSizes) {}
  /// Removes what is left of this life. Called once, after the last run.
  virtual awaitable<void> stop() = 0;
};

}  // namespace skill_verifier::sandbox
