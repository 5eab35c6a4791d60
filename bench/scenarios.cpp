#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <stdexcept>

#include "figure.hpp"
#include "load.hpp"
#include "plot.hpp"
#include "raw_engine.hpp"
#include "seed_store.hpp"
#include "skill.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::bench {
namespace {

constexpr int kWorkers = 16;
constexpr std::size_t kWarmBursts = 5;
constexpr std::size_t kQuickWarmBursts = 2;
constexpr auto kPoolLimit = std::chrono::seconds(120);
constexpr auto kPoolPause = std::chrono::milliseconds(20);
constexpr int kQueue = 2'000;
constexpr std::uint64_t kSeed = 20'221;
constexpr std::size_t kSingles = 60;
constexpr std::size_t kQuickSingles = 8;
constexpr auto kSustained = std::chrono::seconds(15);
constexpr auto kQuickSustained = std::chrono::seconds(3);
constexpr int kReaders = 16;
constexpr std::size_t kStoredJobs = 100'000;
constexpr std::size_t kQuickStoredJobs = 2'000;
constexpr int kRawAtOnce = 4;
constexpr std::size_t kRawSequences = 60;
constexpr std::size_t kQuickRawSequences = 12;
constexpr std::size_t kDockerRuns = 20;
constexpr std::size_t kQuickDockerRuns = 4;
/// Shares of the capacity at which the throughput curve is sampled.
constexpr double kLoads[] = {0.25, 0.5, 0.75, 0.9, 1.1, 1.5};

struct Baselines {
  Summary docker_run_ms;
  Summary raw_ms;
  double raw_per_second = 0;  ///< several sequences at once, nothing else on the machine
};

/// `docker run --rm` as a careful operator would type it: the strict profile as far as the command line has it.
std::vector<std::string> docker_run(const Setup& setup) {
  return {"/usr/bin/env",
          "docker",
          "--host",
          setup.docker_host,
          "run",
          "--rm",
          "--network",
          "none",
          "--read-only",
          "--cap-drop",
          "ALL",
          "--security-opt",
          "no-new-privileges",
          "--pids-limit",
          "128",
          "--memory",
          "512m",
          "--memory-swap",
          "512m",
          "--cpus",
          "1",
          "--tmpfs",
          "/skill:size=64m",
          "--tmpfs",
          "/tmp:size=64m",
          "--log-driver",
          "none",
          "--ipc",
          "none",
          setup.image,
          "sh",
          "-c",
          std::string(kGreetingScript)};
}

Summary time_docker_runs(Setup& setup) {
  const TempDir directory(setup.directory);
  std::vector<double> samples;
  const auto runs = setup.quick ? kQuickDockerRuns : kDockerRuns;
  for (std::size_t i = 0; i < runs; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    Process process(docker_run(setup), directory.path() / "log");
    if (process.wait() != 0) throw std::runtime_error("docker run: " + process.log());
    samples.push_back(milliseconds_since(begin));
  }
  return summarize(std::move(samples));
}

Baselines measure_baselines(Setup& setup) {
  Baselines baselines;
  baselines.docker_run_ms = time_docker_runs(setup);
  const auto image = must(setup.loop.wait(setup.engine.inspect_image(setup.image)), "inspect the image");
  const std::string body = raw_body(image.id);
  const auto count = setup.quick ? kQuickRawSequences : kRawSequences;
  std::vector<double> samples;
  for (std::size_t i = 0; i < count / 3; ++i)
    samples.push_back(must(setup.loop.wait(raw_sequence(setup.engine, body)), "raw sequence").removed);
  baselines.raw_ms = summarize(std::move(samples));

  core::TaskGroup group(setup.loop.executor());
  std::size_t left = count, failed = 0;
  const auto repeat = [&]() -> awaitable<void> {
    while (left > 0) {
      --left;
      const auto sample = co_await raw_sequence(setup.engine, body);
      if (!sample) ++failed;
    }
  };
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < kRawAtOnce; ++i)
    group.spawn("raw sequence", repeat());
  setup.loop.wait(group.wait(std::chrono::minutes(5)));
  if (failed > 0) throw std::runtime_error("raw sequences failed");
  baselines.raw_per_second = static_cast<double>(count) * 1000 / milliseconds_since(begin);
  return baselines;
}

/// The skills of all scenarios, as requests.
class Skills {
 public:
  Skills(Setup& setup, const ServiceProcess& service) {
    const auto folder = [&](const char* name) { return service.directory() / name; };
    write_hello(folder("hello"));
    hello_ = service.path_request(folder("hello"));
    archive_ = ServiceProcess::archive_request(pack_tar_gz(folder("hello")));
    write_hello(folder("other"), kGreetingScript, "debian:bookworm-slim");
    other_ = service.path_request(folder("other"));
    write_hello(folder("chatty"), "yes 'a line of output that is neither long nor short' | head -c 10485760");
    chatty_ = service.path_request(folder("chatty"));
    write_hello(folder("big"));
    write_skill(folder("scripted"), kGreetingScript);
    scripted_ = service.path_request(folder("scripted"));
    add_files(folder("big"), 500, 10u << 10);
    big_ = ServiceProcess::archive_request(pack_tar_gz(folder("big")));
    two_images_ = !setup.second_image.empty();
  }

  Plan hello(std::string name, Arrivals arrivals) const {
    return {std::move(name), std::move(arrivals), [this](std::size_t) { return hello_; }, false, 0, 0};
  }
  Plan scripted(std::string name, Arrivals arrivals) const {
    return {std::move(name), std::move(arrivals), [this](std::size_t) { return scripted_; }, false, 0, 0};
  }
  Plan archives(std::string name, Arrivals arrivals) const {
    return {std::move(name), std::move(arrivals), [this](std::size_t) { return archive_; }, false, 0, 0};
  }
  Plan mixed(std::string name, Arrivals arrivals) const {
    const auto either = [this](std::size_t i) { return i % 2 == 0 || !two_images_ ? hello_ : other_; };
    return {std::move(name), std::move(arrivals), either, false, 0, 0};
  }
  Plan big(std::string name, Arrivals arrivals) const {
    return {std::move(name), std::move(arrivals), [this](std::size_t) { return big_; }, false, 0, 0};
  }
  Plan chatty(std::string name, Arrivals arrivals) const {
    return {std::move(name), std::move(arrivals), [this](std::size_t) { return chatty_; }, false, 0, 0};
  }

 private:
  net::Request hello_, scripted_, archive_, other_, chatty_, big_;
  bool two_images_ = false;
};

/// Runs plans one after the other against one service, each on a quiet engine.
class Bench {
 public:
  Bench(Setup& setup, ServiceProcess& service) : setup_(setup), service_(service), skills_(setup, service) {}

  std::vector<LoadReport> play(const std::string& prefix, bool curve) {
    const auto singles = setup_.quick ? kQuickSingles : kSingles;
    const auto length = setup_.quick ? kQuickSustained : kSustained;
    Plan single = skills_.hello(prefix + "single", burst(singles));
    single.one_at_a_time = true;
    // The first jobs find no derived image and an empty pool.
    run(skills_.mixed("warm-up", burst(4)));
    run(skills_.scripted("warm-up", burst(2)));
    reports_.clear();
    run(std::move(single));
    Plan checked = skills_.scripted(prefix + "single-with-script", burst(singles));
    checked.one_at_a_time = true;
    run(std::move(checked));
    run(skills_.hello(prefix + "burst-16", burst(16)));
    const double capacity = run(skills_.hello(prefix + "burst-100", burst(100))).jobs_per_second;
    std::uint64_t seed = kSeed;
    const auto steady = [&](double share) { return poisson(share * capacity, length, ++seed); };
    const auto at = [&](double share, Plan plan) {
      plan.offered = share * capacity;
      run(std::move(plan));
    };
    at(0.5, skills_.hello(prefix + "sustained-50", steady(0.5)));
    at(0.9, skills_.hello(prefix + "sustained-90", steady(0.9)));
    at(0.5, skills_.archives(prefix + "archives-50", steady(0.5)));
    at(0.5, skills_.mixed(prefix + "mixed-runtimes-50", steady(0.5)));
    at(0.25, skills_.big(prefix + "big-package-25", steady(0.25)));
    at(0.25, skills_.chatty(prefix + "chatty-25", steady(0.25)));
    Plan read = skills_.hello(prefix + "many-readers-50", steady(0.5));
    read.readers = kReaders;
    at(0.5, std::move(read));
    if (curve)
      for (const double share : kLoads)
        at(share, skills_.hello(fmt::format("{}load-{:.0f}", prefix, share * 100), steady(share)));
    return std::move(reports_);
  }

 private:
  const LoadReport& run(Plan plan) {
    const Target target{{net::Endpoint::Kind::tcp, "127.0.0.1", service_.port()}, &service_.process()};
    reports_.push_back(run_load(setup_.loop, target, plan));
    print_load(reports_.back());
    settle_idle(setup_);
    return reports_.back();
  }

  Setup& setup_;
  ServiceProcess& service_;
  Skills skills_;
  std::vector<LoadReport> reports_;
};

/// Waits until as many containers as the pool may hold wait for every runtime, and nothing is left of earlier jobs.
void wait_for_full_pool(Setup& setup, ServiceProcess& service) {
  const auto is_full = [](const Json& pool) { return pool.at("ready").get<int>() >= kWorkers; };
  const auto end = std::chrono::steady_clock::now() + kPoolLimit;
  while (true) {
    const auto health = must(core::parse_json(service.get("/health").body), "GET /health");
    const auto& pools = health.at("pools");
    if (!pools.empty() && std::ranges::all_of(pools, is_full)) break;
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("the pool does not fill: " + pools.dump());
    setup.loop.wait(core::sleep_for(kPoolPause));
  }
  settle_idle(setup);
}

/// What a pool gives that is full: one job at a time, and as many as there are containers.
struct WarmHits {
  std::vector<double> verdict_ms;
  std::vector<double> burst_per_second;
};

WarmHits measure_warm_hits(Setup& setup) {
  ServiceProcess service(setup, kWorkers, kQueue, {}, kWorkers, kWorkers);
  const Skills skills(setup, service);
  const Target target{{net::Endpoint::Kind::tcp, "127.0.0.1", service.port()}, &service.process()};
  const auto play = [&](const Plan& plan) {
    wait_for_full_pool(setup, service);
    return run_load(setup.loop, target, plan);
  };
  play(skills.hello("warm-up", burst(4)));
  WarmHits hits;
  const auto singles = setup.quick ? kQuickSingles : kSingles;
  for (std::size_t i = 0; i < singles; ++i)
    for (const auto& sample : play(skills.hello("warm", burst(1))).samples)
      hits.verdict_ms.push_back(sample.verdict);
  const auto bursts = setup.quick ? kQuickWarmBursts : kWarmBursts;
  for (std::size_t i = 0; i < bursts; ++i) {
    const auto report = play(skills.hello("warm-burst-16", burst(kWorkers)));
    print_load(report);
    hits.burst_per_second.push_back(report.jobs_per_second);
  }
  service.process().end(SIGTERM);
  if (hits.verdict_ms.size() != singles) throw std::runtime_error("jobs on a full pool failed");
  return hits;
}

const LoadReport& named(const std::vector<LoadReport>& reports, std::string_view name) {
  const auto found = std::ranges::find(reports, name, &LoadReport::name);
  if (found == reports.end() || found->samples.empty())
    throw std::runtime_error("no job passed in " + std::string(name));
  return *found;
}

std::vector<Row> rows_of(const Baselines& baselines, const std::vector<LoadReport>& reports) {
  const auto single = summary_of(named(reports, "single"), &JobSample::verdict);
  const auto& docker = baselines.docker_run_ms;
  const auto failed = std::ranges::count_if(reports, [](const auto& report) { return report.failed > 0; });
  double sustained = 0;
  for (const auto& report : reports)
    sustained = std::max(sustained, report.jobs_per_second);
  return {
      {"docker run --rm, same limits: median", docker.median, "ms", {}, {}},
      {"engine alone, one at a time: median", baselines.raw_ms.median, "ms", {}, {}},
      {"engine alone, four at a time", baselines.raw_per_second, "1/s", {}, {}},
      {"one job after the other without a pause: median", single.median, "ms", {}, {}},
      {"burst of 16 on what happens to wait", named(reports, "burst-16").jobs_per_second, "1/s", {}, {}},
      {"most jobs/s of any scenario", sustained, "1/s", {}, {}},
      {"  against the engine alone, four at a time", 100 * sustained / baselines.raw_per_second, "%", 95.0, {}},
      {"scenarios with a job that failed", static_cast<double>(failed), "", {}, 0.0},
  };
}

}  // namespace

Figure measure_warm(Setup& setup) {
  const auto docker = time_docker_runs(setup);
  print_load_header();
  const WarmHits hits = measure_warm_hits(setup);
  const auto warm = summarize(hits.verdict_ms);
  Figure figure;
  figure.rows = {
      {"docker run --rm, same limits: median", docker.median, "ms", {}, {}},
      {"warm hit, one job in flight, POST to verdict: median", warm.median, "ms", {}, {}},
      {"  against docker run's median", 100 * warm.median / docker.median, "%", {}, 5.0},
      {"warm hit, one job in flight, POST to verdict: p99", warm.p99, "ms", {}, {}},
      {"  against docker run's median", 100 * warm.p99 / docker.median, "%", {}, 20.0},
      {"burst of 16 on a pool of 16 (median)", median(hits.burst_per_second), "1/s", 100.0, {}},
  };
  figure.details = {{"dockerRunMs", to_json(docker)},
                    {"warmHitMs", to_json(warm)},
                    {"warmBurstPerSecond", to_json(summarize(hits.burst_per_second))}};
  return figure;
}

Figure measure_load(Setup& setup) {
  Figure figure;
  const Baselines baselines = measure_baselines(setup);
  std::vector<LoadReport> reports;
  print_load_header();
  {
    ServiceProcess service(setup, kWorkers, kQueue, {}, kWorkers);
    reports = Bench(setup, service).play("", true);
    service.process().end(SIGTERM);
  }
  const auto stored = setup.quick ? kQuickStoredJobs : kStoredJobs;
  {
    const auto seed = [stored](const fs::path& data) { seed_store(data, stored); };
    ServiceProcess service(setup, kWorkers, kQueue, seed, kWorkers);
    auto more = Bench(setup, service).play(fmt::format("{}-stored/", stored), false);
    std::ranges::move(more, std::back_inserter(reports));
    service.process().end(SIGTERM);
  }
  figure.rows = rows_of(baselines, reports);
  figure.details = {{"dockerRunMs", to_json(baselines.docker_run_ms)},
                    {"engineAloneMs", to_json(baselines.raw_ms)},
                    {"engineAlonePerSecond", rounded(baselines.raw_per_second)},
                    {"scenarios", Json::array()}};
  for (const auto& report : reports)
    figure.details["scenarios"].push_back(to_json(report));
  if (!setup.plots.empty()) draw_plots(setup.plots, reports, baselines.docker_run_ms.median);
  return figure;
}

Figure measure_other_server(Setup& setup, const std::string& url) {
  const auto endpoint = must(net::parse_endpoint(url), "server");
  const TempDir directory(setup.directory);
  const fs::path skill = directory.path() / "hello";
  write_hello(skill);
  const auto archive = ServiceProcess::archive_request(pack_tar_gz(skill));
  const auto request = [&](std::size_t) { return archive; };
  const Target target{endpoint, nullptr};
  print_load_header();
  Figure figure;
  figure.details = {{"server", url}, {"scenarios", Json::array()}};
  const auto singles = setup.quick ? kQuickSingles : kSingles;
  for (const Plan& plan :
       {Plan{"single", burst(singles), request, true, 0, 0}, Plan{"burst-16", burst(16), request, false, 0, 0},
        Plan{"burst-100", burst(100), request, false, 0, 0}}) {
    const auto report = run_load(setup.loop, target, plan);
    print_load(report);
    figure.rows.push_back({plan.name, report.jobs_per_second, "1/s", {}, {}});
    figure.details["scenarios"].push_back(to_json(report));
  }
  return figure;
}

}  // namespace skill_verifier::bench
