#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "skill_verifier/core/async.hpp"
#include "skill_verifier/sandbox/sandbox.hpp"

namespace skill_verifier::test {

/// What one call of `run` or `prepare` does: sends output, waits when told to, then answers.
template <class T>
struct FakeStep {
  Result<T> answer = T{};
  std::vector<std::pair<sandbox::StreamId, std::string>> output;
  bool hold = false;  ///< stays running until release() or cancellation
};

/// A sandbox that does what the test says and remembers what it was asked. Steps are used in order; without a step the
/// default answer is given: exit 0. One thread; the executor is that of the code under test.
class FakeSandbox final : public sandbox::Sandbox {
 public:
  explicit FakeSandbox(core::asio::any_io_executor executor) : changed_(executor), released_(executor) {}

  // What the test sets.
  std::deque<FakeStep<sandbox::RunResult>> runs;
  std::deque<FakeStep<sandbox::PrepareResult>> prepares;
  std::function<Result<sandbox::ExamineResult>(const sandbox::ExamineRequest&)> examines;
  bool examine_holds = false;                           ///< stays running until release() or cancellation
  std::map<std::string, Result<sandbox::Image>> known;  ///< others resolve to `sha256:` + 64 times `a`
  std::vector<std::string> pull_lines;                  ///< progress that every resolve reports
  Result<std::vector<std::string>> start_answer = std::vector<std::string>{};
  std::optional<Error> check_error;
  bool check_holds = false;  ///< `check` answers after release() or cancellation only, as an engine that hangs

  // What the test looks at.
  std::vector<std::string> resolved;
  std::vector<sandbox::RunRequest> run_requests;
  std::vector<sandbox::PrepareRequest> prepare_requests;
  std::vector<sandbox::ExamineRequest> examine_requests;
  int running = 0;  ///< runs and prepares in flight
  int most_running = 0;
  int cancelled = 0;  ///< held calls that were cancelled
  int checks_held = 0;
  int started = 0;
  int stopped = 0;

  /// A finished run with this exit code.
  static sandbox::RunResult exited(int code, std::string out = {}, std::string err = {}) {
    sandbox::RunResult result;
    result.exit_code = code;
    result.out.total = out.size();
    result.out.head = std::move(out);
    result.err.total = err.size();
    result.err.head = std::move(err);
    return result;
  }
  static FakeStep<sandbox::RunResult> step(Result<sandbox::RunResult> answer) {
    FakeStep<sandbox::RunResult> made;
    made.answer = std::move(answer);
    return made;
  }
  static FakeStep<sandbox::RunResult> held(Result<sandbox::RunResult> answer) {
    auto made = step(std::move(answer));
    made.hold = true;
    return made;
  }

  /// Lets everything that is held go on.
  void release() { released_.notify_all(); }
  /// Waits until `count` calls are in flight; false after ten seconds.
  core::awaitable<bool> until_running(int count) {
    while (running != count) {
      const bool woken = co_await changed_.wait(std::chrono::seconds(10));
      if (!woken) co_return false;
    }
    co_return true;
  }

  core::awaitable<Result<std::vector<std::string>>> start() override {
    ++started;
    co_return start_answer;
  }

  core::awaitable<Result<sandbox::Image>> resolve(std::string reference,
                                                  std::function<void(std::string_view)> progress) override {
    resolved.push_back(reference);
    if (progress) {
      for (const auto& line : pull_lines)
        progress(line);
    }
    const auto found = known.find(reference);
    if (found != known.end()) co_return found->second;
    sandbox::Image image;
    image.reference = reference;
    image.id = "sha256:" + std::string(64, 'a');
    image.env = {"PATH=/usr/local/bin:/usr/bin:/bin"};
    co_return image;
  }

  core::awaitable<Result<std::optional<sandbox::Image>>> present(std::string reference) override {
    if (check_error) co_return *check_error;
    const auto found = known.find(reference);
    if (found == known.end() || !found->second) co_return std::optional<sandbox::Image>();
    co_return std::optional(*found->second);
  }
  core::awaitable<Result<std::vector<sandbox::Image>>> images() override {
    if (check_error) co_return *check_error;
    std::vector<sandbox::Image> present;
    for (const auto& [name, image] : known)
      if (image) present.push_back(*image);
    co_return present;
  }

  core::awaitable<Result<sandbox::PrepareResult>> prepare(sandbox::PrepareRequest request,
                                                          sandbox::OutputSink sink) override {
    prepare_requests.push_back(request);
    FakeStep<sandbox::PrepareResult> fallback;
    sandbox::PrepareResult success;
    success.run = exited(0);
    success.image_id = "sha256:" + std::string(64, 'b');
    fallback.answer = success;
    auto step = take(prepares, std::move(fallback));
    auto answer = play(std::move(step), std::move(sink));
    auto result = co_await std::move(answer);
    co_return result;
  }

  core::awaitable<Result<sandbox::RunResult>> run(sandbox::RunRequest request, sandbox::OutputSink sink) override {
    run_requests.push_back(request);
    auto step = take(runs, FakeSandbox::step(exited(0)));
    auto answer = play(std::move(step), std::move(sink));
    auto result = co_await std::move(answer);
    co_return result;
  }

  core::awaitable<Result<sandbox::ExamineResult>> examine(sandbox::ExamineRequest request) override {
    examine_requests.push_back(request);
    if (examine_holds) {
      enter();
      const bool woken = co_await released_.wait();
      leave();
      if (!woken) {
        ++cancelled;
        co_return Error{Errc::cancelled, "cancelled", "the checks were cancelled"};
      }
    }
    if (examines) co_return examines(request);
    co_return Error{Errc::not_found, "image_missing", "no toolbox image is configured"};
  }

  sandbox::Profile profile() const override { return {"runc", std::string(64, 'c'), std::string(64, 'd')}; }

  sandbox::EngineVersion engine_version() const override { return {"An Engine", "1.2.3"}; }

  core::awaitable<Result<void>> check() override {
    if (check_holds) {
      ++checks_held;
      changed_.notify_all();
      const bool woken = co_await released_.wait();
      --checks_held;
      changed_.notify_all();
      if (!woken) co_return Error{Errc::cancelled, "cancelled", "the check was cancelled"};
    }
    if (check_error) co_return *check_error;
    co_return Result<void>{};
  }

  core::awaitable<void> stop() override {
    ++stopped;
    co_return;
  }

 private:
  template <class T>
  static FakeStep<T> take(std::deque<FakeStep<T>>& steps, FakeStep<T> fallback) {
    if (steps.empty()) return fallback;
    auto step = std::move(steps.front());
    steps.pop_front();
    return step;
  }

  template <class T>
  core::awaitable<Result<T>> play(FakeStep<T> step, sandbox::OutputSink sink) {
    enter();
    for (const auto& [stream, text] : step.output) {
      if (sink) sink(stream, text);
    }
    bool woken = true;
    if (step.hold) woken = co_await released_.wait();
    leave();
    if (!woken) {
      ++cancelled;
      co_return Error{Errc::cancelled, "cancelled", "the run was cancelled"};
    }
    co_return std::move(step.answer);
  }

  void enter() {
    most_running = std::max(most_running, ++running);
    changed_.notify_all();
  }
  void leave() {
    --running;
    changed_.notify_all();
  }

  core::Event changed_;
  core::Event released_;
};

}  // namespace skill_verifier::test
