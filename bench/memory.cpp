#include <algorithm>
#include <deque>

#include "figure.hpp"
#include "skill.hpp"
#include "stats.hpp"

namespace skill_verifier::bench {
namespace {

constexpr int kWorkers = 4;
constexpr int kInFlight = 2 * kWorkers;
constexpr int kWarmUp = 20;
constexpr int kJobs = 500;
constexpr int kQuickJobs = 60;
constexpr int kSteps = 5;

double mebibytes(std::uint64_t bytes) {
  return static_cast<double>(bytes) / (1u << 20);
}

/// Keeps all workers busy until that many jobs have passed; then nothing runs.
void run_jobs(Setup& setup, ServiceProcess& service, const net::Request& request, int jobs) {
  std::deque<std::string> open;
  for (int submitted = 0; submitted < jobs || !open.empty();) {
    if (submitted < jobs && open.size() < kInFlight) {
      open.push_back(service.submit(request));
      ++submitted;
      continue;
    }
    service.wait_until_passed(open.front());
    open.pop_front();
  }
  settle(setup);
}

}  // namespace

Figure measure_memory(Setup& setup) {
  const int jobs = setup.quick ? kQuickJobs : kJobs;
  ServiceProcess service(setup, kWorkers, 10 * kInFlight);
  const fs::path skill = service.directory() / "hello";
  write_skill(skill, kGreetingScript);
  const auto request = service.path_request(skill);

  const double idle = mebibytes(service.process().resident_bytes());
  run_jobs(setup, service, request, kWarmUp);
  const double warm = mebibytes(service.process().resident_bytes());
  Json steps = Json::array();
  double after = warm;
  for (int step = 1; step <= kSteps; ++step) {
    run_jobs(setup, service, request, jobs / kSteps);
    after = mebibytes(service.process().resident_bytes());
    steps.push_back({{"jobs", jobs / kSteps * step}, {"rssMiB", rounded(after)}});
  }
  service.process().end(SIGTERM);

  Figure figure;
  const std::string count = std::to_string(jobs);
  figure.rows = {
      {"RSS, idle after the start", idle, "MiB", {}, 40.0},
      {"RSS, idle after 20 jobs", warm, "MiB", {}, 40.0},
      {"RSS, idle after " + count + " more", after, "MiB", {}, 40.0},
      {"RSS after " + count + " jobs against after 20", 100 * after / warm, "%", 90.0, 110.0},
  };
  figure.details = {{"workers", kWorkers},
                    {"idleMiB", rounded(idle)},
                    {"afterWarmUpMiB", rounded(warm)},
                    {"afterJobsMiB", rounded(after)},
                    {"jobs", jobs},
                    {"steps", std::move(steps)}};
  return figure;
}

}  // namespace skill_verifier::bench
