#include "skill_verifier/sandbox/docker_sandbox.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <set>
#include <thread>
#include <utility>

#include "sandbox/docker_sandbox_impl.hpp"
#include "sandbox/file_chunks.hpp"
#include "sandbox/image_reference.hpp"
#include "sandbox/limits_check.hpp"
#include "sandbox/seccomp_profile.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/log.hpp"
#include "skill_verifier/core/sha2.hpp"
#include "skill_verifier/sandbox/one_shot.hpp"

namespace skill_verifier::sandbox {
namespace {

using core::Duration;

constexpr std::size_t kLargestInit = 16u << 20;
constexpr std::size_t kLongestInstance = 64;
constexpr Duration kOrphanLimit = std::chrono::seconds(15);  ///< then start goes on without waiting for them

bool valid_instance(const std::string& instance) {
  const auto legal = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  return !instance.empty() && instance.size() <= kLongestInstance && std::ranges::all_of(instance, legal);
}

EngineOptions engine_options(const DockerTimeouts& timeouts) {
  EngineOptions options;
  options.slow = timeouts.commit;
  options.pull = timeouts.pull;
  return options;
}

std::size_t starts(const DockerSandboxOptions& options) {
  if (options.concurrent_starts > 0) return options.concurrent_starts;
  return std::max(1u, std::thread::hardware_concurrency());
}

std::filesystem::path init_path(const DockerSandboxOptions& options) {
  if (!options.init.empty()) return options.init;
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / "skill-verifier-init";
}

std::string instance_of(const Labels& labels) {
  const auto found = std::ranges::find(labels, kLabelInstance, [](const auto& label) { return label.first; });
  return found == labels.end() ? std::string() : found->second;
}

/// Knows what nobody uses any more.
class Abandoned {
 public:
  /// `created` is Unix time.
  bool owns(const Labels& labels, std::int64_t created) const {
    const auto process = parse_one_shot(instance_of(labels));
    return process && is_gone(*process, self_, now_ - created, start_of);
  }

 private:
  ProcessName self_ = this_process();
  std::int64_t now_ = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
};

}  // namespace

Error as_lost(Error error) {
  if (error.id != "container_missing" && error.id != "engine_conflict") return error;
  return Error{Errc::unavailable, "sandbox_lost", std::move(error.message)};
}

Error cancelled_error() {
  return Error{Errc::cancelled, "cancelled", "the run was cancelled"};
}

DockerSandbox::DockerSandbox(core::asio::any_io_executor executor, core::WorkPool& pool, net::Endpoint endpoint,
                             DockerSandboxOptions options)
    : executor_(executor),
      pool_(pool),
      options_(std::move(options)),
      engine_(executor, std::move(endpoint), engine_options(options_.timeouts)),
      seccomp_file_(pool, options_.seccomp_dir, options_.seccomp_dir_of_engine),
      containers_(executor, engine_, options_.instance, options_.timeouts.remove),
      prepared_(executor, engine_, options_.instance, options_.prepared_bytes, options_.prepared_images),
      runner_(executor, engine_, containers_, pool, starts(options_), options_.timeouts),
      activity_(executor),
      retirement_(executor, containers_, activity_),
      warm_(executor, activity_, workshop(), options_.pool),
      tests_(runner_, warm_, retirement_, containers_),
      tasks_(executor) {
  containers_.give_profile_as(seccomp_file_);
}

awaitable<Result<std::vector<std::string>>> DockerSandbox::start() {
  SKILL_VERIFIER_CO_TRY(auto init, co_await load_init());
  SKILL_VERIFIER_CO_TRY(const auto version, co_await engine_.negotiate());
  SKILL_VERIFIER_CO_TRY(const auto info, co_await engine_.info());
  SKILL_VERIFIER_CO_TRY_VOID(check_limits(info, engine_.traits(), options_.oci_runtime));
  runner_.runs_on(info.kernel);
  profile_.runtime = options_.oci_runtime.empty() ? info.default_runtime : options_.oci_runtime;
  profile_.init_sha256 = init.sha256;
  profile_.seccomp_sha256 = core::sha256_hex(seccomp_profile());
  SKILL_VERIFIER_CO_TRY(const auto stuck, co_await containers_.remove_all(kOrphanLimit));
  std::vector<std::string> warnings;
  for (const auto& id : stuck) {
    warnings.push_back(fmt::format("container {} of an earlier life cannot be removed yet", id));
  }
  co_await remove_abandoned();
  if (engine_.traits().proves_limits) {
    SKILL_VERIFIER_CO_TRY_VOID(co_await prove_limits(init.tar));
  }
  SKILL_VERIFIER_CO_TRY_VOID(co_await prepared_.load(init.sha256));
  derived_ = std::make_unique<DerivedImages>(executor_, engine_, containers_, std::move(init));
  co_await derived_->remove_stale();
  warm_.open();
  if (options_.pool.min > 0) tasks_.spawn("announce runtimes", announce_runtimes());
  engine_version_ = {std::string(engine_.traits().name), info.version};
  log::info("engine ready", {{"engine", engine_version_.name},
                             {"version", engine_version_.version},
                             {"api", version},
                             {"runtime", profile_.runtime},
                             {"cgroup", info.cgroup_version}});
  // Whoever uses it once sees in the result which image it was.
  const auto unpinned = options_.keep_images ? list_unpinned(options_.images) : std::string();
  if (!unpinned.empty()) log::warn("runtimes without a digest: their tags can be moved", {{"runtimes", unpinned}});
  co_return warnings;
}

/// What killed processes left that used the engine for one job: nobody else will start under their instance again.
awaitable<void> DockerSandbox::remove_abandoned() {
  const std::vector<std::string> labels = {kLabelInstance};
  const auto containers = co_await engine_.list_containers(labels);
  const auto images = co_await engine_.list_images(labels);
  if (!containers || !images) co_return;
  const Abandoned abandoned;
  bool removing = false;
  for (const auto& container : *containers) {
    if (!abandoned.owns(container.labels, container.created)) continue;
    containers_.remove_later(container.id);
    removing = true;
  }
  if (removing) co_await containers_.settle(kOrphanLimit);
  std::set<std::string> instances;
  for (const auto& image : *images) {
    if (abandoned.owns(image.labels, image.created)) instances.insert(instance_of(image.labels));
  }
  for (const auto& instance : instances)
    co_await remove_images(instance);
}

awaitable<Result<InitProgram>> DockerSandbox::load_init() {
  auto read = [path = init_path(options_)] {
    return read_small_file(path, kLargestInit, "the sandbox's init (skill-verifier-init)");
  };
  SKILL_VERIFIER_CO_TRY(const auto program, co_await core::run_on(pool_, std::move(read)));
  constexpr std::string_view elf =
      "\x7f"
      "ELF";
  if (!program.starts_with(elf)) {
    co_return Error{Errc::internal, "file_unreadable", "the sandbox's init (skill-verifier-init) is not a program"};
  }
  InitProgram init;
  init.sha256 = core::sha256_hex(program);
  init.tar = tar_of_file(std::string_view(init::kInitPath).substr(1), program, 0755);
  co_return init;
}

DiskLimits DockerSandbox::disk_limits() const {
  DiskLimits limits;
  limits.bytes = options_.prepare_disk_bytes;
  limits.files = options_.prepare_files;
  limits.measuring = options_.timeouts.measure;
  return limits;
}

Conversation DockerSandbox::conversation_of(const CommandSpec& command, const Image& image,
                                            const Limits& limits) const {
  Conversation conversation;
  conversation.argv = command.argv;
  conversation.env = command_environment(image.env, command.env);
  conversation.timeout = std::clamp(command.timeout, kShortestTimeout, std::max(limits.max_timeout, kShortestTimeout));
  conversation.kept_bytes = std::min<std::uint64_t>(limits.output_bytes, init::kMaxKept);
  conversation.unpack_limit = options_.timeouts.unpack;
  conversation.grace = options_.timeouts.grace;
  conversation.late = options_.timeouts.late;
  conversation.finish_limit = options_.timeouts.commit;
  return conversation;
}

WarmPool::Workshop DockerSandbox::workshop() {
  WarmPool::Workshop made;
  made.start = [this](ContainerSpec spec) { return runner_.start(std::move(spec)); };
  made.remove = [this](std::string container) { containers_.remove_later(std::move(container)); };
  made.now = [] { return std::chrono::steady_clock::now(); };
  // Half of the processors are for the jobs that come meanwhile.
  made.fills_at_once = std::max<std::size_t>(1, starts(options_) / 2);
  return made;
}

WarmPool::Wanted DockerSandbox::pooled(std::string image_id, std::string name, const Limits& limits) const {
  WarmPool::Wanted wanted;
  wanted.name = std::move(name);
  wanted.spec.role = Role::pool;
  wanted.spec.image_id = std::move(image_id);
  wanted.spec.limits = limits;
  wanted.spec.oci_runtime = options_.oci_runtime;
  wanted.spec.cgroup_parent = options_.cgroup_parent;
  return wanted;
}

void DockerSandbox::resize_pools(PoolSizes sizes) {
  warm_.resize(sizes);
  if (sizes.min > 0 && derived_) tasks_.spawn("announce runtimes", announce_runtimes());
}

awaitable<void> DockerSandbox::announce_runtimes() {
  auto runtimes = options_.images;
  if (!options_.toolbox.empty()) runtimes.try_emplace(options_.toolbox, options_.toolbox);
  for (const auto& [name, reference] : runtimes) {
    const auto details = co_await engine_.inspect_image(reference);
    const bool stopped = co_await core::cancelled();
    if (stopped) co_return;
    // What is not here is pulled when a job asks for it, and refused then if it must be.
    if (!details || !details->volumes.empty()) continue;
    Image image;
    image.reference = name;
    image.id = details->id;
    auto derived = co_await derived_->get(std::move(image));
    if (derived) warm_.announce(pool_key(*derived, options_.pool_limits), pooled(*derived, name, options_.pool_limits));
  }
}

awaitable<Result<RunResult>> DockerSandbox::run(RunRequest request, OutputSink sink) {
  const auto running = activity_.begin();
  if (request.prepared_id) {
    const auto lease = prepared_.lease(*request.prepared_id);
    auto result = co_await run_from(*request.prepared_id, request, std::move(sink), lease);
    if (result || result.error().id != "image_missing") co_return result;
    // Somebody tidied the engine up: another attempt prepares it again.
    prepared_.forget(*request.prepared_id);
    co_return Error{Errc::unavailable, "sandbox_lost", "the prepared image was removed from the engine"};
  }
  const auto image = request.image;
  SKILL_VERIFIER_CO_TRY(auto derived, co_await derived_->get(image));
  auto result = co_await run_from(std::move(derived), request, sink, nullptr);
  if (result || result.error().id != "image_missing") co_return result;
  // Somebody tidied the engine up since the image was made.
  derived_->forget(image.id);
  resolved_.erase(image.reference);
  SKILL_VERIFIER_CO_TRY(derived, co_await derived_->get(image));
  co_return co_await run_from(std::move(derived), std::move(request), std::move(sink), nullptr);
}

awaitable<Result<RunResult>> DockerSandbox::run_from(std::string image_id, RunRequest request, OutputSink sink,
                                                     LruIndex::Lease lease) {
  auto wanted = pooled(image_id, request.image.reference, request.limits);
  wanted.recurring = request.prepared_id.has_value();
  wanted.lease = std::move(lease);
  Job job;
  job.spec = spec_of(Role::test, std::move(image_id), request);
  job.conversation = conversation_of(request.command, request.image, request.limits);
  job.conversation.pack = std::move(request.pack);
  job.conversation.use_prepared = request.prepared_id.has_value();
  job.conversation.sink = std::move(sink);
  auto result = co_await tests_.run(std::move(job), std::move(wanted));
  if (!result) co_return as_lost(result.error());
  co_return result;
}

awaitable<Result<ExamineResult>> DockerSandbox::examine(ExamineRequest request) {
  const auto running = activity_.begin();
  SKILL_VERIFIER_CO_TRY(auto image, co_await resolve_toolbox());
  auto result = co_await examine_from(image, request);
  if (result || result.error().id != "image_missing") co_return result;
  // Somebody tidied the engine up since the image with our init in it was made.
  derived_->forget(image.id);
  toolbox_.reset();
  SKILL_VERIFIER_CO_TRY(image, co_await resolve_toolbox());
  co_return co_await examine_from(std::move(image), std::move(request));
}

awaitable<Result<ExamineResult>> DockerSandbox::examine_from(Image image, ExamineRequest request) {
  SKILL_VERIFIER_CO_TRY(auto derived, co_await derived_->get(image));
  auto wanted = pooled(derived, image.reference, request.limits);
  Job job;
  job.spec = spec_of(Role::test, std::move(derived), request);
  job.conversation = conversation_of(CommandSpec{}, image, request.limits);
  job.conversation.pack = std::move(request.pack);
  job.conversation.series_limit = request.limit;
  const auto known = toolbox_facts_.take_known(image, request.commands);
  job.conversation.series = series_of(request, image);
  auto ran = co_await tests_.run_any(std::move(job), std::move(wanted));
  if (!ran.result) co_return as_lost(ran.result.error());
  toolbox_facts_.learn(image, request.commands, ran.series);
  ExamineResult result;
  result.image = std::move(image);
  if (known) result.runs.push_back(*known);
  std::ranges::move(ran.series, std::back_inserter(result.runs));
  result.stopped = std::move(ran.stopped);
  co_return result;
}

awaitable<void> DockerSandbox::discard(LiveContainer live) {
  if (live.session) co_await live.session->end();
  if (!live.id.empty()) co_await containers_.discard(std::move(live.id));
}

awaitable<Result<void>> DockerSandbox::check() {
  co_return co_await engine_.ping();
}

awaitable<void> DockerSandbox::stop() {
  tasks_.cancel();
  co_await tasks_.wait(options_.timeouts.remove);
  co_await warm_.close();
  co_await retirement_.close();
  const auto left = co_await containers_.remove_all(options_.timeouts.remove);
  if (!left) {
    log::warn("containers may be left behind", {{"why", left.error().message}});
    co_await containers_.settle(options_.timeouts.remove);
    co_await containers_.close();
    co_return;
  }
  for (const auto& id : *left)
    log::warn("container left behind", {{"container", id}});
  // What still tries refers to this object; what would not go in all that time is not waited for again.
  if (left->empty()) co_await containers_.settle(options_.timeouts.remove);
  co_await containers_.close();
  if (!options_.keep_images) co_await remove_images(options_.instance);
}

awaitable<void> DockerSandbox::remove_images(std::string instance) {
  // A prepared image stands on a derived one, which cannot go first.
  for (const auto* kind : {kPreparedKind, kDerivedKind, kProofKind})
    co_await remove_images(instance, kind);
}

awaitable<void> DockerSandbox::remove_images(std::string instance, std::string kind) {
  const std::vector<std::string> labels = {fmt::format("{}={}", kLabelInstance, instance),
                                           fmt::format("{}={}", kLabelImage, kind)};
  const auto images = co_await engine_.list_images(labels);
  if (!images) co_return;
  for (const auto& image : *images) {
    const auto removed = co_await engine_.remove_image(image.id, false);
    if (!removed) log::warn("image left behind", {{"image", image.id}, {"why", removed.error().message}});
  }
}

Result<std::unique_ptr<Sandbox>> make_docker_sandbox(core::asio::any_io_executor executor, core::WorkPool& pool,
                                                     DockerSandboxOptions options) {
  auto endpoint = net::parse_endpoint(options.docker_host);
  if (!endpoint) {
    return Error{Errc::invalid_argument, "docker_host_invalid", "docker host: " + endpoint.error().message,
                 "use unix:///path or tcp://host:port"};
  }
  if (!valid_instance(options.instance)) {
    return Error{Errc::invalid_argument, "instance_invalid",
                 fmt::format("instance {} is not 1 to {} letters, digits, dots, dashes or underscores",
                             core::shorten(options.instance), kLongestInstance)};
  }
  return std::unique_ptr<Sandbox>(
      std::make_unique<DockerSandbox>(std::move(executor), pool, std::move(*endpoint), std::move(options)));
}

}  // namespace skill_verifier::sandbox
