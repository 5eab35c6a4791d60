#include "http/test_server.hpp"

#include <stdlib.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <fstream>
#include <future>
#include <iterator>
#include <stdexcept>
#include <thread>

#include "http/listener.hpp"
#include "support/await.hpp"

namespace skill_verifier::test {

namespace asio = core::asio;

const std::string kResultText =
    R"({"skillId":"hello-world@1.0.0","timestamp":"2026-01-30T12:34:56.789Z","duration":412,)"
    R"("result":{"passed":true,"exitCode":0,"stdout":"Hello from skill!\n","stderr":"","duration":187},)"
    R"("attestation":{"quote":null,"resultHash":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",)"
    R"("verifier":"none","note":"No TEE available - deploy to dstack for real attestations"},)"
    R"("manifest":{"name":"hello-world","version":"1.0.0","description":"Prints a greeting"}})";

std::string job_id(char digit) {
  return std::string(32, digit);
}

store::Job make_job(const std::string& id, store::JobState state, std::uint64_t sequence) {
  store::Job job;
  job.id = id;
  job.sequence = sequence;
  job.state = state;
  job.skill_id = "hello-world@1.0.0";
  job.created_at = *core::parse_rfc3339("2026-01-30T12:34:55.000Z");
  if (state != store::JobState::pending) job.started_at = *core::parse_rfc3339("2026-01-30T12:34:55.010Z");
  if (store::is_final(state)) job.completed_at = *core::parse_rfc3339("2026-01-30T12:34:56.789Z");
  if (state == store::JobState::completed) {
    job.result = kResultText;
    job.statement = R"({"_type":"https://in-toto.io/Statement/v1"})";
  }
  if (state == store::JobState::failed)
    job.error = R"({"code":"engine_unreachable","message":"the engine does not answer","hint":"start it"})";
  return job;
}

FakeBackend::FakeBackend(asio::any_io_executor executor) : changed_(std::move(executor)) {
  health.attestation = "none";
}

http::Backend FakeBackend::calls() {
  http::Backend calls;
  calls.submit = [this](service::Submission submission) { return submit(std::move(submission)); };
  calls.keyed_job = [this](service::Submission submission) { return keyed_job(std::move(submission)); };
  calls.find = [this](std::string id) { return find(std::move(id)); };
  calls.wait = [this](std::string id, core::Duration limit) { return wait(std::move(id), limit); };
  calls.timing = [this](const std::string& id) {
    const auto found = timings.find(id);
    return found == timings.end() ? std::nullopt : std::optional(found->second);
  };
  calls.list = [this](store::JobFilter given) { return list(given); };
  calls.deliveries = [this](store::DeliveryFilter given) { return list_deliveries(std::move(given)); };
  calls.redeliver = [this](std::string id) { return redeliver(std::move(id)); };
  calls.remove = [this](std::string id) { return remove(std::move(id)); };
  calls.log = [this](std::string id, std::size_t offset, core::Duration limit) {
    return log(std::move(id), offset, limit);
  };
  calls.events = [this](std::string id, service::EventCursor cursor, core::Duration limit) {
    return events(std::move(id), std::move(cursor), limit);
  };
  calls.verdicts = [this](std::vector<std::string> subjects, std::optional<std::string> viewer) {
    verdicts_for = std::move(viewer);
    return verdicts(std::move(subjects));
  };
  calls.attestation = [this](std::optional<std::string> nonce) { return attestation(std::move(nonce)); };
  calls.appraisal = [this](store::Job) { return give_appraisal(); };
  calls.sarif = [this](store::Job job) { return give_sarif(std::move(job)); };
  calls.health = [this] { return report_health(); };
  calls.readiness = [this] { return report_readiness(); };
  calls.check_room = [this](const service::Submission& submission) {
    const bool may_be_known = submission.idempotency_key || (!submission.fresh && !submission.nonce);
    return room_error && !may_be_known ? Result<void>(*room_error) : Result<void>();
  };
  calls.pack_bytes = [this] { return pack_bytes; };
  calls.write_metrics = [](core::MetricsText&) {};
  calls.engine_away = [this] { return health.engine_error.has_value(); };
  calls.access = [this](std::string id) { return access(std::move(id)); };
  calls.total = [this](std::optional<std::string> viewer) { return total(std::move(viewer)); };
  return calls;
}

core::awaitable<Result<std::vector<store::Delivery>>> FakeBackend::list_deliveries(store::DeliveryFilter given) {
  maybe_throw();
  delivery_filter = std::move(given);
  co_return deliveries;
}

core::awaitable<Result<store::Delivery>> FakeBackend::redeliver(std::string id) {
  maybe_throw();
  redelivered.push_back(id);
  if (deliveries.empty()) co_return Error(Errc::not_found, "delivery_not_found", "there is no such delivery");
  if (deliveries.front().state == store::DeliveryState::pending)
    co_return Error(Errc::conflict, "delivery_pending", "it is still being tried");
  co_return deliveries.front();
}

core::awaitable<Result<std::optional<std::string>>> FakeBackend::keyed_job(service::Submission submission) {
  maybe_throw();
  const auto found = keyed.find(submission.idempotency_key.value_or(""));
  co_return found == keyed.end() ? std::nullopt : std::optional(found->second.id);
}

core::awaitable<std::optional<attest::Appraisal>> FakeBackend::give_appraisal() {
  co_return appraisal;
}

core::awaitable<Result<std::string>> FakeBackend::give_sarif(store::Job job) {
  co_return sarif ? Result<std::string>(*sarif + job.id)
                  : Error(Errc::not_found, "checks_not_made", "the job was judged without static checks");
}

core::awaitable<Result<service::ServiceAttestation>> FakeBackend::attestation(std::optional<std::string> nonce) {
  maybe_throw();
  nonces.push_back(nonce);
  if (attestation_error) co_return *attestation_error;
  auto quote = std::make_shared<attest::ServiceQuote>();
  quote->document = "{}";
  quote->note = "none here";
  service::ServiceAttestation made;
  made.answer.quote = std::move(quote);
  if (nonce) made.answer.proof = attest::NonceProof{*nonce, 0, 2, {attest::MerkleHash{}}};
  made.extras.policy = "policy";
  co_return made;
}

void FakeBackend::maybe_throw() const {
  if (throws) throw std::runtime_error("a bug");
}

core::awaitable<Result<store::Job>> FakeBackend::submit(service::Submission submission) {
  maybe_throw();
  Received got{submission, {}, 0};
  if (submission.archive) {
    got.archive_bytes = std::filesystem::file_size(*submission.archive);
    if (keep_archives) {
      std::ifstream file(*submission.archive, std::ios::binary);
      got.archive.assign(std::istreambuf_iterator<char>(file), {});
    }
    std::filesystem::remove(*submission.archive);
  }
  if (submission.archive_bytes) {
    got.archive_bytes = submission.archive_bytes->size();
    if (keep_archives) got.archive = *submission.archive_bytes;
  }
  received.push_back(std::move(got));
  while (holds_submits)
    co_await changed_.wait();
  if (submit_error) co_return *submit_error;
  if (const auto known = keyed.find(submission.idempotency_key.value_or("")); known != keyed.end()) {
    store::Job job = known->second;
    job.replayed = true;
    co_return job;
  }
  if (const auto fault = path_errors.find(submission.skill_path.value_or("")); fault != path_errors.end())
    co_return fault->second;
  store::Job job = make_job(job_id('a'), store::JobState::pending, received.size());
  job.owner = submission.owner;
  job.is_private = submission.is_private;
  jobs[job.id] = job;
  co_return job;
}

core::awaitable<Result<store::Job>> FakeBackend::find(std::string id) {
  maybe_throw();
  ++finds;
  if (find_error) co_return *find_error;
  const auto found = jobs.find(id);
  if (found == jobs.end()) co_return Error(Errc::not_found, "job_not_found", "no job " + id);
  co_return found->second;
}

core::awaitable<Result<store::Job>> FakeBackend::wait(std::string id, core::Duration limit) {
  ++waits;
  ++waiting;
  while (!drains && jobs.contains(id) && !store::is_final(jobs[id].state)) {
    const bool woken = co_await changed_.wait(limit);
    if (!woken) break;
  }
  --waiting;
  co_return co_await find(std::move(id));
}

core::awaitable<Result<std::vector<store::JobSummary>>> FakeBackend::list(store::JobFilter given) {
  maybe_throw();
  filter = given;
  if (list_error) co_return *list_error;
  std::vector<store::JobSummary> result;
  for (const auto& [id, job] : jobs) {
    if (given.state && job.state != *given.state) continue;
    if (given.before && job.sequence >= *given.before) continue;
    if (given.viewer && job.is_private && job.owner != *given.viewer) continue;
    store::JobSummary summary;
    summary.id = job.id;
    summary.sequence = job.sequence;
    summary.state = job.state;
    summary.created_at = job.created_at;
    summary.completed_at = job.completed_at;
    summary.skill_id = job.skill_id;
    result.push_back(std::move(summary));
  }
  std::sort(result.begin(), result.end(), [](const auto& a, const auto& b) { return a.sequence > b.sequence; });
  if (result.size() > given.limit) result.resize(given.limit);
  co_return result;
}

core::awaitable<Result<void>> FakeBackend::remove(std::string id) {
  maybe_throw();
  if (remove_error) co_return *remove_error;
  if (jobs.erase(id) == 0) co_return Error(Errc::not_found, "job_not_found", "no job " + id);
  co_return Result<void>();
}

core::awaitable<Result<service::LogPart>> FakeBackend::log(std::string id, std::size_t offset, core::Duration limit) {
  maybe_throw();
  while (true) {
    if (log_error) co_return *log_error;
    const auto found = jobs.find(id);
    if (found == jobs.end()) co_return Error(Errc::not_found, "job_not_found", "no job " + id);
    const std::string& text = logs[id];
    const bool final = store::is_final(found->second.state);
    if (offset < text.size() || final || limit == core::Duration::zero())
      co_return service::LogPart{text.substr(offset), text.size(), final};
    ++waiting;
    const bool woken = co_await changed_.wait(limit);
    --waiting;
    if (!woken) limit = core::Duration::zero();
  }
}

/// Cursors count parts here: their `marks`.
core::awaitable<Result<service::EventPart>> FakeBackend::events(std::string id, service::EventCursor cursor,
                                                                core::Duration limit) {
  maybe_throw();
  ++event_calls;
  const auto& parts = told[id];
  if (cursor.marks >= parts.size()) {
    ++waiting;
    const bool woken = co_await changed_.wait(limit);
    --waiting;
    if (!woken) cursor.marks = parts.size();
  }
  service::EventPart part;
  part.next = cursor;
  if (cursor.marks >= parts.size()) co_return part;
  part = parts[cursor.marks];
  part.next.life = "0a";
  part.next.marks = cursor.marks + (part.ended ? 0 : 1);
  part.next.offset = cursor.offset + part.text.size();
  co_return part;
}

core::awaitable<Result<std::vector<std::optional<store::VerdictRow>>>> FakeBackend::verdicts(
    std::vector<std::string> subjects) {
  maybe_throw();
  std::vector<std::optional<store::VerdictRow>> rows;
  for (const auto& subject : subjects) {
    const auto found = verdict_rows.find(subject);
    rows.push_back(found == verdict_rows.end() ? std::nullopt : std::optional(found->second));
  }
  co_return rows;
}

core::awaitable<service::Health> FakeBackend::report_health() {
  maybe_throw();
  co_return health;
}

core::awaitable<service::Health> FakeBackend::report_readiness() {
  maybe_throw();
  ++readiness_asked;
  co_return health;
}

core::awaitable<Result<store::JobAccess>> FakeBackend::access(std::string id) {
  maybe_throw();
  ++accesses;
  const auto found = jobs.find(id);
  // Whoever makes the other calls fail has not said so of this one.
  if (found == jobs.end() && (find_error || remove_error || log_error)) co_return store::JobAccess{};
  if (found == jobs.end()) co_return Error(Errc::not_found, "job_not_found", "no job " + id);
  co_return store::JobAccess{found->second.owner, found->second.is_private};
}

core::awaitable<Result<std::uint64_t>> FakeBackend::total(std::optional<std::string> viewer) {
  if (total_error) co_return *total_error;
  co_return std::ranges::count_if(
      jobs, [&viewer](const auto& row) { return !viewer || !row.second.is_private || row.second.owner == *viewer; });
}

namespace {

std::filesystem::path make_spool() {
  std::string name = (std::filesystem::temp_directory_path() / "skill-verifier-http-XXXXXX").string();
  if (!::mkdtemp(name.data())) throw std::runtime_error("mkdtemp failed");
  return name;
}

}  // namespace

struct TestServer::Impl {
  explicit Impl(http::ServerOptions options)
      : guard(asio::make_work_guard(io)),
        spool(make_spool()),
        backend(io.get_executor()),
        listener(io.get_executor(), pool, backend.calls(), clock, spool, std::move(options)) {
    if (auto loaded = await(io, listener.reload()); !loaded) throw std::runtime_error(loaded.error().message);
    if (auto started = listener.start(); !started) throw std::runtime_error(started.error().message);
    thread = std::thread([this] { io.run(); });
  }

  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard;
  core::WorkPool pool{1};
  FakeClock clock;
  std::filesystem::path spool;
  FakeBackend backend;
  http::Listener listener;
  std::thread thread;
  std::future<void> stopped;
};

TestServer::TestServer(http::ServerOptions options) {
  options.port = 0;
  options.version = "0.1.0";
  impl_ = std::make_unique<Impl>(std::move(options));
}

TestServer::~TestServer() {
  stop(core::Duration::zero());
  impl_->guard.reset();
  impl_->thread.join();
  impl_->pool.join();
  std::filesystem::remove_all(impl_->spool);
}

std::uint16_t TestServer::tls_port() const {
  return impl_->listener.tls_port();
}

void TestServer::reconfigure(const http::ServerOptions& wanted) {
  run([&](FakeBackend&) { impl_->listener.reconfigure(wanted); });
}

Result<void> TestServer::reload() {
  return asio::co_spawn(impl_->io, impl_->listener.reload(), asio::use_future).get();
}

std::uint16_t TestServer::port() const {
  return impl_->listener.port();
}

void TestServer::run(const std::function<void(FakeBackend&)>& work) {
  auto done = asio::post(impl_->io, asio::use_future([this, &work] { work(impl_->backend); }));
  done.get();
}

void TestServer::until(const std::function<bool(FakeBackend&)>& condition) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  bool holds = false;
  while (!holds) {
    run([&](FakeBackend& backend) { holds = condition(backend); });
    if (std::chrono::steady_clock::now() > give_up) throw std::runtime_error("the condition never held");
    if (!holds) std::this_thread::yield();
  }
}

std::vector<std::string> TestServer::spool_files() {
  std::promise<void> idle;
  impl_->pool.post([&idle] { idle.set_value(); });
  idle.get_future().get();
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(impl_->spool))
    names.push_back(entry.path().filename().string());
  return names;
}

void TestServer::until_spool_is(bool empty) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (spool_files().empty() != empty) {
    if (std::chrono::steady_clock::now() > give_up) throw std::runtime_error("the spool never changed");
    std::this_thread::yield();
  }
}

void TestServer::begin_stop(core::Duration grace) {
  if (!impl_->stopped.valid())
    impl_->stopped = asio::co_spawn(impl_->io, impl_->listener.stop(grace), asio::use_future);
}

void TestServer::stop(core::Duration grace) {
  begin_stop(grace);
  impl_->stopped.wait();
}

}  // namespace skill_verifier::test
