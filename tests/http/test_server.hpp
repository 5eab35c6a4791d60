#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/backend.hpp"
#include "skill_verifier/http/server.hpp"
#include "support/fake_clock.hpp"

namespace skill_verifier::test {

/// What was submitted, with the bytes of the archive that came along.
struct Received {
  service::Submission submission;
  std::string archive;
  std::uint64_t archive_bytes = 0;
};

/// The calls of a Service, answered from a table. Everything happens on the server's thread.
class FakeBackend {
 public:
  explicit FakeBackend(core::asio::any_io_executor executor);
  http::Backend calls();
  /// Wakes `wait` and `log`.
  void changed() { changed_.notify_all(); }

  std::map<std::string, store::Job> jobs;
  std::map<std::string, std::string> logs;
  std::vector<Received> received;
  std::optional<Error> submit_error, find_error, list_error, remove_error, log_error, total_error, attestation_error;
  std::vector<store::Delivery> deliveries;  ///< what their list gives
  store::DeliveryFilter delivery_filter;    ///< of that list's last call
  std::vector<std::string> redelivered;
  std::vector<std::optional<std::string>> nonces;  ///< of the calls of attestation
  /// What check_room ends with for whatever no earlier verdict may answer.
  std::optional<Error> room_error;
  bool throws = false;         ///< every call does
  bool holds_submits = false;  ///< until it is false again and changed() was called
  bool keep_archives = true;   ///< read their bytes, not only their size
  std::optional<attest::Appraisal> appraisal;
  std::optional<std::string> sarif;  ///< given with the job's id behind it
  std::map<std::string, service::JobTiming> timings;
  std::map<std::string, store::VerdictRow> verdict_rows;        ///< by subject
  std::optional<std::string> verdicts_for;                      ///< whom the last ones were for
  std::map<std::string, std::vector<service::EventPart>> told;  ///< by job: what `events` gives, part by part
  int event_calls = 0;
  std::map<std::string, Error> path_errors;  ///< what submits of a skillPath end with
  std::map<std::string, store::Job> keyed;   ///< jobs by idempotency key: given as replayed
  service::Health health;
  int readiness_asked = 0;
  std::uint64_t pack_bytes = 0;
  int finds = 0;
  int accesses = 0;
  int waiting = 0;          ///< calls that are being waited for now
  int waits = 0;            ///< calls of `wait`
  bool drains = false;      ///< nobody is kept waiting
  store::JobFilter filter;  ///< of the last list

 private:
  core::awaitable<Result<store::Job>> submit(service::Submission submission);
  core::awaitable<Result<std::optional<std::string>>> keyed_job(service::Submission submission);
  core::awaitable<Result<store::Job>> find(std::string id);
  core::awaitable<Result<store::Job>> wait(std::string id, core::Duration limit);
  core::awaitable<Result<std::vector<store::JobSummary>>> list(store::JobFilter filter);
  core::awaitable<Result<void>> remove(std::string id);
  core::awaitable<Result<service::LogPart>> log(std::string id, std::size_t offset, core::Duration limit);
  core::awaitable<Result<service::EventPart>> events(std::string id, service::EventCursor cursor, core::Duration limit);
  core::awaitable<Result<std::vector<std::optional<store::VerdictRow>>>> verdicts(std::vector<std::string> subjects);
  core::awaitable<Result<service::ServiceAttestation>> attestation(std::optional<std::string> nonce);
  core::awaitable<Result<std::vector<store::Delivery>>> list_deliveries(store::DeliveryFilter given);
  core::awaitable<Result<store::Delivery>> redeliver(std::string id);
  core::awaitable<std::optional<attest::Appraisal>> give_appraisal();
  core::awaitable<Result<std::string>> give_sarif(store::Job job);
  core::awaitable<service::Health> report_health();
  core::awaitable<service::Health> report_readiness();
  core::awaitable<Result<store::JobAccess>> access(std::string id);
  core::awaitable<Result<std::uint64_t>> total(std::optional<std::string> viewer);
  void maybe_throw() const;

  core::Event changed_;
};

/// A Listener on 127.0.0.1 with a loop of its own, a FakeBackend and a spool that is removed at the end.
class TestServer {
 public:
  explicit TestServer(http::ServerOptions options = {});
  ~TestServer();

  std::uint16_t port() const;
  std::uint16_t tls_port() const;
  Result<void> reload();
  void reconfigure(const http::ServerOptions& wanted);
  /// Runs something on the server's thread and waits for it.
  void run(const std::function<void(FakeBackend&)>& work);
  /// Waits until a condition, looked at on the server's thread after everything that happens there, holds. Gives up
  /// after 30 s by throwing.
  void until(const std::function<bool(FakeBackend&)>& condition);
  /// Names of what is in the spool once everything posted to the pool is done.
  std::vector<std::string> spool_files();
  /// Waits until the spool is (not) empty. Gives up after 30 s by throwing.
  void until_spool_is(bool empty);
  /// Returns when the server has stopped.
  void stop(core::Duration grace);
  /// Begins to stop and returns at once; `stop` or the destructor waits for the end.
  void begin_stop(core::Duration grace);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A job id made of one digit.
std::string job_id(char digit);
/// A job in the given state, with times, a result where it is completed and an error where it failed.
store::Job make_job(const std::string& id, store::JobState state, std::uint64_t sequence = 1);
/// The `result` of make_job.
extern const std::string kResultText;

}  // namespace skill_verifier::test
