#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "service/result_agreement.hpp"
#include "skill_verifier/core/ids.hpp"
#include "skill_verifier/service/service.hpp"
#include "support/await.hpp"
#include "support/fake_clock.hpp"
#include "support/fake_quoter.hpp"
#include "support/fake_sandbox.hpp"

namespace skill_verifier::service {

using store::JobState;
using test::FakeSandbox;
namespace fs = std::filesystem;

inline const std::string kTested = "test_command: echo hi\n";

/// A memory store some of whose calls fail when told to.
class FlakyStore final : public store::JobStore {
 public:
  explicit FlakyStore(const fs::path& directory) : inner_(store::open_memory_store(directory)) {}

  int begin_failures = 0, finish_failures = 0, insert_failures = 0;
  int requeues = 0;
  std::optional<Error> check_error;
  core::Event* check_holds = nullptr;       ///< `check` waits for it, whoever is cancelled
  int checks = 0;                           ///< calls of check
  std::function<void(store::Job&)> tamper;  ///< with what find_cached gives

  fs::path spool() const override { return inner_->spool(); }
  fs::path pack_path(const std::string& id) const override { return inner_->pack_path(id); }
  core::awaitable<Result<store::Job>> insert(store::Job job, store::PackFile pack) override {
    if (insert_failures-- > 0) co_return broken();
    co_return co_await inner_->insert(std::move(job), std::move(pack));
  }
  core::awaitable<Result<store::Job>> insert_final(store::Job job, store::JobOutcome outcome) override {
    return inner_->insert_final(std::move(job), std::move(outcome));
  }
  core::awaitable<Result<std::optional<store::KeyedJob>>> find_key(std::string owner, std::string key,
                                                                   core::Time now) override {
    return inner_->find_key(std::move(owner), std::move(key), now);
  }
  core::awaitable<Result<void>> expire_keys(core::Time now) override { return inner_->expire_keys(now); }
  core::awaitable<Result<std::vector<std::optional<store::VerdictRow>>>> verdicts(
      std::vector<std::string> subjects, std::optional<std::string> viewer) override {
    return inner_->verdicts(std::move(subjects), std::move(viewer));
  }
  core::awaitable<Result<std::optional<store::Job>>> find_cached(std::string key, core::Time since,
                                                                 std::string owner) override {
    auto found = co_await inner_->find_cached(std::move(key), since, std::move(owner));
    if (found && *found && tamper) tamper(**found);
    co_return found;
  }
  core::awaitable<Result<store::LogPiece>> log_piece(std::string id, std::uint64_t offset,
                                                     std::uint64_t limit) override {
    return inner_->log_piece(std::move(id), offset, limit);
  }
  core::awaitable<Result<store::Job>> find(std::string id) override { return inner_->find(std::move(id)); }
  core::awaitable<Result<std::vector<store::JobSummary>>> list(store::JobFilter filter) override {
    return inner_->list(filter);
  }
  core::awaitable<Result<store::JobAccess>> access(std::string id) override { return inner_->access(std::move(id)); }
  core::awaitable<Result<store::JobCounts>> counts() override { return inner_->counts(); }
  core::awaitable<Result<std::uint64_t>> count_hidden(std::string viewer) override {
    return inner_->count_hidden(std::move(viewer));
  }
  core::awaitable<Result<store::Job>> begin(std::string id, core::Time now) override {
    if (begin_failures-- > 0) co_return broken();
    co_return co_await inner_->begin(std::move(id), now);
  }
  core::awaitable<Result<void>> requeue(std::string id, store::AttemptCounts counts) override {
    ++requeues;
    return inner_->requeue(std::move(id), counts);
  }
  core::awaitable<Result<void>> finish(std::string id, store::JobOutcome outcome) override {
    if (finish_failures-- > 0) co_return broken();
    co_return co_await inner_->finish(std::move(id), std::move(outcome));
  }
  core::awaitable<Result<void>> remove(std::string id) override { return inner_->remove(std::move(id)); }
  core::awaitable<Result<std::vector<store::JobSummary>>> recover() override { return inner_->recover(); }
  core::awaitable<Result<std::vector<std::string>>> expire(core::Time time) override { return inner_->expire(time); }
  core::awaitable<Result<std::vector<std::string>>> trim(std::uint64_t jobs, std::uint64_t bytes) override {
    return inner_->trim(jobs, bytes);
  }
  core::awaitable<Result<std::set<std::string>>> collaterals_in_use(std::vector<std::string> digests) override {
    return inner_->collaterals_in_use(std::move(digests));
  }
  core::awaitable<Result<std::string>> log(std::string id) override { return inner_->log(std::move(id)); }
  store::Outbox& outbox() override { return inner_->outbox(); }
  core::awaitable<Result<void>> check() override {
    ++checks;
    if (check_holds != nullptr) {
      co_await core::shield_from_cancellation();
      co_await check_holds->wait();
    }
    if (check_error) co_return *check_error;
    co_return co_await inner_->check();
  }

 private:
  static Error broken() { return {Errc::unavailable, "store_failed", "jobs.db: disk I/O error"}; }
  std::unique_ptr<store::JobStore> inner_;
};

/// A whole service over fakes: only the skill module and the memory store are real.
class ServiceTest : public testing::Test {
 protected:
  ServiceTest() : scratch_(fs::temp_directory_path() / ("svtest-" + core::random_hex(8))) {
    fs::create_directories(scratch_ / "skills");
    store_ = std::make_unique<FlakyStore>(scratch_ / "store");
    options_.workers = 2;
    options_.retry_backoff = std::chrono::nanoseconds(1);
    options_.drain = core::Duration::zero();
    options_.health_cache = core::Duration::zero();
    options_.skill_roots = {scratch_ / "skills"};
    options_.verifier = "skill-verifier 0.0.0";
    options_.verifier_sha256 = std::string(64, 'e');
  }
  ~ServiceTest() override {
    if (service_) stop();
    service_.reset();
    store_.reset();
    std::error_code ignored;
    fs::remove_all(scratch_, ignored);
  }

  template <class T>
  T await(core::awaitable<T> work) {
    return test::await(io_, std::move(work));
  }

  void start() {
    service_ = std::make_unique<Service>(io_.get_executor(), pool_, clock_, *store_, sandbox_, quoter_used_, options_,
                                         appraiser_used_);
    const auto started = await(service_->start());
    ASSERT_TRUE(started) << started.error().message;
  }
  void stop() { await(service_->stop()); }
  void restart() {
    stop();
    service_.reset();
    start();
  }

  /// A skill folder in the root; `front` is added to its front matter.
  std::string make_skill(const std::string& front = kTested, const std::string& name = "demo") {
    const auto directory = scratch_ / "skills" / core::random_hex(8);
    fs::create_directories(directory);
    std::ofstream(directory / "SKILL.md") << "---\nname: " << name << "\nversion: 1.0.0\ndescription: A demo.\n"
                                          << front << "---\nBody.\n";
    return directory.string();
  }
  Submission submission(const std::string& front = kTested) {
    Submission made;
    made.skill_path = make_skill(front);
    return made;
  }
  store::Job submit(const std::string& front = kTested) {
    auto job = await(service_->submit(submission(front)));
    EXPECT_TRUE(job) << job.error().message;
    return job ? *job : store::Job{};
  }
  Error refused(Submission wanted) {
    auto job = await(service_->submit(std::move(wanted)));
    EXPECT_FALSE(job);
    return job ? Error{Errc::internal, "accepted"} : job.error();
  }
  store::Job wait(const std::string& id) {
    auto job = await(service_->wait(id, std::chrono::seconds(30)));
    EXPECT_TRUE(job) << job.error().message;
    return job ? *job : store::Job{};
  }
  store::Job find(const std::string& id) {
    auto job = await(service_->find(id));
    EXPECT_TRUE(job) << job.error().message;
    return job ? *job : store::Job{};
  }
  /// A service that gives verdicts again.
  void start_with_cache() {
    options_.cache = true;
    sandbox::Image image;
    image.reference = "alpine:latest";
    image.id = "sha256:" + std::string(64, 'a');
    sandbox_.known.insert_or_assign("alpine:latest", image);
    start();
  }
  /// What disagrees with `statement` when the result's member at `pointer` is `value`.
  static std::string disagreement_with(nlohmann::json result, const nlohmann::json& statement, const char* pointer,
                                       nlohmann::json value) {
    result[nlohmann::json::json_pointer(pointer)] = std::move(value);
    return disagreement(result, statement).value_or("nothing");
  }
  static nlohmann::json parse(const std::string& text) { return nlohmann::json::parse(text); }
  nlohmann::json result_of(const store::Job& job) {
    EXPECT_EQ(job.state, JobState::completed) << job.error;
    return job.state == JobState::completed ? parse(job.result) : nlohmann::json::object();
  }
  nlohmann::json run(const std::string& front = kTested) { return result_of(wait(submit(front).id)); }
  std::string log_of(const std::string& id) {
    auto part = await(service_->log(id, 0, core::Duration::zero()));
    EXPECT_TRUE(part);
    return part ? part->text : std::string();
  }
  bool spool_is_empty() const { return fs::is_empty(store_->spool()); }
  fs::path spool_file(std::string_view bytes) {
    const auto file = store_->spool() / core::random_hex(8);
    std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return file;
  }

  fs::path scratch_;
  core::asio::io_context io_{1};
  core::WorkPool pool_{2};
  test::FakeClock clock_;
  FakeSandbox sandbox_{io_.get_executor()};
  test::FakeQuoter quoter_{io_.get_executor()};
  attest::Quoter* quoter_used_ = nullptr;
  attest::Appraiser* appraiser_used_ = nullptr;
  ServiceOptions options_;
  std::unique_ptr<FlakyStore> store_;
  std::unique_ptr<Service> service_;
};

}  // namespace skill_verifier::service
