#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <iterator>
#include <set>
#include <sstream>

#include "e2e/harness.hpp"

namespace skill_verifier::e2e {
namespace {

Finished verify(const std::string& example, std::vector<std::string> more = {}) {
  std::vector<std::string> argv = {program("skill-verifier").string(),
                                   "verify",
                                   (source_dir() / "examples" / example).string(),
                                   "--set",
                                   "engine.pull=false",
                                   "--set",
                                   "runtimes=alpine:latest=skill-verifier.local/busybox:1"};
  argv.insert(argv.end(), more.begin(), more.end());
  return run(argv, {{"DOCKER_HOST", docker_host()}});
}

TEST(Verify, ExitsZeroAndPrintsThePredecessorsJsonWhenPassed) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const Finished finished = verify("hello-world");
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(Json::parse(finished.out)["result"]["stdout"], "Hello from skill!\n");
  EXPECT_EQ(finished.err, "");
}

TEST(Verify, ExitsOneWhenFailedAndTwoWhenUntested) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  EXPECT_EQ(verify("failing-skill").exit_code, 1);
  EXPECT_EQ(verify("untested-skill").exit_code, 2);
}

TEST(Verify, ExitsThreeWhenItCouldNotJudge) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  EXPECT_EQ(verify("no-such-skill").exit_code, 3);
  const Finished no_engine =
      run({program("skill-verifier").string(), "verify", (source_dir() / "examples" / "hello-world").string()},
          {{"DOCKER_HOST", "unix:///nonexistent/docker.sock"}});
  EXPECT_EQ(no_engine.exit_code, 3);
  EXPECT_NE(no_engine.err.find("engine"), std::string::npos) << no_engine.err;
}

TEST(Verify, TakesAnArchive) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const TempDir work;
  const std::string archive = (work.path() / "hello.skill").string();
  ASSERT_EQ(
      run({"sh", "-c", "cd '" + (source_dir() / "examples").string() + "' && zip -qr '" + archive + "' hello-world"})
          .exit_code,
      0);
  const Finished finished = run({program("skill-verifier").string(), "verify", archive, "--set", "engine.pull=false",
                                 "--set", "runtimes=alpine:latest=skill-verifier.local/busybox:1"},
                                {{"DOCKER_HOST", docker_host()}});
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(Json::parse(finished.out)["subject"]["archiveSha256"].get<std::string>() + "  " + archive + "\n",
            run({"sha256sum", archive}).out);
}

TEST(Verify, NamesWhatTheManifestDoesNot) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const TempDir work;
  work.write("plain/SKILL.md", "---\ndescription: Says hi.\nmetadata:\n  test_command: echo hi\n---\n");
  const Finished finished = run({program("skill-verifier").string(), "verify", (work.path() / "plain").string(),
                                 "--name", "given-name", "--version", "2.3.4", "--set", "engine.pull=false", "--set",
                                 "runtimes=alpine:latest=skill-verifier.local/busybox:1"},
                                {{"DOCKER_HOST", docker_host()}});
  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(Json::parse(finished.out)["skillId"], "given-name@2.3.4");
}

TEST(Verify, LeavesNoImageInTheEngine) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const auto images = [] {
    std::istringstream ids(docker({"images", "-aq"}));
    return std::set<std::string>{std::istream_iterator<std::string>(ids), {}};
  };
  const auto before = images();
  EXPECT_EQ(verify("hello-world").exit_code, 0);
  EXPECT_EQ(images(), before);
}

void write_sleeper(const TempDir& work) {
  work.write(
      "sleeper/SKILL.md",
      "---\nname: sleeper\ndescription: Sleeps.\nmetadata:\n  test_command: sleep 100\n  test_timeout: 120s\n---\n");
}

TEST(Verify, LeavesToTheNextWhatItCouldNotRemoveWhenKilled) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const TempDir work;
  write_sleeper(work);
  const std::vector<std::string> containers = {"ps", "--filter", "label=skill-verifier.role=test", "--format",
                                               "{{.Label \"skill-verifier.instance\"}}"};
  Process process({program("skill-verifier").string(), "verify", (work.path() / "sleeper").string(), "--set",
                   "engine.pull=false", "--set", "runtimes=alpine:latest=skill-verifier.local/busybox:1"},
                  {{"DOCKER_HOST", docker_host()}}, work.path() / "log");
  const std::string own = "-" + std::to_string(process.pid()) + "-";
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  std::string instance;
  while (instance.empty() && process.running() && std::chrono::steady_clock::now() < end) {
    std::istringstream lines(docker(containers));
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with("cli-") && line.find(own) != std::string::npos) instance = line;
  }
  ASSERT_NE(instance, "") << process.log();
  process.signal(SIGKILL);
  process.wait(std::chrono::seconds(30));
  const std::string label = "label=skill-verifier.instance=" + instance;
  EXPECT_NE(docker({"images", "-aq", "--filter", label}), "");
  EXPECT_EQ(verify("hello-world").exit_code, 0);
  EXPECT_EQ(docker({"ps", "-aq", "--filter", label}), "");
  EXPECT_EQ(docker({"images", "-aq", "--filter", label}), "");
}

TEST(Verify, LeavesNothingInTheEngineWhenInterrupted) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const TempDir work;
  write_sleeper(work);
  const std::string label = "label=skill-verifier.instance=interrupted-" + std::to_string(getpid());
  Process process({program("skill-verifier").string(), "verify", (work.path() / "sleeper").string(), "--set",
                   "engine.pull=false", "--set", "runtimes=alpine:latest=skill-verifier.local/busybox:1", "--set",
                   "engine.instance=interrupted-" + std::to_string(getpid())},
                  {{"DOCKER_HOST", docker_host()}}, work.path() / "log");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  std::string running;
  while (running.empty() && process.running() && std::chrono::steady_clock::now() < end)
    running = docker({"ps", "-q", "--filter", label});
  ASSERT_NE(running, "") << process.log();
  process.signal(SIGINT);
  EXPECT_EQ(process.wait(std::chrono::seconds(30)).value_or(-1), 3) << process.log();
  EXPECT_EQ(docker({"ps", "-aq", "--filter", label}), "");
}

TEST(Lint, PrintsOneObjectALineAndExitsOneWhenAManifestIsRefused) {
  const Finished good =
      run({program("skill-verifier").string(), "lint", "--json", (source_dir() / "examples" / "hello-world").string(),
           (source_dir() / "examples" / "untested-skill" / "SKILL.md").string()});
  EXPECT_EQ(good.exit_code, 0) << good.err;
  const auto newline = good.out.find('\n');
  EXPECT_EQ(Json::parse(good.out.substr(0, newline))["name"], "hello-world");
  EXPECT_EQ(Json::parse(good.out.substr(newline + 1))["name"], "untested-skill");
  const TempDir work;
  const fs::path bad = work.write("SKILL.md", "---\nname: x\ndescription: a: b\n---\n");
  const Finished refused = run({program("skill-verifier").string(), "lint", "--json", bad.string()});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_EQ(Json::parse(refused.out)["ok"], false);
}

TEST(Lint, ReadsPathsFromStandardInput) {
  const std::string example = (source_dir() / "examples" / "hello-world").string();
  const Finished finished =
      run({"sh", "-c", "echo '" + example + "' | '" + program("skill-verifier").string() + "' lint --json -"});
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(Json::parse(finished.out)["name"], "hello-world");
}

TEST(Serve, CheckConfigReportsEveryFaultWithItsLine) {
  const TempDir work;
  const fs::path file = work.write("c.yaml", "workers: many\nprot: 80\n");
  const Finished finished = run({program("skill-verifier").string(), "serve", "--check-config", "-c", file.string()});
  EXPECT_EQ(finished.exit_code, 78);
  EXPECT_NE(finished.err.find("c.yaml:1: workers"), std::string::npos) << finished.err;
  EXPECT_NE(finished.err.find("c.yaml:2: unknown key 'prot'"), std::string::npos) << finished.err;
  const Finished good = run({program("skill-verifier").string(), "serve", "--check-config", "-c",
                             (source_dir() / "config" / "skill-verifier.example.yaml").string()});
  EXPECT_EQ(good.exit_code, 0) << good.err;
}

TEST(Program, NeedsTheFilesOfConfiguredKeysToServeAndToListThemOnly) {
  const TempDir work;
  const std::string data = (work.path() / "data").string(), copy = (work.path() / "copy").string();
  const std::map<std::string, std::string> with_lost_key{
      {"SKILL_VERIFIER_DATA_DIR", data},
      {"SKILL_VERIFIER_KEYS_CONFIGURED", "name=ci key_file=" + (work.path() / "none").string()}};
  const auto program_with = [&with_lost_key](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), program("skill-verifier").string());
    return run(arguments, with_lost_key);
  };
  const std::string fault = "key_file of 'ci': cannot be read";
  for (const std::vector<std::string>& needs :
       {std::vector<std::string>{"serve", "--check-config"}, {"keys", "list"}}) {
    const Finished refused = program_with(needs);
    EXPECT_EQ(refused.exit_code, 78);
    EXPECT_NE(refused.err.find(fault), std::string::npos) << refused.err;
  }
  const Finished made = program_with({"keys", "create", "--name", "n", "--json"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_EQ(made.err.find(fault), std::string::npos) << made.err;
  const Finished revoked = program_with({"keys", "revoke", Json::parse(made.out)["id"]});
  EXPECT_EQ(revoked.exit_code, 0) << revoked.err;
  EXPECT_NE(revoked.err.find(fault), std::string::npos) << revoked.err;
  const Finished verified = program_with({"verify", (work.path() / "none").string()});
  EXPECT_NE(verified.err.find("[path_not_found]"), std::string::npos) << verified.err;
  for (const char* command : {"backup", "restore"}) {
    const Finished other = program_with({command, copy});
    EXPECT_NE(other.exit_code, 78) << command;
    EXPECT_EQ(other.err.find(fault), std::string::npos) << other.err;
  }
}

TEST(Serve, RefusesAVariableThatItDoesNotKnowTogetherWithTheOtherFaults) {
  const Finished finished = run({program("skill-verifier").string(), "serve", "--check-config", "--set", "workers=0",
                                 "--set", "listen.address=nowhere"},
                                {{"SKILL_VERIFIER_WORKRES", "2"}, {"SKILL_VERIFIER_TEST_ANYTHING", "1"}});
  EXPECT_EQ(finished.exit_code, 78);
  EXPECT_NE(finished.err.find("SKILL_VERIFIER_WORKRES: unknown; the nearest known one is SKILL_VERIFIER_WORKERS"),
            std::string::npos)
      << finished.err;
  EXPECT_NE(finished.err.find("--set: workers: '0'"), std::string::npos) << finished.err;
  EXPECT_NE(finished.err.find("listen.address: 'nowhere'"), std::string::npos) << finished.err;
  EXPECT_EQ(finished.err.find("TEST_ANYTHING"), std::string::npos) << finished.err;
}

TEST(Program, AnswersVersionAndUsage) {
  EXPECT_EQ(run({program("skill-verifier").string(), "version"}).out, "skill-verifier 0.1.0\n");
  EXPECT_EQ(run({program("skill-verifier").string(), "frobnicate"}).exit_code, 64);
  EXPECT_EQ(run({program("skill-verifier").string(), "--help"}).exit_code, 0);
}

}  // namespace
}  // namespace skill_verifier::e2e
