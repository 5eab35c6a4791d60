#include <fmt/core.h>

#include <algorithm>
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

/// For every runtime that was used: the checks in the sandbox have one of their own.
bool has_ready_containers(ServiceProcess& service) {
  const auto health = must(core::parse_json(service.get("/health").body), "GET /health");
  return std::ranges::all_of(health.at("pools"), [](const Json& pool) { return pool.at("ready").get<int>() > 0; });
}

void wait_for_pool(Setup& setup, ServiceProcess& service) {
  const auto end = std::chrono::steady_clock::now() + kPoolLimit;
  while (!has_ready_containers(service)) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("no container waits for a job");
    setup.loop.wait(core::sleep_for(kPause));
  }
}

/// One service's samples: of a skill that has nothing but its test, and of one with a script that is checked beside it.
struct Taken {
  Samples plain, scripted;
};

std::string line(std::string_view stage, const Taken& cold, const Taken& warm, const std::string& name) {
  return fmt::format("| {:<26} | {:>10.2f} | {:>10.2f} | {:>18.2f} | {:>18.2f} |\n", stage, median(cold.plain.at(name)),
                     median(warm.plain.at(name)), median(cold.scripted.at(name)), median(warm.scripted.at(name)));
}

/// Markdown, as README.md shows it.
std::string table(const Taken& cold, const Taken& warm) {
  std::string text = fmt::format("| {:<26} | {:>10} | {:>10} | {:>18} | {:>18} |\n", "stage (median, ms)", "pool off",
                                 "warm hit", "pool off, a script", "warm hit, a script");
  text += fmt::format("|{:-<28}|{:->11}:|{:->11}:|{:->19}:|{:->19}:|\n", "", "", "", "", "");
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

namespace {

/// The two skills, as requests to one of the services.
struct Requests {
  net::Request plain, scripted;
};

Requests requests_to(ServiceProcess& service) {
  const fs::path plain = service.directory() / "hello", scripted = service.directory() / "scripted";
  write_hello(plain);
  write_skill(scripted, kGreetingScript);
  return {service.path_request(plain), service.path_request(scripted)};
}

}  // namespace

Figure measure_stages(Setup& setup) {
  ServiceProcess without(setup, 2, 100, {}, 0);
  ServiceProcess with(setup, 2, 100, {}, kPool);
  const auto to_cold = requests_to(without), to_warm = requests_to(with);
  Taken cold, warm, uncounted;
  const std::size_t wanted = setup.quick ? kQuickSamples : kSamples;
  const auto fresh = [&](const net::Request& request, Samples& samples) {
    // What a job leaves to be done after its verdict must not slow the next one down, nor the other service's refill.
    wait_for_pool(setup, with);
    settle_idle(setup);
    if (!take(without, request, false, samples))
      throw std::runtime_error("a container waited although the pool is off");
  };
  const auto waiting = [&](const net::Request& request, Samples& samples) {
    wait_for_pool(setup, with);
    settle_idle(setup);
    return take(with, request, true, samples);
  };
  for (int i = 0; i < kWarmUp; ++i) {
    take(without, to_cold.scripted, false, uncounted.plain);
    take(with, to_warm.scripted, true, uncounted.plain);
  }
  std::size_t taken = 0, tried = 0;
  while (taken < wanted) {
    if (++tried > 2 * wanted) throw std::runtime_error("too few jobs meet a container that waits");
    fresh(to_cold.plain, cold.plain);
    fresh(to_cold.scripted, cold.scripted);
    const bool plain = waiting(to_warm.plain, warm.plain), scripted = waiting(to_warm.scripted, warm.scripted);
    if (plain && scripted) ++taken;
  }
  without.process().end(SIGTERM);
  with.process().end(SIGTERM);

  Figure figure;
  const double before = median(cold.plain.at("client")), after = median(warm.plain.at("client"));
  figure.rows = {{"pool off: POST to verdict (median)", before, "ms", {}, {}},
                 {"  of a skill with a script", median(cold.scripted.at("client")), "ms", {}, {}},
                 {"warm hit: POST to verdict (median)", after, "ms", {}, {}},
                 {"  p99", summarize(warm.plain.at("client")).p99, "ms", {}, {}},
                 {"  against pool off", 100 * after / before, "%", {}, {}},
                 {"  of a skill with a script", median(warm.scripted.at("client")), "ms", {}, {}}};
  figure.text = table(cold, warm);
  figure.details = {{"poolOffMs", to_json(cold.plain)},
                    {"warmHitMs", to_json(warm.plain)},
                    {"poolOffWithScriptMs", to_json(cold.scripted)},
                    {"warmHitWithScriptMs", to_json(warm.scripted)}};
  return figure;
}

}  // namespace skill_verifier::bench
