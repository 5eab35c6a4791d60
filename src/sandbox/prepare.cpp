#include <algorithm>

#include "sandbox/disk_meter.hpp"
#include "sandbox/docker_sandbox_impl.hpp"
#include "sandbox/uninterrupted.hpp"

namespace skill_verifier::sandbox {
namespace {

constexpr std::chrono::seconds kEndLimit{10};

}  // namespace

awaitable<Result<PrepareResult>> DockerSandbox::prepare(PrepareRequest request, OutputSink sink) {
  const auto running = activity_.begin();
  auto key = prepared_key(request, profile_.init_sha256);
  const auto turn = co_await prepared_.turn(key);
  if (!turn) co_return cancelled_error();
  // Only from here on does the time count: it is this job's own.
  const auto limit = request.deps.timeout + request.overhead + 2 * options_.timeouts.commit;
  auto preparing = find_or_make_prepared(std::move(request), std::move(key), std::move(sink));
  co_return co_await core::with_deadline(std::move(preparing), limit, "test_deps");
}

awaitable<Result<PrepareResult>> DockerSandbox::find_or_make_prepared(PrepareRequest request, std::string key,
                                                                      OutputSink sink) {
  SKILL_VERIFIER_CO_TRY(auto hit, co_await prepared_.find(key));
  if (!hit) co_return co_await make_prepared(std::move(request), std::move(key), std::move(sink));
  PrepareResult result;
  result.run.exit_code = 0;
  result.image_id = std::move(hit->id);
  result.lease = std::move(hit->lease);
  result.cached = true;
  co_return result;
}

awaitable<Result<PrepareResult>> DockerSandbox::make_prepared(PrepareRequest request, std::string key,
                                                              OutputSink sink) {
  SKILL_VERIFIER_CO_TRY(const auto base_id, co_await derived_->get(request.image));
  Job job;
  job.spec = spec_of(Role::prepare, base_id, request);
  job.conversation = conversation_of(request.deps, request.image, request.limits);
  job.conversation.timeout = std::max(request.deps.timeout, kShortestTimeout);
  job.conversation.mode = init::Mode::prepare;
  job.conversation.pack = std::move(request.pack);
  job.disk = disk_limits();
  job.conversation.sink = std::move(sink);
  auto ran = co_await runner_.run(std::move(job));
  if (!ran.result) {
    if (ran.result.error().id == "image_missing") derived_->forget(request.image.id);
    co_await discard(std::move(ran.live));
    co_return as_lost(ran.result.error());
  }
  PrepareResult result;
  result.run = std::move(*ran.result);
  if (result.run.outcome != Outcome::exited || result.run.exit_code != 0) {
    co_await discard(std::move(ran.live));
    co_return result;
  }
  auto kept = co_await keep_prepared(ran.live.id, base_id, std::move(key));
  co_await discard(std::move(ran.live));
  if (!kept) co_return core::with_context(as_lost(kept.error()), "keep the prepared image");
  result.image_id = std::move(kept->first);
  result.lease = std::move(kept->second);
  co_return result;
}

awaitable<Result<std::pair<std::string, LruIndex::Lease>>> DockerSandbox::keep_prepared(std::string container,
                                                                                        std::string base_id,
                                                                                        std::string key) {
  SKILL_VERIFIER_CO_TRY_VOID(co_await engine_.wait_not_running(container, kEndLimit));
  DiskMeter meter(engine_, disk_limits());
  SKILL_VERIFIER_CO_TRY(const auto written, co_await meter.check(container));
  // test_deps ran as root beside init's own file.
  SKILL_VERIFIER_CO_TRY_VOID(co_await derived_->install_init(container));
  auto committing = commit_prepared(std::move(container), key);
  SKILL_VERIFIER_CO_TRY(auto image_id, co_await uninterrupted(std::move(committing)));
  const auto whole = co_await engine_.inspect_image(image_id);
  const auto base = co_await engine_.inspect_image(std::move(base_id));
  LruIndex::Item item{std::move(key), image_id, written};
  if (whole && base) item.bytes = whole->size - std::min(whole->size, base->size);
  auto lease = co_await prepared_.keep(std::move(item));
  co_return std::pair(std::move(image_id), std::move(lease));
}

awaitable<Result<std::string>> DockerSandbox::commit_prepared(std::string container, std::string key) {
  ImageLabels labels;
  labels.instance = options_.instance;
  labels.kind = kPreparedKind;
  labels.key = std::move(key);
  labels.init_sha256 = profile_.init_sha256;
  CommitRequest commit;
  commit.container_id = std::move(container);
  commit.labels = commit_labels(labels);
  co_return co_await engine_.commit_container(std::move(commit));
}

}  // namespace skill_verifier::sandbox
