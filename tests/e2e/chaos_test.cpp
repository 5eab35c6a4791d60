#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <future>
#include <map>
#include <random>
#include <set>
#include <sstream>

#include "e2e/harness.hpp"

/// Mixed load while daemon, engine and containers are killed at random. SKILL_VERIFIER_TEST_CHAOS_SECONDS says how long
/// (`./dev chaos MINUTES`); SKILL_VERIFIER_TEST_CHAOS_SEED repeats the choices of a run.
namespace skill_verifier::e2e {
namespace {

using Steady = std::chrono::steady_clock;

/// A dockerd that may be killed, with the small base image of the one under test.
class PrivateEngine {
 public:
  PrivateEngine() : archive_(directory_.path() / "image.tar") {
    docker({"save", "-o", archive_.string(), "skill-verifier.local/busybox:1"});
    start();
    const Finished loaded = run({"docker", "load", "-i", archive_.string()}, {{"DOCKER_HOST", host()}});
    if (loaded.exit_code != 0) throw std::runtime_error("docker load: " + loaded.err);
  }
  ~PrivateEngine() {
    if (process_ && process_->running()) {
      process_->signal(SIGTERM);
      process_->wait(std::chrono::seconds(60));
    }
    process_.reset();
    kill_containerd();
    // Those that a killed containerd left and its successor did not find.
    run({"pkill", "-9", "-f", "containerd-shim.*" + directory_.path().string() + "/"});
    run({"sh", "-c", "grep -o '" + directory_.path().string() + "[^ ]*' /proc/mounts | sort -r | xargs -r umount -l"});
  }
  void start() {
    // A pid that the killed one left may be anybody's by now.
    fs::remove(path("pid"));
    fs::remove(path("exec") + "/containerd/containerd.pid");
    process_ =
        std::make_unique<Process>(std::vector<std::string>{"dockerd", "--data-root", path("data"), "--exec-root",
                                                           path("exec"), "--pidfile", path("pid"), "-H", host(),
                                                           "--log-level", "error", "--bridge=none", "--iptables=false"},
                                  std::map<std::string, std::string>{}, path("log"));
    const auto end = Steady::now() + std::chrono::seconds(120);
    while (run({"docker", "version"}, {{"DOCKER_HOST", host()}}).exit_code != 0) {
      if (!process_->running() || Steady::now() > end) throw std::runtime_error("no engine: " + process_->log());
    }
  }
  /// The engine and its containerd; the containers of both live on without them.
  void kill_hard() {
    process_->signal(SIGKILL);
    process_->wait(std::chrono::seconds(30));
    kill_containerd();
  }
  std::string host() const { return "unix://" + path("docker.sock"); }

 private:
  void kill_containerd() const {
    std::ifstream pid_file(path("exec") + "/containerd/containerd.pid");
    pid_t pid = 0;
    if (!(pid_file >> pid)) return;
    std::string name;
    std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/comm"), name);
    if (name == "containerd") kill(pid, SIGKILL);
  }
  std::string path(const std::string& name) const { return (directory_.path() / name).string(); }
  TempDir directory_;
  fs::path archive_;
  std::unique_ptr<Process> process_;
};

/// Another engine for what the harness does, for as long as it lives.
class UseEngine {
 public:
  explicit UseEngine(const std::string& host) : before_(docker_host()) {
    setenv("SKILL_VERIFIER_TEST_DOCKER_HOST", host.c_str(), 1);
  }
  ~UseEngine() { setenv("SKILL_VERIFIER_TEST_DOCKER_HOST", before_.c_str(), 1); }
  UseEngine(const UseEngine&) = delete;
  UseEngine& operator=(const UseEngine&) = delete;

 private:
  std::string before_;
};

struct Load {
  std::string folder;
  std::string verdict;  ///< what the skill does, whatever happens around it
};

struct Usage {
  double resident = 0;  ///< MiB
  std::size_t files = 0;
};

Usage usage_of(pid_t pid) {
  Usage usage;
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("VmRSS:")) usage.resident = std::stod(line.substr(6)) / 1024;
  const auto folder = "/proc/" + std::to_string(pid) + "/fd";
  usage.files = static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
  return usage;
}

unsigned number_of(const char* variable, unsigned otherwise) {
  const char* const text = std::getenv(variable);
  return text ? static_cast<unsigned>(std::stoul(text)) : otherwise;
}

class Chaos : public testing::Test {
 protected:
  void SetUp() override {
    SKILL_VERIFIER_NEEDS_ENGINE();
    if (geteuid() != 0) GTEST_SKIP() << "a private engine needs root";
    engine_.emplace();
    use_.emplace(engine_->host());
    daemon_.emplace("workers: 3\nattempts: 10\nmax_starts: 1000\nqueue: 1000\npool: {max: 2}\n");
    random_.seed(seed_);
    const auto skill = [&](const std::string& name, const std::string& test, const std::string& verdict) {
      work_.write(name + "/SKILL.md",
                  "---\nname: " + name + "\ndescription: Load.\nmetadata:\n  version: 1.0.0\n" + test + "---\n");
      loads_.push_back({(work_.path() / name).string(), verdict});
    };
    skill("quick", "  test_command: echo quick\n", "passed");
    skill("slow", "  test_command: sleep 1; echo slow\n", "passed");
    skill("bad", "  test_command: echo bad >&2; exit 3\n", "failed");
    skill("loud", "  test_command: head -c 3000000 /dev/zero\n", "passed");
    skill("late", "  test_command: sleep 30\n  test_timeout: 1s\n", "failed");
    skill("none", "", "untested");
  }

  std::size_t pick(std::size_t below) { return std::uniform_int_distribution<std::size_t>(0, below - 1)(random_); }

  /// A new run each: the cache would leave little to be killed.
  static std::string request_for(const Load& load) { return Json{{"skillPath", load.folder}, {"fresh", true}}.dump(); }
  void submit() {
    const Load& load = loads_[pick(loads_.size())];
    const Answer answer = daemon_->curl("/verify", {"-H", "Content-Type: application/json", "-d", request_for(load)});
    if (answer.status == 202)
      acknowledged_[answer.json().at("jobId")] = load.verdict;
    else
      ++refused_;
  }
  /// A job that is final keeps its verdict: seen once, it is the same for ever.
  void look_at(const std::string& id) {
    const Answer answer = daemon_->curl("/verify/" + id);
    ASSERT_EQ(answer.status, 200) << "an acknowledged job is lost: " << id << answer.body;
    const Json job = answer.json();
    if (job["status"] != "completed" && job["status"] != "failed") return;
    const auto [seen, first] = seen_.emplace(id, answer.body);
    if (!first) EXPECT_EQ(seen->second, answer.body) << "a second verdict";
  }
  void look_at_one() {
    if (acknowledged_.empty()) return;
    look_at(std::next(acknowledged_.begin(), static_cast<std::ptrdiff_t>(pick(acknowledged_.size())))->first);
  }
  void kill_a_container() {
    const Finished found = run({"docker", "ps", "-q"}, {{"DOCKER_HOST", docker_host()}});
    std::istringstream ids(found.out);
    const std::vector<std::string> all{std::istream_iterator<std::string>(ids), {}};
    if (all.empty()) return;
    run({"docker", "kill", all[pick(all.size())]}, {{"DOCKER_HOST", docker_host()}});
    ++kills_["container"];
  }
  void kill_the_daemon() {
    peak_ = std::max(peak_, usage_of(daemon_->process().pid()).resident);
    // A client is just submitting, and asks again with the same key, not knowing whether it was heard.
    const Load& load = loads_[pick(loads_.size())];
    const std::vector<std::string> request = {"-H", "Content-Type: application/json",
                                              "-H", "Idempotency-Key: " + std::to_string(++keys_),
                                              "-d", request_for(load)};
    std::vector<std::string> command = {"curl", "-sS", "--max-time", "60"};
    command.insert(command.end(), request.begin(), request.end());
    command.push_back(daemon_->url() + "/verify");
    auto first = std::async(std::launch::async, [command] { return run(command).out; });
    first.wait_for(std::chrono::milliseconds(pick(20)));
    daemon_->kill_hard();
    daemon_->start();
    ++kills_["daemon"];
    const Json heard = Json::parse(first.get(), nullptr, false);
    const Answer again = daemon_->curl("/verify", request);
    if (again.status != 202) {
      ++refused_;
      EXPECT_FALSE(heard.contains("jobId")) << "acknowledged, then refused: " << again.body;
      return;
    }
    const std::string id = again.json().at("jobId");
    if (heard.contains("jobId")) EXPECT_EQ(heard["jobId"], id) << "one key, two jobs";
    if (again.headers.find("Idempotency-Replayed") != std::string::npos) ++replayed_;
    acknowledged_[id] = load.verdict;
  }
  void kill_the_engine() {
    engine_->kill_hard();
    engine_->start();
    ++kills_["engine"];
  }
  void act() {
    const auto draw = pick(100);
    if (draw < 40 && acknowledged_.size() - seen_.size() < backlog_) return submit();
    if (draw < 92) return look_at_one();
    if (draw < 96) return kill_a_container();
    if (draw < 99) return kill_the_daemon();
    kill_the_engine();
  }

  const unsigned seed_ = number_of("SKILL_VERIFIER_TEST_CHAOS_SEED", std::random_device()());
  std::mt19937 random_;
  TempDir work_;
  std::optional<PrivateEngine> engine_;
  std::optional<UseEngine> use_;
  std::optional<Daemon> daemon_;
  std::vector<Load> loads_;
  std::map<std::string, std::string> acknowledged_, seen_;
  std::map<std::string, int> kills_;
  std::size_t refused_ = 0, replayed_ = 0, keys_ = 0;
  std::size_t backlog_ = 8;
  double peak_ = 0;
};

TEST_F(Chaos, LosesNoJobAndDoublesNoVerdict) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  const std::chrono::seconds length(number_of("SKILL_VERIFIER_TEST_CHAOS_SECONDS", 20));
  if (length > std::chrono::minutes(1)) backlog_ = 40;
  daemon_->wait(daemon_->submit_path(loads_[0].folder));
  const Usage first = usage_of(daemon_->process().pid());
  const auto end = Steady::now() + length;
  while (Steady::now() < end && !HasFatalFailure())
    act();
  // Each kind at least once, however short the run is.
  kill_a_container();
  kill_the_engine();
  kill_the_daemon();

  std::map<std::string, int> verdicts;
  for (const auto& [id, verdict] : acknowledged_) {
    const Json job = daemon_->wait(id, std::chrono::seconds(600));
    ++verdicts[job["status"] == "completed" ? job["result"]["verdict"].get<std::string>() : "not judged"];
    // A fault of ours may leave a job without a verdict, and must say so; it never gives it another one.
    if (job["status"] == "completed") {
      EXPECT_EQ(job["result"]["verdict"], verdict) << job.dump(2);
    } else {
      EXPECT_EQ(job["status"], "failed") << job.dump(2);
      EXPECT_NE(job.value("code", ""), "") << job.dump(2);
    }
    look_at(id);
  }
  std::set<std::string> ids;
  std::string cursor;
  std::size_t listed = 0;
  do {
    const Json page = daemon_->curl("/jobs?limit=500" + cursor).json();
    for (const Json& job : page["jobs"])
      ids.insert(job["id"].get<std::string>());
    listed += page["jobs"].size();
    cursor = page["nextCursor"].is_string() ? "&cursor=" + page["nextCursor"].get<std::string>() : "";
  } while (!cursor.empty());
  EXPECT_EQ(ids.size(), listed) << "a job stands twice";
  // One more: the first, which nobody counted. A job that no client knows of was made twice of one request.
  EXPECT_EQ(ids.size(), acknowledged_.size() + 1);
  for (const auto& [id, verdict] : acknowledged_)
    EXPECT_TRUE(ids.contains(id)) << id;

  const Usage last = usage_of(daemon_->process().pid());
  std::printf(
      "chaos: seed %u, %zu s: %zu acknowledged, %zu refused, %zu replayed; killed: daemon %d, engine %d, containers "
      "%d; ",
      seed_, static_cast<std::size_t>(length.count()), acknowledged_.size(), refused_, replayed_, kills_["daemon"],
      kills_["engine"], kills_["container"]);
  for (const auto& [verdict, count] : verdicts)
    std::printf("%s %d, ", verdict.c_str(), count);
  std::printf("resident %.0f then %.0f MiB (largest before a kill %.0f), files %zu then %zu\n", first.resident,
              last.resident, peak_, first.files, last.files);
  EXPECT_LT(std::max(peak_, last.resident), first.resident + 128);
  EXPECT_LT(last.files, first.files + 64);
  EXPECT_EQ(daemon_->stop(), 0);
  EXPECT_EQ(daemon_->containers(), std::vector<std::string>{});
  daemon_.reset();
}

}  // namespace
}  // namespace skill_verifier::e2e
