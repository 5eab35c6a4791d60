#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>

#include "e2e/harness.hpp"
#include "e2e/simulator.hpp"

namespace skill_verifier::e2e {
namespace {

std::string read_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// promtool, from the environment or the path; empty where there is none.
std::string promtool() {
  if (const char* given = std::getenv("SKILL_VERIFIER_TEST_PROMTOOL")) return given;
  const Finished found = run({"sh", "-c", "command -v promtool"});
  return found.exit_code == 0 ? found.out.substr(0, found.out.find('\n')) : "";
}

#define SKILL_VERIFIER_NEEDS_PROMTOOL() \
  if (promtool().empty())               \
  GTEST_SKIP() << "no promtool: install Debian's package prometheus, or let `./dev test` unpack it"

/// A daemon that has done a bit of everything.
class Metrics : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!why_no_engine().empty()) return;
    simulator_ = std::make_unique<Simulator>();
    daemon_ = std::make_unique<Daemon>("pool: {max: 1}\n",
                                       std::map<std::string, std::string>{{"DSTACK_SOCKET", simulator_->socket()}});
    for (const char* skill : {"hello-world", "failing-skill", "untested-skill"})
      jobs_.push_back(daemon_->verify(source_dir() / "examples" / skill)["jobId"].get<std::string>());
    daemon_->curl("/verify", {"-X", "POST", "-d", "{"});
    daemon_->curl("/verify/" + jobs_.front() + "/attestation");
    daemon_->curl("/nothing/here");
    text_ = daemon_->curl("/metrics").body;
  }
  static void TearDownTestSuite() {
    daemon_.reset();
    simulator_.reset();
  }
  void SetUp() override { SKILL_VERIFIER_NEEDS_ENGINE(); }

  static std::set<std::string> names(const std::string& text) {
    static const std::regex name("\\b(skill_verifier|process)_[a-z_]+\\b");
    std::set<std::string> found;
    for (std::sregex_iterator match(text.begin(), text.end(), name), end; match != end; ++match)
      found.insert(match->str());
    return found;
  }
  static bool has(const std::string& line) { return text_.find(line + "\n") != std::string::npos; }

  static inline std::unique_ptr<Simulator> simulator_;
  static inline std::unique_ptr<Daemon> daemon_;
  static inline std::vector<std::string> jobs_;
  static inline std::string text_;
};

TEST_F(Metrics, PassPromtool) {
  SKILL_VERIFIER_NEEDS_PROMTOOL();
  const TempDir work;
  const fs::path file = work.write("metrics", text_);
  const Finished checked = run({"sh", "-c", "\"$0\" check metrics < \"$1\"", promtool(), file.string()});
  EXPECT_EQ(checked.exit_code, 0) << checked.out << checked.err << text_;
}

TEST_F(Metrics, CountWhatHappened) {
  EXPECT_TRUE(has(R"(skill_verifier_jobs_accepted_total 3)")) << text_;
  EXPECT_TRUE(has(R"(skill_verifier_verdicts_total{verdict="passed"} 1)"));
  EXPECT_TRUE(has(R"(skill_verifier_verdicts_total{verdict="failed"} 1)"));
  EXPECT_TRUE(has(R"(skill_verifier_verdicts_total{verdict="untested"} 1)"));
  EXPECT_TRUE(has(R"(skill_verifier_sandbox_runs_total{outcome="exited"} 2)"));
  EXPECT_TRUE(has(R"(skill_verifier_jobs_ended_total{state="completed"} 3)"));
  EXPECT_TRUE(has(R"(skill_verifier_job_stage_seconds_count{stage="command"} 2)"));
  EXPECT_TRUE(has(R"(skill_verifier_quote_duration_seconds_count 3)"));
  EXPECT_TRUE(has(R"(skill_verifier_ready{dependency="dstack"} 1)"));
  EXPECT_TRUE(has(R"(skill_verifier_http_requests_total{method="POST",route="/verify",code="202"} 3)"));
  EXPECT_TRUE(has(R"(skill_verifier_http_requests_total{method="GET",route="other",code="404"} 1)"));
  for (const char* family : {"skill_verifier_pool_ready", "skill_verifier_pool_starting", "skill_verifier_pool_in_use",
                             "skill_verifier_pool_misses_total", "skill_verifier_pool_wait_seconds_total"})
    EXPECT_NE(text_.find(std::string(family) + "{runtime=\""), std::string::npos) << family << "\n" << text_;
}

TEST_F(Metrics, NameNoJobAndNoSkill) {
  for (const std::string& id : jobs_)
    EXPECT_EQ(text_.find(id), std::string::npos) << id;
  for (const char* name : {"hello-world", "failing-skill", "untested-skill"})
    EXPECT_EQ(text_.find(name), std::string::npos) << name;
}

TEST_F(Metrics, HaveEverythingThatDashboardAndAlertsName) {
  const std::string dashboard = read_file(source_dir() / "deploy/grafana/skill-verifier.json");
  const std::string alerts = read_file(source_dir() / "deploy/prometheus/alerts.yml");
  EXPECT_TRUE(Json::accept(dashboard));
  std::set<std::string> given = names(text_);
  std::set<std::string> wanted = names(dashboard);
  wanted.merge(names(alerts));
  EXPECT_GE(wanted.size(), 30u);
  // The simulator's collateral comes from nowhere: these two have no sample, but their family is announced.
  for (const std::string& name : wanted)
    EXPECT_TRUE(given.contains(name)) << name << " is given by nobody";
}

TEST(AlertRules, PassPromtool) {
  SKILL_VERIFIER_NEEDS_PROMTOOL();
  const fs::path rules = source_dir() / "deploy/prometheus";
  const Finished checked = run({promtool(), "check", "rules", (rules / "alerts.yml").string()});
  EXPECT_EQ(checked.exit_code, 0) << checked.out << checked.err;
  const Finished tested = run({promtool(), "test", "rules", (rules / "alerts.test.yml").string()});
  EXPECT_EQ(tested.exit_code, 0) << tested.out << tested.err;
}

}  // namespace
}  // namespace skill_verifier::e2e
