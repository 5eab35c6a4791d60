#include <fmt/core.h>

#include <array>
#include <chrono>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "figure.hpp"
#include "skill.hpp"
#include "skill_verifier/core/json.hpp"
#include "stats.hpp"

namespace skill_verifier::bench {
namespace {

constexpr std::size_t kSamples = 60;
constexpr std::size_t kQuickSamples = 10;
constexpr int kWarmUp = 3;
constexpr int kPool = 2;
constexpr auto kPoolLimit = std::chrono::seconds(60);
constexpr auto kPause = std::chrono::milliseconds(5);

/// As `?timing=1` names them, in the order in which a job goes through them.
constexpr std::array kStages = {"intake",    "stored",  "queued",  "begun",    "checks", "image", "deps",
                                "container", "package", "command", "examined", "judged", "quote", "finished"};

/// Milliseconds of each stage, job by job.
using Samples = std::map<std::string, std::vector<double>>;

/// One job from the POST to its verdict. False when its container had not the wanted history, which is not counted.
bool take(ServiceProcess& service, const net::Request& request, bool warm, Samples& samples) {
  const auto begin = std::chrono::steady_clock::now();
  const std::string job = service.submit(request);
  service.wait_until_passed(job);
  const double whole = milliseconds_since(begin);
  const auto answer = must(core::parse_json(service.get("/verify/" + job + "?timing=1").body), "GET ?timing=1");
  const auto& timing = answer.at("timing");
  if (timing.at("warm").get<bool>() != warm) return false;
  for (const auto& [stage, milliseconds] : timing.at("milliseconds").items())
    samples[stage].push_back(milliseconds.get<double>());
  samples["client"].push_back(whole);
  return true;
}

bool has_ready_container(ServiceProcess& service) {
  const auto health = must(core::parse_json(service.get("/health").body), "GET /health");
  for (const auto& pool : health.at("pools"))
    if (pool.at("ready").get<int>() > 0) return true;
  return false;
}

void wait_for_pool(Setup& setup, ServiceProcess& service) {
  const auto end = std::chrono::steady_clock::now() + kPoolLimit;
  while (!has_ready_container(service)) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("no container waits for a job");
    setup.loop.wait(core::sleep_for(kPause));
  }
}

std::string line(std::string_view stage, const Samples& cold, const Samples& warm, const std::string& name) {
  const double before = median(cold.at(name)), after = median(warm.at(name));
  return fmt::format("| {:<26} | {:>10.2f} | {:>10.2f} | {:>+10.2f} |\n", stage, before, after, after - before);
}

/// Markdown, as README.md shows it.
std::string table(const Samples& cold, const Samples& warm) {
  std::string text = fmt::format("| {:<26} | {:>10} | {:>10} | {:>10} |\n", "stage (median, ms)", "pool off",
                                 "warm hit", "difference");
  text += fmt::format("|{:-<28}|{:->11}:|{:->11}:|{:->11}:|\n", "", "", "", "");
  for (const char* stage : kStages)
    text += line(stage, cold, warm, stage);
  text += line("**in the service**", cold, warm, "total");
  return text + line("**POST to verdict, client**", cold, warm, "client");
}

Json to_json(const Samples& samples) {
  Json all;
  for (const auto& [stage, milliseconds] : samples)
    all[stage] = to_json(summarize(milliseconds));
  return all;
}

}  // namespace

Figure measure_stages(Setup& setup) {
  ServiceProcess without(setup, 2, 100, {}, 0);
  ServiceProcess with(setup, 2, 100, {}, kPool);
  const fs::path skill = without.directory() / "hello", same = with.directory() / "hello";
  write_skill(skill, kGreetingScript);
  write_skill(same, kGreetingScript);
  const auto to_cold = without.path_request(skill), to_warm = with.path_request(same);
  Samples cold, warm, uncounted;
  const std::size_t wanted = setup.quick ? kQuickSamples : kSamples;
  std::size_t taken = 0, tried = 0;
  for (int i = 0; i < kWarmUp; ++i) {
    take(without, to_cold, false, uncounted);
    take(with, to_warm, true, uncounted);
  }
  while (taken < wanted) {
    if (++tried > 2 * wanted) throw std::runtime_error("too few jobs meet a container that waits");
    wait_for_pool(setup, with);
    // What a job leaves to be done after its verdict must not slow the next one down.
    settle_idle(setup);
    if (!take(without, to_cold, false, cold)) throw std::runtime_error("a container waited although the pool is off");
    settle_idle(setup);
    if (take(with, to_warm, true, warm)) ++taken;
  }
  without.process().end(SIGTERM);
  with.process().end(SIGTERM);

  Figure figure;
  const double before = median(cold.at("client")), after = median(warm.at("client"));
  figure.rows = {{"pool off: POST to verdict (median)", before, "ms", {}, {}},
                 {"warm hit: POST to verdict (median)", after, "ms", {}, {}},
                 {"  p99", summarize(warm.at("client")).p99, "ms", {}, {}},
                 {"  against pool off", 100 * after / before, "%", {}, {}}};
  figure.text = table(cold, warm);
  figure.details = {{"poolOffMs", to_json(cold)}, {"warmHitMs", to_json(warm)}};
  return figure;
}

}  // namespace skill_verifier::bench
