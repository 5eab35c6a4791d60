#include "seed_store.hpp"

#include <fmt/core.h>

#include <fstream>

#include "loop.hpp"
#include "skill_verifier/core/clock.hpp"
#include "skill_verifier/core/ids.hpp"
#include "skill_verifier/store/job_store.hpp"

namespace skill_verifier::bench {
namespace {

constexpr int kWriters = 64;
constexpr std::size_t kStatementBytes = 2'500;

store::JobOutcome outcome_of(core::Time now) {
  const std::string statement(kStatementBytes, 's');
  store::JobOutcome outcome;
  outcome.state = store::JobState::completed;
  outcome.completed_at = now;
  outcome.statement = statement;
  outcome.result = fmt::format(R"({{"skillId":"seed@1.0.0","result":{{"passed":true,"exitCode":0,"stdout":"ok\n"}},)"
                               R"("attestation":{{"quote":null,"statement":"{}"}}}})",
                               statement);
  outcome.log = "ok\n";
  return outcome;
}

awaitable<void> write_jobs(store::JobStore& store, std::size_t& left) {
  const core::SystemClock clock;
  while (left > 0) {
    --left;
    const auto pack = store.spool() / core::random_hex(8);
    std::ofstream(pack) << "seed";
    store::Job job;
    job.id = core::new_job_id();
    job.created_at = clock.now();
    job.skill_id = "seed@1.0.0";
    job.request = R"({"version":1})";
    const auto inserted = must(co_await store.insert(job, pack), "seed the store");
    must(co_await store.begin(inserted.id, clock.now()), "seed the store");
    must(co_await store.finish(inserted.id, outcome_of(clock.now())), "seed the store");
  }
}

}  // namespace

void seed_store(const std::filesystem::path& data, std::size_t jobs) {
  Loop loop;
  const auto store = must(store::open_sqlite_store(data), "seed the store");
  core::TaskGroup group(loop.executor());
  for (int i = 0; i < kWriters; ++i)
    group.spawn("seed", write_jobs(*store, jobs));
  if (!loop.wait(group.wait(std::chrono::minutes(20)))) throw std::runtime_error("the store is not seeded in time");
}

}  // namespace skill_verifier::bench
