#include <fmt/core.h>

#include <chrono>
#include <stdexcept>

#include "figure.hpp"
#include "load.hpp"
#include "plot.hpp"
#include "skill.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::bench {
namespace {

constexpr int kWorkers = 16;
constexpr std::size_t kBurst = 200;
constexpr std::size_t kQuickBurst = 32;
constexpr int kRounds = 9;  ///< of kBurst jobs, after the first burst: 2,000 jobs in all
constexpr int kQuickRounds = 2;
constexpr auto kIdleLimit = std::chrono::seconds(60);
constexpr auto kPause = std::chrono::milliseconds(50);
constexpr double kMebibyte = 1u << 20;

/// What the service and the engine hold when nothing runs and the pool is full.
struct Held {
  std::size_t jobs = 0;
  std::size_t containers = 0;
  std::size_t waiting = 0;  ///< as /health counts them
  std::size_t files = 0;
  double rss_mib = 0;
};

Json pools(ServiceProcess& service) {
  return must(core::parse_json(service.get("/health").body), "GET /health").at("pools");
}

/// Looks until the pool neither starts nor removes anything, so that two looks can be compared.
Held look_when_idle(Setup& setup, ServiceProcess& service, std::size_t jobs) {
  const auto end = std::chrono::steady_clock::now() + kIdleLimit;
  Held held;
  held.jobs = jobs;
  for (int still = 0; still < 10;) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("the pool does not come to rest");
    setup.loop.wait(core::sleep_for(kPause));
    const auto found = containers(setup).size();
    std::size_t waiting = 0, starting = 0;
    for (const auto& pool : pools(service)) {
      waiting += pool.at("ready").get<std::size_t>();
      starting += pool.at("starting").get<std::size_t>();
    }
    still = found == waiting && starting == 0 && found == held.containers ? still + 1 : 0;
    held.containers = found;
    held.waiting = waiting;
  }
  held.files = service.process().open_files();
  held.rss_mib = static_cast<double>(service.process().resident_bytes()) / kMebibyte;
  return held;
}

Json to_json(const Held& held) {
  return {{"jobs", held.jobs},
          {"containers", held.containers},
          {"openFiles", held.files},
          {"rssMiB", rounded(held.rss_mib)}};
}

}  // namespace

Figure measure_soak(Setup& setup) {
  const auto burst_size = setup.quick ? kQuickBurst : kBurst;
  const int rounds = setup.quick ? kQuickRounds : kRounds;
  ServiceProcess service(setup, kWorkers, 10 * static_cast<int>(kBurst), {}, kWorkers);
  const fs::path skill = service.directory() / "hello";
  write_skill(skill, kGreetingScript);
  const auto request = service.path_request(skill);
  const Target target{{net::Endpoint::Kind::tcp, "127.0.0.1", service.port()}, &service.process()};
  std::vector<LoadReport> reports;
  std::vector<Held> held;
  for (int round = 0; round <= rounds; ++round) {
    const auto name = fmt::format("burst-{} ({})", burst_size, round);
    const auto ask = [&](std::size_t) { return request; };
    reports.push_back(run_load(setup.loop, target, {name, burst(burst_size), ask, false, 0, 0}));
    held.push_back(look_when_idle(setup, service, burst_size * reports.size()));
  }
  service.process().end(SIGTERM);
  const auto left = containers(setup).size();

  std::size_t failed = 0;
  double rate = 0;
  for (const auto& report : reports) {
    failed += report.failed;
    rate += report.jobs_per_second / static_cast<double>(reports.size());
  }
  const auto verdicts = summary_of(reports.front(), &JobSample::verdict);
  const Held &first = held.front(), &last = held.back();
  const auto difference = [](std::size_t a, std::size_t b) { return static_cast<double>(a) - static_cast<double>(b); };
  Figure figure;
  figure.rows = {
      {fmt::format("burst of {}: jobs that failed", burst_size),
       static_cast<double>(reports.front().failed),
       "",
       {},
       0.0},
      {fmt::format("burst of {}: last verdict after", burst_size), verdicts.max, "ms", {}, {}},
      {fmt::format("{} jobs: failed", last.jobs), static_cast<double>(failed), "", {}, 0.0},
      {"  jobs/s (mean of the bursts)", rate, "1/s", {}, {}},
      {"  containers besides those that wait", difference(last.containers, last.waiting), "", {}, 0.0},
      {"  open files against after the first burst", difference(last.files, first.files), "", {}, 0.0},
      {"  RSS at the end", last.rss_mib, "MiB", {}, 60.0},
      {"  RSS against after the first burst", 100 * last.rss_mib / first.rss_mib, "%", {}, 115.0},
      {"  containers after the service stopped", static_cast<double>(left), "", {}, 0.0},
  };
  figure.details = {{"steps", Json::array()}, {"bursts", Json::array()}};
  for (const auto& step : held)
    figure.details["steps"].push_back(to_json(step));
  for (const auto& report : reports)
    figure.details["bursts"].push_back(to_json(report));
  return figure;
}

}  // namespace skill_verifier::bench
