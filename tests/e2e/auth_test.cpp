#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "e2e/harness.hpp"

/// Keys, private jobs and the audit log of the real program, with the command beside the running service.
namespace skill_verifier::e2e {
namespace {

const std::string kClosed = "access: {submit: key, cancel: key, list: key}\nworkers: 1\npool: {max: 0}\n";

class Keys : public testing::Test {
 protected:
  void SetUp() override { SKILL_VERIFIER_NEEDS_ENGINE(); }

  static Finished command(const Daemon& daemon, std::vector<std::string> arguments) {
    std::vector<std::string> argv = {program("skill-verifier").string(), "keys"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    argv.insert(argv.end(), {"--data-dir", daemon.data_dir().string()});
    return run(argv);
  }
  static std::string create(const Daemon& daemon, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"create", "--name", "a test"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Finished made = command(daemon, arguments);
    EXPECT_EQ(made.exit_code, 0) << made.err;
    EXPECT_THAT(made.out, testing::MatchesRegex("svk_[0-9a-f]*_[0-9a-f]*\n"));
    return made.out.substr(0, made.out.find('\n'));
  }
  static std::string id_of(const std::string& key) { return key.substr(4, 16); }
  static Answer submit(const Daemon& daemon, const std::string& key, const Json& more = {}) {
    Json body{{"skillPath", (source_dir() / "examples" / "hello-world").string()}};
    if (!more.is_null()) body.update(more);
    std::vector<std::string> arguments = {"-H", "Content-Type: application/json", "-d", body.dump()};
    if (!key.empty()) arguments.insert(arguments.end(), {"-H", "Authorization: Bearer " + key});
    return daemon.curl("/verify", arguments);
  }
  static int status(const Daemon& daemon, const std::string& path, const std::string& key = {},
                    std::vector<std::string> more = {}) {
    if (!key.empty()) more.insert(more.end(), {"-H", "X-API-Key: " + key});
    return daemon.curl(path, more).status;
  }
  /// Asks until the answer is the one that a change of keys must lead to; a minute is far beyond the promised second.
  static bool becomes(const Daemon& daemon, const std::string& key, int wanted) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (std::chrono::steady_clock::now() < deadline)
      if (status(daemon, "/jobs", key) == wanted) return true;
    return false;
  }
  /// In the middle of a reload: whoever reads the file waits until somebody writes. Gives the end to write to.
  static int reload_from_pipe(Daemon& daemon, const fs::path& file) {
    fs::remove(file);
    if (::mkfifo(file.c_str(), 0600) != 0) throw std::runtime_error("no pipe at " + file.string());
    daemon.process().signal(SIGHUP);
    while (daemon.process().running()) {
      const int end = ::open(file.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
      if (end >= 0) return end;
    }
    throw std::runtime_error("ended by SIGHUP: " + daemon.process().log());
  }
};

TEST_F(Keys, ComeAndGoWhileTheServiceRuns) {
  Daemon daemon(kClosed);
  EXPECT_EQ(submit(daemon, {}).status, 401);
  const std::string key = create(daemon);
  EXPECT_TRUE(becomes(daemon, key, 200));
  EXPECT_EQ(submit(daemon, key).status, 202);
  const Finished rotated = command(daemon, {"rotate", id_of(key)});
  ASSERT_EQ(rotated.exit_code, 0) << rotated.err;
  const std::string next = rotated.out.substr(0, rotated.out.find('\n'));
  EXPECT_TRUE(becomes(daemon, key, 401));
  EXPECT_EQ(status(daemon, "/jobs", next), 200);
  ASSERT_EQ(command(daemon, {"revoke", id_of(key)}).exit_code, 0);
  EXPECT_TRUE(becomes(daemon, next, 401));
  EXPECT_EQ(command(daemon, {"revoke", id_of(key)}).exit_code, 3) << "twice";

  const Json listed = Json::parse(command(daemon, {"list", "--json"}).out);
  ASSERT_EQ(listed["keys"].size(), 1u);
  EXPECT_EQ(listed["keys"][0]["state"], "revoked");
  EXPECT_EQ(listed["keys"][0]["scopes"], "read,submit");
  EXPECT_EQ(listed.dump().find(next.substr(21)), std::string::npos);
}

TEST_F(Keys, APrivateJobIsItsOwnersAlsoAfterARestart) {
  Daemon daemon(kClosed);
  const std::string mine = create(daemon, {"--scope", "read,submit,cancel"}), theirs = create(daemon);
  ASSERT_TRUE(becomes(daemon, mine, 200) && becomes(daemon, theirs, 200));
  const Answer submitted = submit(daemon, mine, {{"visibility", "private"}});
  ASSERT_EQ(submitted.status, 202) << submitted.body;
  const std::string id = submitted.json()["jobId"];
  const std::string path = "/verify/" + id;
  for (const bool restarted : {false, true}) {
    for (const std::string& suffix : {std::string(), std::string("/logs"), std::string("/attestation")}) {
      EXPECT_EQ(status(daemon, path + suffix, theirs), 404) << suffix;
    }
    EXPECT_EQ(status(daemon, path), 404);
    EXPECT_EQ(status(daemon, path, mine), 200);
    EXPECT_EQ(daemon.curl("/jobs", {"-H", "X-API-Key: " + theirs}).json()["total"], 0);
    EXPECT_EQ(daemon.curl("/jobs", {"-H", "X-API-Key: " + mine}).json()["total"], 1);
    if (restarted) break;
    EXPECT_EQ(daemon.stop(), 0);
    daemon.start();
  }
  EXPECT_EQ(status(daemon, path, theirs, {"-X", "DELETE"}), 403) << "the key has no such scope";
  EXPECT_EQ(status(daemon, path, mine, {"-X", "DELETE"}), 200);

  std::ifstream in(daemon.data_dir() / "audit.jsonl");
  std::vector<std::string> actions;
  for (std::string line; std::getline(in, line);) {
    const Json record = Json::parse(line);
    actions.push_back(record["action"].get<std::string>() + " " + record["outcome"].get<std::string>());
  }
  EXPECT_THAT(actions, testing::ElementsAre("key.create accepted", "key.create accepted", "job.submit accepted",
                                            "job.delete refused", "job.delete accepted"));
}

TEST_F(Keys, WhatTheRetentionRemovesIsInTheAuditLog) {
  Daemon daemon("retention_jobs: 1\nchecks: {sandbox: false}\npool: {max: 0}\n");
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    const Answer submitted = submit(daemon, {}, {{"fresh", true}});
    ASSERT_EQ(submitted.status, 202) << submitted.body;
    ids.push_back(submitted.json()["jobId"]);
    ASSERT_EQ(daemon.curl("/verify/" + ids.back() + "?wait=60").json()["status"], "completed");
  }
  ASSERT_EQ(daemon.stop(), 0);
  daemon.start();
  EXPECT_EQ(status(daemon, "/verify/" + ids[0]), 404);
  EXPECT_EQ(status(daemon, "/verify/" + ids[2]), 200);

  std::ifstream in(daemon.data_dir() / "audit.jsonl");
  std::vector<std::string> removed;
  for (std::string line; std::getline(in, line);) {
    const Json record = Json::parse(line);
    if (record["action"] != "job.delete") continue;
    EXPECT_EQ(record["detail"], "retention: number or size");
    EXPECT_FALSE(record.contains("requestId"));
    removed.push_back(record["jobId"]);
  }
  EXPECT_THAT(removed, testing::UnorderedElementsAre(ids[0], ids[1]));
}

TEST_F(Keys, AreMadeByTheConfigurationAndReplacedBySighup) {
  const auto generate = [] {
    const Finished made = run({program("skill-verifier").string(), "keys", "generate", "--json"});
    EXPECT_EQ(made.exit_code, 0) << made.err;
    return Json::parse(made.out);
  };
  const Json first_made = generate(), hashed_made = generate();
  const std::string first = first_made["key"], hashed = hashed_made["key"], hash = hashed_made["sha256"];
  const TempDir secrets;
  const fs::path file = secrets.write("key", first + "\n");
  const std::string configured =
      "name=ops scope=admin key_file=" + file.string() + ",name=ci scope=submit+read sha256=" + hash;
  const std::map<std::string, std::string> environment{{"SKILL_VERIFIER_KEYS_CONFIGURED", configured}};
  fs::permissions(file, fs::perms(0644));
  Daemon daemon(kClosed, environment);
  const std::string exposed = "key_file of 'ops' can be read by every user of this machine (mode 0644)";
  EXPECT_THAT(daemon.process().log(), testing::HasSubstr(exposed));
  EXPECT_EQ(status(daemon, "/webhooks/deliveries", first), 200);
  EXPECT_EQ(status(daemon, "/webhooks/deliveries", hashed), 403);
  EXPECT_EQ(submit(daemon, hashed).status, 202);

  const auto keys = [&](std::vector<std::string> arguments) {
    std::vector<std::string> argv = {program("skill-verifier").string(), "keys"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    argv.insert(argv.end(), {"--data-dir", daemon.data_dir().string()});
    return run(argv, environment);
  };
  const Finished listed = keys({"list"});
  EXPECT_THAT(listed.out, testing::HasSubstr("ops (from the configuration)\n"));
  const Finished refused = keys({"revoke", id_of(first)});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.err, testing::HasSubstr("is made by keys.configured"));

  const std::string replaced = "svk_" + id_of(first) + "_" + std::string(64, 'd');
  secrets.write("key", replaced);
  daemon.process().signal(SIGHUP);
  daemon.process().wait_for_line("configuration reloaded");
  EXPECT_EQ(status(daemon, "/webhooks/deliveries", first), 401);
  EXPECT_EQ(status(daemon, "/webhooks/deliveries", replaced), 200);
  EXPECT_EQ(daemon.stop(), 0);
  for (const std::string& key : {first, hashed, replaced})
    EXPECT_THAT(daemon.process().log(), testing::Not(testing::HasSubstr(key.substr(21))));

  std::ifstream in(daemon.data_dir() / "audit.jsonl");
  std::vector<std::string> changes;
  for (std::string line; std::getline(in, line);) {
    const Json record = Json::parse(line);
    if (record["action"] == "key.configure") changes.push_back(record["keyId"]);
  }
  EXPECT_THAT(changes, testing::ElementsAre(id_of(first), id_of(hashed), id_of(first)));
}

TEST_F(Keys, InASlowFileHoldNobodyUp) {
  const TempDir secrets;
  const std::string id = "0123456789abcdef", first = "svk_" + id + "_" + std::string(64, 'c'),
                    second = "svk_" + id + "_" + std::string(64, 'd');
  const fs::path file = secrets.write("key", first);
  Daemon daemon(kClosed, {{"SKILL_VERIFIER_KEYS_CONFIGURED", "name=ops scope=admin key_file=" + file.string()}});
  EXPECT_EQ(status(daemon, "/jobs", first), 200);
  const int slow = reload_from_pipe(daemon, file);
  EXPECT_EQ(status(daemon, "/jobs", first, {"--max-time", "10"}), 200) << "while the file is being read";
  EXPECT_THAT(daemon.process().log(), testing::Not(testing::HasSubstr("configuration reloaded")));
  ASSERT_EQ(::write(slow, second.data(), second.size()), static_cast<ssize_t>(second.size()));
  ::close(slow);
  daemon.process().wait_for_line("configuration reloaded");
  EXPECT_EQ(status(daemon, "/jobs", first), 401);
  EXPECT_EQ(status(daemon, "/jobs", second), 200);
}

TEST_F(Keys, InAFileThatNeverAnswersDoNotKeepTheServiceFromStopping) {
  const TempDir secrets;
  const fs::path file = secrets.write("key", "svk_0123456789abcdef_" + std::string(64, 'c'));
  Daemon daemon(kClosed, {{"SKILL_VERIFIER_KEYS_CONFIGURED", "name=ops scope=admin key_file=" + file.string()}});
  const int held = reload_from_pipe(daemon, file);
  EXPECT_EQ(daemon.stop(), 0);
  ::close(held);
  EXPECT_THAT(daemon.process().log(), testing::HasSubstr("stopped while a reload waited for a file"));
}

TEST_F(Keys, TakeOnEveryChangeThatWasAskedForDuringAReload) {
  const TempDir secrets;
  const std::string id = "0123456789abcdef", first = "svk_" + id + "_" + std::string(64, 'c'),
                    second = "svk_" + id + "_" + std::string(64, 'd');
  const fs::path file = secrets.write("key", first);
  Daemon daemon(kClosed, {{"SKILL_VERIFIER_KEYS_CONFIGURED", "name=ops scope=admin key_file=" + file.string()}});
  const int slow = reload_from_pipe(daemon, file);
  fs::remove(file);
  secrets.write("key", second);
  daemon.process().signal(SIGHUP);
  EXPECT_EQ(status(daemon, "/jobs", first), 200) << "the second signal has been taken when this is answered";
  ASSERT_EQ(::write(slow, first.data(), first.size()), static_cast<ssize_t>(first.size()));
  ::close(slow);
  EXPECT_TRUE(becomes(daemon, second, 200));
}

TEST_F(Keys, OfTheConfigurationDoNotHideStoredOnes) {
  const TempDir secrets;
  const std::string first = "svk_0123456789abcdef_" + std::string(64, 'c');
  const fs::path file = secrets.write("key", first);
  const std::map<std::string, std::string> environment{
      {"SKILL_VERIFIER_KEYS_CONFIGURED", "name=ops scope=admin key_file=" + file.string()}};
  Daemon daemon(kClosed, environment);
  const std::string stored = create(daemon), id = id_of(stored);
  EXPECT_TRUE(becomes(daemon, stored, 200));
  secrets.write("key", stored);
  daemon.process().signal(SIGHUP);
  const std::string line = daemon.process().wait_for_line("configuration not reloaded");
  EXPECT_THAT(line, testing::HasSubstr("code=key_stored"));
  EXPECT_THAT(line, testing::HasSubstr("keys revoke ID, ID being " + id));
  EXPECT_EQ(status(daemon, "/jobs", first), 200) << "all stays as it was";
  EXPECT_EQ(status(daemon, "/webhooks/deliveries", stored), 403) << "the stored key's scopes";
  EXPECT_EQ(daemon.stop(), 0);

  const auto with_configuration = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), program("skill-verifier").string());
    arguments.insert(arguments.end(), {"--config", (daemon.data_dir().parent_path() / "config.yaml").string()});
    return run(arguments, environment);
  };
  const Finished start = with_configuration({"serve"});
  EXPECT_EQ(start.exit_code, 3);
  EXPECT_THAT(start.err, testing::HasSubstr("ids of stored keys: " + id));
  EXPECT_THAT(start.err, testing::HasSubstr("keys revoke ID"));
  EXPECT_EQ(with_configuration({"keys", "rotate", id}).exit_code, 3);
  const Finished revoked = with_configuration({"keys", "revoke", id});
  EXPECT_EQ(revoked.exit_code, 0) << revoked.err;
  EXPECT_THAT(revoked.err, testing::HasSubstr("this ends the stored key"));
  EXPECT_EQ(with_configuration({"keys", "revoke", id}).exit_code, 3) << "what is left is the configuration's";

  daemon.start();
  EXPECT_EQ(status(daemon, "/webhooks/deliveries", stored), 200) << "the configured key's scopes";
  secrets.write("key", first);
  daemon.process().signal(SIGHUP);
  daemon.process().wait_for_line("configuration reloaded");
  EXPECT_EQ(status(daemon, "/jobs", stored), 401) << "it does not come back to life";
}

TEST_F(Keys, AreMadeBeforeTheFirstStart) {
  const TempDir work;
  const std::string data = (work.path() / "data").string();
  const auto keys = [&](std::vector<std::string> arguments) {
    std::vector<std::string> argv = {program("skill-verifier").string(), "keys"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    argv.insert(argv.end(), {"--data-dir", data});
    return run(argv);
  };
  for (const std::vector<std::string>& early : {std::vector<std::string>{"list"},
                                                {"list", "--json"},
                                                {"revoke", "0123456789abcdef"},
                                                {"rotate", "0123456789abcdef"}}) {
    const Finished refused = keys(early);
    EXPECT_EQ(refused.exit_code, 3) << early[0];
    EXPECT_EQ(refused.out, "") << early[0];
    EXPECT_THAT(refused.err, testing::HasSubstr("there is no database in data_dir '" + data + "'")) << early[0];
    EXPECT_FALSE(fs::exists(data)) << early[0];
  }
  const Finished made = keys({"create", "--name", "n", "--expires", "90d", "--rate", "10/s", "--quota", "5/d",
                              "--concurrency", "2", "--scope", "submit", "--json"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  const Json key = Json::parse(made.out);
  EXPECT_EQ(key["rate"], "10/s");
  EXPECT_EQ(key["quota"], "5/d");
  EXPECT_EQ(key["concurrency"], 2);
  EXPECT_EQ(key["state"], "active");
  EXPECT_TRUE(key["key"].is_string());
  EXPECT_TRUE(key["expiresAt"].is_string());
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"create", "--name", ""},
                                                {"create", "--name", "n", "--scope", "sumbit"},
                                                {"create", "--name", "n", "--rate", "10"},
                                                {"create", "--name", "n", "--expires", "yesterday"},
                                                {"create", "--name", "n", "--expires", "2001-01-01T00:00:00Z"},
                                                {"create", "--name", "n", "--concurrency", "0"},
                                                {"create", "--name", "a\nb"}}) {
    const Finished refused = keys(wrong);
    EXPECT_EQ(refused.exit_code, 64) << refused.err;
    EXPECT_THAT(refused.err, testing::HasSubstr("--"));
    EXPECT_EQ(refused.out, "");
  }
  EXPECT_EQ(Json::parse(keys({"list", "--json"}).out)["keys"].size(), 1u);
  EXPECT_THAT(keys({"list"}).out, testing::HasSubstr(key["id"].get<std::string>()));
  EXPECT_EQ(keys({"revoke", "0123456789abcdef"}).exit_code, 3);
}

TEST_F(Keys, AnAddressBehindTheProxyIsLimited) {
  Daemon daemon(kClosed + "rate: {address: 5/h}\nproxies: {trusted: [127.0.0.1]}\n");
  const auto from = [&](const std::string& address) {
    return daemon.curl("/verify/" + std::string(32, '0'), {"-H", "X-Forwarded-For: " + address});
  };
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(from("192.0.2.1").status, 404);
  const Answer refused = from("192.0.2.1");
  EXPECT_EQ(refused.status, 429);
  EXPECT_THAT(refused.headers, testing::HasSubstr("Retry-After: "));
  EXPECT_THAT(refused.headers, testing::HasSubstr("RateLimit-Remaining: 0"));
  EXPECT_EQ(from("192.0.2.2").status, 404);
}

}  // namespace
}  // namespace skill_verifier::e2e
