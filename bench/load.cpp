#include "load.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "skill_verifier/core/json.hpp"

namespace skill_verifier::bench {
namespace {

using std::chrono::steady_clock;

constexpr auto kJobLimit = std::chrono::seconds(180);
constexpr auto kRunLimit = std::chrono::minutes(15);
constexpr std::size_t kConnections = 512;
constexpr std::size_t kLargestAnswer = 64u << 20;

/// Busy time of all cores so far (proc(5): user, nice, system, idle, iowait, irq, softirq, steal).
double machine_cpu_seconds() {
  std::ifstream stat("/proc/stat");
  std::string cpu;
  double user = 0, nice = 0, system = 0, idle = 0, waiting = 0, irq = 0, soft_irq = 0;
  stat >> cpu >> user >> nice >> system >> idle >> waiting >> irq >> soft_irq;
  return (user + nice + system + irq + soft_irq) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

net::ClientLimits limits() {
  net::ClientLimits limits;
  limits.request = kJobLimit;
  limits.body_bytes = kLargestAnswer;
  limits.idle_connections = kConnections;
  return limits;
}

bool is_final(const std::string& status) {
  return status == "completed" || status == "failed" || status == "cancelled";
}

/// One run of a plan. Everything happens on the loop's thread.
class Run {
 public:
  Run(Loop& loop, const Target& target, const Plan& plan)
      : loop_(loop),
        plan_(plan),
        client_(loop.executor(), target.endpoint, limits()),
        jobs_(loop.executor()),
        readers_(loop.executor()) {
    report_.name = plan.name;
    report_.offered = plan.offered;
    report_.jobs = plan.arrivals.size();
    report_.samples.resize(plan.arrivals.size());
    passed_.resize(plan.arrivals.size());
  }

  LoadReport play() {
    if (plan_.readers > 0) start_readers();
    begin_ = steady_clock::now();
    if (plan_.one_at_a_time) {
      for (std::size_t i = 0; i < report_.jobs; ++i)
        loop_.wait(job(i, steady_clock::now()));
    } else {
      for (std::size_t i = 0; i < report_.jobs; ++i)
        jobs_.spawn("job", when_due(i));
      if (!loop_.wait(jobs_.wait(kRunLimit))) throw std::runtime_error(plan_.name + ": jobs do not end");
    }
    report_.seconds = milliseconds_since(begin_) / 1000;
    readers_.cancel();
    loop_.wait(readers_.wait(kJobLimit));
    return finish();
  }

 private:
  LoadReport finish() {
    std::vector<JobSample> passed;
    for (std::size_t i = 0; i < report_.jobs; ++i)
      if (passed_[i]) passed.push_back(std::move(report_.samples[i]));
    report_.samples = std::move(passed);
    report_.failed = report_.jobs - report_.samples.size();
    report_.jobs_per_second = static_cast<double>(report_.samples.size()) / report_.seconds;
    report_.reads_per_second = static_cast<double>(reads_) / report_.seconds;
    return std::move(report_);
  }

  awaitable<void> when_due(std::size_t index) {
    const auto due = begin_ + plan_.arrivals[index];
    const auto left = due - steady_clock::now();
    if (left > core::Duration::zero()) co_await core::sleep_for(left);
    co_await job(index, due);
  }

  awaitable<void> job(std::size_t index, SteadyTime due) {
    auto passed = co_await judge(index, due);
    if (passed)
      passed_[index] = true;
    else if (report_.first_failure.empty())
      report_.first_failure = passed.error().message;
  }

  awaitable<Result<void>> judge(std::size_t index, SteadyTime due) {
    auto& sample = report_.samples[index];
    auto request = plan_.request(index);
    SKILL_VERIFIER_CO_TRY(const auto accepted, co_await client_.send(std::move(request)));
    sample.accepted = milliseconds_since(due);
    if (accepted.status != 202)
      co_return Error{Errc::internal, fmt::format("POST /verify: {} {}", accepted.status, accepted.body)};
    SKILL_VERIFIER_CO_TRY(const auto submitted, core::parse_json(accepted.body));
    const auto target = "/verify/" + submitted.at("jobId").get<std::string>() + "?wait=60&timing=1";
    while (true) {
      net::Request poll;
      poll.target = target;
      SKILL_VERIFIER_CO_TRY(const auto answer, co_await client_.send(std::move(poll)));
      const double now = milliseconds_since(due);
      SKILL_VERIFIER_CO_TRY(const auto state, core::parse_json(answer.body));
      const auto status = state.value("status", "");
      if (!is_final(status) && answer.status == 200) continue;
      sample.verdict = now;
      if (status != "completed" || state.at("result").at("result").at("passed") != true)
        co_return Error{Errc::internal, "a job did not pass: " + core::shorten(answer.body, 300)};
      if (const auto timing = state.find("timing"); timing != state.end())
        for (const auto& [stage, milliseconds] : timing->items())
          if (milliseconds.is_number()) sample.stages[stage] = milliseconds.get<double>();
      last_finished_ = target.substr(0, target.find('?'));
      co_return Result<void>{};
    }
  }

  void start_readers() {
    // They need something to read: one job ahead of the run.
    loop_.wait(job(0, steady_clock::now()));
    if (last_finished_.empty()) throw std::runtime_error(plan_.name + ": " + report_.first_failure);
    passed_[0] = false;
    for (int i = 0; i < plan_.readers; ++i)
      readers_.spawn("reader", read_again_and_again(last_finished_));
  }

  awaitable<void> read_again_and_again(std::string target) {
    while (true) {
      net::Request request;
      request.target = target;
      const auto answer = co_await client_.send(std::move(request));
      if (!answer) co_return;
      if (answer->status == 200) ++reads_;
    }
  }

  Loop& loop_;
  const Plan& plan_;
  net::HttpClient client_;
  core::TaskGroup jobs_, readers_;
  SteadyTime begin_;
  LoadReport report_;
  std::vector<bool> passed_;
  std::string last_finished_;
  std::uint64_t reads_ = 0;
};

}  // namespace

LoadReport run_load(Loop& loop, const Target& target, const Plan& plan) {
  const double machine = machine_cpu_seconds();
  const double service = target.process != nullptr ? target.process->cpu_seconds() : 0;
  LoadReport report = Run(loop, target, plan).play();
  const auto per_job = [&](double seconds) { return seconds * 1000 / static_cast<double>(report.jobs); };
  report.machine_cpu_ms = per_job(machine_cpu_seconds() - machine);
  if (target.process == nullptr) return report;
  report.service_cpu_ms = per_job(target.process->cpu_seconds() - service);
  report.peak_bytes = target.process->peak_bytes();
  return report;
}

}  // namespace skill_verifier::bench
