#include <fmt/core.h>

#include <chrono>
#include <fstream>
#include <stdexcept>

#include "figure.hpp"
#include "skill.hpp"
#include "skill_verifier/core/json.hpp"
#include "stats.hpp"
#include "wrk.hpp"

namespace skill_verifier::bench {
namespace {

constexpr int kRounds = 5;
constexpr int kQuickRounds = 2;
constexpr int kSeconds = 2;
constexpr int kQuickSeconds = 1;
constexpr int kConnections = 64;
constexpr int kQueue = 1'000'000;
constexpr std::size_t kPackageBytes = 10'240;
constexpr std::string_view kMark = "@@@@@@@@@@@@@@@@@@@@";
/// So old must a folder be before the service takes its times for its content.
constexpr auto kSettled = std::chrono::seconds(4);

void write_text(const fs::path& file, std::string_view text) {
  std::ofstream(file, std::ios::binary).write(text.data(), static_cast<std::streamsize>(text.size()));
}

/// Every request another package: the mark in one of its files is replaced by a number that never comes twice.
fs::path archives_script(const fs::path& directory, const std::string& tar) {
  write_text(directory / "package.tar", tar);
  const fs::path script = directory / "archives.lua";
  write_text(script, fmt::format(R"(
local file = io.open("{}", "rb")
local tar = file:read("*a")
file:close()
local at = string.find(tar, "{}", 1, true)
local head, tail = string.sub(tar, 1, at - 1), string.sub(tar, at + {})
local number, round = 0, 0
function init(args) round = tonumber(args[1]) end
function request()
  number = number + 1
  return wrk.format("POST", "/verify", {{["Content-Type"] = "application/x-tar"}},
                    head .. string.format("%08d%012d", round, number) .. tail)
end
)",
                                 (directory / "package.tar").string(), kMark, kMark.size()));
  return script;
}

fs::path path_script(const fs::path& directory, const net::Request& request) {
  const fs::path script = directory / "path.lua";
  write_text(script, fmt::format(R"(
wrk.method = "POST"
wrk.body = [==[{}]==]
wrk.headers["Content-Type"] = "application/json"
)",
                                 request.body));
  return script;
}

struct Rates {
  std::vector<double> per_second, p50, p99, cpu;
  void add(const WrkLoad& load) {
    per_second.push_back(load.requests_per_second);
    p50.push_back(load.p50_ms);
    p99.push_back(load.p99_ms);
    cpu.push_back(load.cpu_microseconds);
  }
};

Json to_json(const Rates& rates) {
  return {{"perSecond", to_json(summarize(rates.per_second))},
          {"p50Ms", to_json(summarize(rates.p50))},
          {"p99Ms", to_json(summarize(rates.p99))},
          {"cpuMicroseconds", to_json(summarize(rates.cpu))}};
}

}  // namespace

Figure measure_throughput(Setup& setup) {
  ServiceProcess service(setup, 1, kQueue);
  // One job holds the only worker, so that everything else waits and the engine does nothing.
  write_hello(service.directory() / "sleeper", "sleep 280");
  service.submit(service.path_request(service.directory() / "sleeper"));
  const fs::path skill = service.directory() / "hello";
  write_hello(skill);
  const fs::path varied = service.directory() / "varied";
  write_hello(varied);
  write_text(varied / "number.txt", kMark);
  const std::string small = pack_tar(varied);
  if (small.size() < kPackageBytes) write_text(varied / "filler.txt", std::string(kPackageBytes - small.size(), 'x'));
  const std::string tar = pack_tar(varied);
  const auto archives = archives_script(service.directory(), tar);
  const auto path = path_script(service.directory(), service.path_request(skill));
  setup.loop.wait(core::sleep_for(kSettled));

  const int rounds = setup.quick ? kQuickRounds : kRounds;
  const int seconds = setup.quick ? kQuickSeconds : kSeconds;
  Rates by_archive, by_path;
  // Not counted: the first requests of either kind.
  run_wrk(service.process(), service.port(), {"/verify", kConnections, 1, archives, "0"});
  run_wrk(service.process(), service.port(), {"/verify", kConnections, 1, path, {}});
  for (int i = 1; i <= rounds; ++i) {
    by_archive.add(
        run_wrk(service.process(), service.port(), {"/verify", kConnections, seconds, archives, std::to_string(i)}));
    by_path.add(run_wrk(service.process(), service.port(), {"/verify", kConnections, seconds, path, {}}));
  }
  const auto health = must(core::parse_json(service.get("/health").body), "GET /health");
  const auto resident = static_cast<double>(service.process().resident_bytes()) / (1u << 20);
  service.process().end(SIGKILL);
  remove_leftovers(setup);

  Figure figure;
  figure.rows = {
      {"POST of a new package of 10 KB: durable 202/s (median)", median(by_archive.per_second), "1/s", 1000.0, {}},
      {"  CPU of the service for each", median(by_archive.cpu), "us", {}, {}},
      {"POST of a known skillPath: durable 202/s (median)", median(by_path.per_second), "1/s", 5000.0, {}},
      {"  CPU of the service for each", median(by_path.cpu), "us", {}, {}},
      {"  p99 of its 202, 64 connections", median(by_path.p99), "ms", {}, {}},
  };
  figure.details = {{"packageBytes", tar.size()},
                    {"connections", kConnections},
                    {"archives", to_json(by_archive)},
                    {"skillPath", to_json(by_path)},
                    {"waitingAtTheEnd", health["queue"]["waiting"]},
                    {"rssMiBAtTheEnd", rounded(resident)}};
  return figure;
}

}  // namespace skill_verifier::bench
