#include <fmt/core.h>

#include <chrono>
#include <stdexcept>

#include "figure.hpp"
#include "skill.hpp"
#include "stats.hpp"
#include "wrk.hpp"

namespace skill_verifier::bench {
namespace {

constexpr int kRounds = 7;
constexpr int kQuickRounds = 3;
constexpr int kSeconds = 2;
constexpr int kQuickSeconds = 1;
constexpr int kConnections = 32;
constexpr auto kPause = std::chrono::milliseconds(5);
constexpr auto kStartLimit = std::chrono::seconds(20);

std::uint16_t port_of(Setup& setup, Process& server) {
  const auto end = std::chrono::steady_clock::now() + kStartLimit;
  while (server.running() && std::chrono::steady_clock::now() < end) {
    const std::string line = server.log_line("port=");
    if (!line.empty()) return static_cast<std::uint16_t>(std::stoi(line.substr(5)));
    setup.loop.wait(core::sleep_for(kPause));
  }
  throw std::runtime_error("the hello server did not start: " + server.log());
}

Figure figure_of(const std::vector<WrkLoad>& service, const std::vector<WrkLoad>& hello, std::size_t body) {
  std::vector<double> service_rates, hello_rates, ratios, service_cpu, hello_cpu;
  for (std::size_t i = 0; i < service.size(); ++i) {
    service_rates.push_back(service[i].requests_per_second);
    hello_rates.push_back(hello[i].requests_per_second);
    ratios.push_back(100 * service[i].requests_per_second / hello[i].requests_per_second);
    service_cpu.push_back(service[i].cpu_microseconds);
    hello_cpu.push_back(hello[i].cpu_microseconds);
  }
  const double cpu_ratio = 100 * median(hello_cpu) / median(service_cpu);
  Figure figure;
  figure.rows = {
      {"bare Beast server, same body: requests/s (median)", median(hello_rates), "1/s", {}, {}},
      {"GET /verify/{id}: requests/s (median)", median(service_rates), "1/s", {}, {}},
      {"GET /verify/{id} against the bare server (median of rounds)", median(ratios), "%", 80.0, {}},
      {"  the same in CPU time a request", cpu_ratio, "%", {}, {}},
  };
  figure.details = {{"bodyBytes", body},
                    {"connections", kConnections},
                    {"serviceRequestsPerSecond", to_json(summarize(service_rates))},
                    {"helloRequestsPerSecond", to_json(summarize(hello_rates))},
                    {"serviceCpuMicroseconds", to_json(summarize(service_cpu))},
                    {"helloCpuMicroseconds", to_json(summarize(hello_cpu))},
                    {"ratioPercent", to_json(summarize(ratios))},
                    {"cpuRatioPercent", rounded(cpu_ratio)}};
  return figure;
}

}  // namespace

Figure measure_read_rate(Setup& setup, const fs::path& hello_program) {
  ServiceProcess service(setup, 1, 10);
  const fs::path skill = service.directory() / "hello";
  write_skill(skill, kGreetingScript);
  const std::string job = service.submit(service.path_request(skill));
  service.wait_until_passed(job);
  settle(setup);
  const std::string path = "/verify/" + job;
  const auto body = service.get(path).body.size();

  Process hello({hello_program.string(), std::to_string(body)}, service.directory() / "hello.log");
  const auto hello_port = port_of(setup, hello);
  const int rounds = setup.quick ? kQuickRounds : kRounds;
  const int seconds = setup.quick ? kQuickSeconds : kSeconds;
  std::vector<WrkLoad> service_loads, hello_loads;
  run_wrk(service.process(), service.port(), {path, kConnections, 1, {}, {}});
  run_wrk(hello, hello_port, {"/", kConnections, 1, {}, {}});
  for (int i = 0; i < rounds; ++i) {
    hello_loads.push_back(run_wrk(hello, hello_port, {"/", kConnections, seconds, {}, {}}));
    service_loads.push_back(run_wrk(service.process(), service.port(), {path, kConnections, seconds, {}, {}}));
  }
  service.process().end(SIGTERM);
  return figure_of(service_loads, hello_loads, body);
}

}  // namespace skill_verifier::bench
