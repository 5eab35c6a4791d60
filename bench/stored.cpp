#include <fmt/core.h>

#include <chrono>
#include <functional>

#include "figure.hpp"
#include "seed_store.hpp"
#include "skill.hpp"
#include "skill_verifier/core/json.hpp"
#include "stats.hpp"
#include "wrk.hpp"

namespace skill_verifier::bench {
namespace {

constexpr std::size_t kFew = 1'000;
constexpr std::size_t kMany = 100'000;
constexpr std::size_t kQuickMany = 5'000;
constexpr int kRounds = 5;
constexpr int kQuickRounds = 2;
constexpr int kSeconds = 2;
constexpr int kConnections = 32;
constexpr int kLists = 400;
constexpr std::uint64_t kMebibyte = 1u << 20;

/// A service over a store that already has jobs.
struct Side {
  Side(Setup& setup, std::size_t jobs)
      : service(setup, 1, 100, [jobs](const fs::path& data) { seed_store(data, jobs); }) {
    write_skill(service.directory() / "hello", kGreetingScript);
    submit = service.path_request(service.directory() / "hello");
    job = service.submit(submit);
    service.wait_until_passed(job);
    started_mib = resident();
  }
  double resident() const { return static_cast<double>(service.process().resident_bytes()) / kMebibyte; }

  mutable ServiceProcess service;
  net::Request submit;
  std::string job;
  double started_mib = 0;
  std::vector<double> reads, lists_ms, submits_ms;
};

double timed(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return milliseconds_since(begin);
}

void measure(Side& side, int seconds, int lists) {
  side.reads.push_back(
      run_wrk(side.service.process(), side.service.port(), {"/verify/" + side.job, kConnections, seconds, {}, {}})
          .requests_per_second);
  for (int i = 0; i < lists; ++i)
    side.lists_ms.push_back(timed([&] { side.service.get("/jobs?limit=50"); }));
}

/// One after the other, so that a job's run does not stand beside the next one's submission.
void measure_submits(Setup& setup, Side& side, int count) {
  for (int i = 0; i < count; ++i) {
    std::string job;
    side.submits_ms.push_back(timed([&] { job = side.service.submit(side.submit); }));
    side.service.wait_until_passed(job);
  }
  settle(setup);
}

}  // namespace

Figure measure_stored(Setup& setup) {
  const auto many_jobs = setup.quick ? kQuickMany : kMany;
  const int rounds = setup.quick ? kQuickRounds : kRounds;
  Side few(setup, kFew);
  Side many(setup, many_jobs);
  settle(setup);
  for (int i = 0; i < rounds; ++i)
    for (Side* side : {&few, &many}) {
      measure(*side, setup.quick ? 1 : kSeconds, kLists / rounds);
      measure_submits(setup, *side, 10);
    }
  const double resident = many.resident();
  few.service.process().end(SIGTERM);
  many.service.process().end(SIGTERM);

  const auto lists_few = summarize(few.lists_ms), lists_many = summarize(many.lists_ms);
  const auto submits_few = summarize(few.submits_ms), submits_many = summarize(many.submits_ms);
  const std::string among = fmt::format(" among {} jobs", many_jobs);
  Figure figure;
  figure.rows = {
      {"RSS after the start and one job," + among, many.started_mib, "MiB", {}, 60.0},
      {"RSS after the requests below", resident, "MiB", {}, 60.0},
      {"list of 50" + among + ": median", lists_many.median, "ms", {}, 2.0},
      {"list of 50" + among + ": p99", lists_many.p99, "ms", {}, {}},
      {"  the median against 1,000 jobs", 100 * lists_many.median / lists_few.median, "%", {}, 110.0},
      {"GET of a finished job" + among + ": requests/s", median(many.reads), "1/s", {}, {}},
      {"  against 1,000 jobs", 100 * median(many.reads) / median(few.reads), "%", 90.0, {}},
      {"POST skillPath to 202" + among + ": median", submits_many.median, "ms", {}, {}},
      {"  against 1,000 jobs", 100 * submits_many.median / submits_few.median, "%", {}, 110.0},
  };
  figure.details = {{"jobs", {kFew, many_jobs}},
                    {"listMs", {to_json(lists_few), to_json(lists_many)}},
                    {"readsPerSecond", {to_json(summarize(few.reads)), to_json(summarize(many.reads))}},
                    {"submitMs", {to_json(submits_few), to_json(submits_many)}},
                    {"rssMiB", {rounded(few.started_mib), rounded(many.started_mib), rounded(resident)}}};
  return figure;
}

}  // namespace skill_verifier::bench
