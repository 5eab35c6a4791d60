#include <fmt/core.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>

#include "figure.hpp"
#include "skill.hpp"
#include "stats.hpp"

namespace skill_verifier::bench {
namespace {

constexpr int kRounds = 7;
constexpr int kQuickRounds = 3;
constexpr int kSeconds = 2;
constexpr int kQuickSeconds = 1;
constexpr int kConnections = 32;
constexpr auto kPause = std::chrono::milliseconds(5);
constexpr auto kStartLimit = std::chrono::seconds(20);

struct Load {
  double requests_per_second = 0;
  double cpu_microseconds = 0;  ///< of the server, per request
};

std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "re"), &pclose);
  if (!pipe) throw std::runtime_error("cannot run " + command);
  std::string output;
  for (char buffer[4096]; const auto count = std::fread(buffer, 1, sizeof buffer, pipe.get());)
    output.append(buffer, count);
  return output;
}

/// The number that stands before `word`.
double number_before(const std::string& text, const std::string& word) {
  const auto end = text.find(word);
  if (end == std::string::npos)
    throw std::runtime_error("wrk did not say what was expected (is it installed?): " + text);
  const auto begin = text.find_last_not_of("0123456789.", end - 1);
  return std::stod(text.substr(begin + 1, end - begin - 1));
}

Load load(const Process& server, std::uint16_t port, const std::string& path, int seconds) {
  const double cpu = server.cpu_seconds();
  const std::string said =
      output_of(fmt::format("wrk -t1 -c{} -d{}s http://127.0.0.1:{}{} 2>&1", kConnections, seconds, port, path));
  const double used = server.cpu_seconds() - cpu;
  for (const char* trouble : {"Non-2xx", "Socket errors"})
    if (said.find(trouble) != std::string::npos) throw std::runtime_error("requests failed: " + said);
  const double requests = number_before(said, " requests in ");
  const auto after = said.substr(said.find(" requests in ") + 1);
  return {requests / number_before(after, "s,"), used * 1e6 / requests};
}

std::uint16_t port_of(Setup& setup, Process& server) {
  const auto end = std::chrono::steady_clock::now() + kStartLimit;
  while (server.running() && std::chrono::steady_clock::now() < end) {
    const std::string line = server.log_line("port=");
    if (!line.empty()) return static_cast<std::uint16_t>(std::stoi(line.substr(5)));
    setup.loop.wait(core::sleep_for(kPause));
  }
  throw std::runtime_error("the hello server did not start: " + server.log());
}

Figure figure_of(const std::vector<Load>& service, const std::vector<Load>& hello, std::size_t body) {
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
      {"GET /verify/{id} against the bare server (median of rounds)", median(ratios), "%", 60.0, {}},
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
  std::vector<Load> service_loads, hello_loads;
  load(service.process(), service.port(), path, 1);
  load(hello, hello_port, "/", 1);
  for (int i = 0; i < rounds; ++i) {
    hello_loads.push_back(load(hello, hello_port, "/", seconds));
    service_loads.push_back(load(service.process(), service.port(), path, seconds));
  }
  service.process().end(SIGTERM);
  return figure_of(service_loads, hello_loads, body);
}

}  // namespace skill_verifier::bench
