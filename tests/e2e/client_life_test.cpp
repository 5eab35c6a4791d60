#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <sstream>

#include "e2e/harness.hpp"

/// A client's life with the real program: keys that outlive kill -9, verdicts that are given again, batches, events.
namespace skill_verifier::e2e {
namespace {

using testing::HasSubstr;

const std::map<std::string, std::string> kCached = {{"SKILL_VERIFIER_CACHE_ENABLED", "true"}};

fs::path make_skill(const TempDir& directory, const std::string& script, const std::string& name = "life") {
  fs::create_directories(directory.path() / name);
  std::ofstream(directory.path() / name / "SKILL.md")
      << "---\nname: " << name << "\ndescription: A demo.\nmetadata:\n  runtime: alpine:latest\n  test_command: "
      << "sh test.sh\n  test_timeout: 120s\n---\n";
  std::ofstream(directory.path() / name / "test.sh") << script;
  return directory.path() / name;
}

std::vector<std::string> json_post(const Json& body, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments{"-X", "POST", "-H", "Content-Type: application/json", "-d", body.dump()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST(ClientLife, AKeyOutlivesKillNine) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const TempDir directory;
  const Json request{{"skillPath", make_skill(directory, "echo once\n").string()}};
  Daemon daemon;
  const auto first = daemon.curl("/verify", json_post(request, {"-H", "Idempotency-Key: e2e"}));
  ASSERT_EQ(first.status, 202) << first.body;
  daemon.kill_hard();
  daemon.start();
  const auto again = daemon.curl("/verify", json_post(request, {"-H", "Idempotency-Key: e2e"}));
  EXPECT_EQ(again.status, 202);
  EXPECT_EQ(again.body, first.body);
  EXPECT_THAT(again.headers, HasSubstr("Idempotency-Replayed: true"));
  Json other = request;
  other["nonce"] = "n";
  EXPECT_EQ(daemon.curl("/verify", json_post(other, {"-H", "Idempotency-Key: e2e"})).status, 422);
  EXPECT_EQ(daemon.curl("/jobs").json()["total"], 1);
  EXPECT_EQ(daemon.wait(first.json()["jobId"])["result"]["verdict"], "passed");
}

TEST(ClientLife, AVerdictIsGivenAgainAtOnceAndFoundByItsDigest) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const TempDir directory;
  const auto skill = make_skill(directory, "echo once\n");
  Daemon daemon("", kCached);
  const Json first = daemon.verify(skill);
  const auto copy = daemon.curl("/verify", json_post({{"skillPath", skill.string()}}));
  ASSERT_EQ(copy.status, 202) << copy.body;
  EXPECT_EQ(copy.json()["status"], "completed");
  EXPECT_EQ(copy.json()["cached"], true);
  EXPECT_EQ(copy.json()["originalJobId"], first["jobId"]);
  const std::string id = copy.json()["jobId"];
  const Json job = daemon.wait(id);
  EXPECT_EQ(job["result"], first["result"]);
  const Json document = daemon.curl("/verify/" + id + "/attestation").json();
  const Json original = daemon.curl("/verify/" + first["jobId"].get<std::string>() + "/attestation").json();
  EXPECT_EQ(document["statement"], original["statement"]);
  EXPECT_EQ(document["attestation"], original["attestation"]);
  const Json fresh = daemon.wait(daemon.submit({{"skillPath", skill.string()}, {"fresh", true}}));
  EXPECT_FALSE(fresh.contains("cached"));

  const std::string tree = first["result"]["subject"]["treeDigest"];
  const Json question{{"subjects", {tree, id, std::string(64, '0')}}};
  const auto verdicts = daemon.curl("/verdicts", json_post(question));
  const auto list = verdicts.json()["verdicts"];
  EXPECT_EQ(list[0]["verdict"], "passed");
  EXPECT_EQ(list[1]["cached"], true);
  EXPECT_EQ(list[2]["found"], false);
  const auto at = verdicts.headers.find("ETag: ");
  ASSERT_NE(at, std::string::npos);
  const auto tag = verdicts.headers.substr(at + 6, verdicts.headers.find('\r', at) - at - 6);
  EXPECT_EQ(daemon.curl("/verdicts", json_post(question, {"-H", "If-None-Match: " + tag})).status, 304);
}

TEST(ClientLife, ABatchIsTakenInOneByOne) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const TempDir directory;
  Json submissions = Json::array();
  for (int i = 0; i < 20; ++i)
    submissions.push_back({{"skillPath", make_skill(directory, "exit 0\n", "skill" + std::to_string(i)).string()}});
  submissions.push_back({{"skillPath", (directory.path() / "missing").string()}});
  Daemon daemon;
  const Json body{{"submissions", submissions}};
  const auto answer = daemon.curl("/verify/batch", json_post(body, {"-H", "Idempotency-Key: b"}));
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.json()["accepted"], 20);
  EXPECT_EQ(answer.json()["items"][20]["code"], "skill_path_not_found");
  daemon.kill_hard();
  daemon.start();
  const auto again = daemon.curl("/verify/batch", json_post(body, {"-H", "Idempotency-Key: b"})).json();
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(again["items"][i]["jobId"], answer.json()["items"][i]["jobId"]);
    EXPECT_EQ(daemon.wait(again["items"][i]["jobId"])["result"]["verdict"], "passed");
  }
  EXPECT_EQ(daemon.curl("/jobs").json()["total"], 20);
}

/// A connection that listens to a job's events.
class Listener {
 public:
  Listener(std::uint16_t port, const std::string& id) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (socket_ < 0 || ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("cannot connect");
    const std::string request = "GET /verify/" + id + "/events HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    if (::send(socket_, request.data(), request.size(), 0) != static_cast<ssize_t>(request.size()))
      throw std::runtime_error("cannot send");
  }
  Listener(Listener&& other) noexcept : socket_(std::exchange(other.socket_, -1)), text_(std::move(other.text_)) {}
  Listener& operator=(Listener&&) = delete;
  ~Listener() {
    if (socket_ >= 0) ::close(socket_);
  }
  /// Reads until `text` has come or the server has closed.
  bool until(const std::string& text) {
    while (text_.find(text) == std::string::npos) {
      pollfd waiting{socket_, POLLIN, 0};
      if (::poll(&waiting, 1, 120'000) != 1) return false;
      std::array<char, 16384> block{};
      const auto count = ::recv(socket_, block.data(), block.size(), 0);
      if (count <= 0) return false;
      text_.append(block.data(), static_cast<std::size_t>(count));
    }
    return true;
  }
  /// The ids of the events that came.
  std::vector<std::string> ids() const {
    std::vector<std::string> found;
    std::istringstream lines(text_);
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with("id: ")) found.push_back(line.substr(4));
    return found;
  }
  std::string log() const {
    std::string joined;
    std::istringstream lines(text_);
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with("data: {\"offset\"")) joined += Json::parse(line.substr(6))["text"].get<std::string>();
    return joined;
  }

 private:
  int socket_;
  std::string text_;
};

std::uint64_t peak_kib(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6));
  return 0;
}

TEST(ClientLife, AThousandListenersHearTheSameWithinSixtyMegabytes) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  constexpr std::size_t kListeners = 1000;
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_max < 4096) GTEST_SKIP() << "this system allows " << files.rlim_max << " open files, 4096 are needed";
  files.rlim_cur = 4096;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
  const TempDir directory;
  // Whoever comes late is told what it missed, so that nothing here depends on how long this takes.
  const auto skill = make_skill(directory, "i=0; while [ $i -lt 20 ]; do echo line $i; i=$((i+1)); sleep 1; done\n");
  Daemon daemon("http: {connections: 2000, connections_per_address: 2000}\n");
  const auto alone = peak_kib(daemon.process().pid());
  const auto id = daemon.submit_path(skill);
  std::vector<Listener> listeners;
  for (std::size_t i = 0; i < kListeners; ++i)
    listeners.emplace_back(daemon.port(), id);
  for (auto& listener : listeners)
    ASSERT_TRUE(listener.until("event: state"));
  EXPECT_EQ(daemon.curl("/health").status, 200) << "others are served meanwhile";
  for (auto& listener : listeners)
    ASSERT_TRUE(listener.until("event: verdict\ndata: "));
  const auto peak = peak_kib(daemon.process().pid());
  RecordProperty("peak_kib_alone", static_cast<int>(alone));
  RecordProperty("peak_kib_with_listeners", static_cast<int>(peak));
  std::printf("peak RSS: %lu KiB alone, %lu KiB with %zu listeners\n", alone, peak, kListeners);
#if !defined(__SANITIZE_ADDRESS__) && !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
  EXPECT_LT(peak, 60u * 1000 * 1000 / 1024);
#endif
  const auto whole = daemon.curl("/verify/" + id + "/logs").body;
  for (const auto& listener : listeners) {
    EXPECT_EQ(listener.log(), whole);
    const auto ids = listener.ids();
    EXPECT_EQ(std::set(ids.begin(), ids.end()).size(), ids.size());
  }
}

TEST(ClientLife, EventsResumeAfterTheJobHasEnded) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const TempDir directory;
  Daemon daemon;
  const auto id = daemon.submit_path(make_skill(directory, "for i in 1 2 3; do echo line $i; done\n"));
  Listener live(daemon.port(), id);
  ASSERT_TRUE(live.until("event: verdict\ndata: "));
  const auto ids = live.ids();
  ASSERT_GE(ids.size(), 4u);
  EXPECT_EQ(daemon.stop(), 0);
  daemon.start();
  const auto rest = daemon.curl("/verify/" + id + "/events", {"-H", "Last-Event-ID: " + ids[0]});
  std::vector<std::string> resumed;
  std::istringstream lines(rest.body);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("id: ")) resumed.push_back(line.substr(4));
  EXPECT_EQ(resumed.back(), ids.back());
  EXPECT_THAT(rest.body, HasSubstr("completed"));
  EXPECT_EQ(daemon.curl("/verify/" + id + "/events", {"-H", "Last-Event-ID: " + ids.back()}).status, 204);
}

}  // namespace
}  // namespace skill_verifier::e2e
