#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <sstream>

#include "e2e/harness.hpp"
#include "e2e/simulator.hpp"

/// `submit`, `status`, `logs`, `cancel`, `list` and `completion` as a user runs them, against the real service.
namespace skill_verifier::e2e {
namespace {

fs::path example(const std::string& name) {
  return source_dir() / "examples" / name;
}

/// A port that was free a moment ago.
std::string free_port() {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(bind(probe, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size), 0);
  close(probe);
  return std::to_string(ntohs(address.sin_port));
}

class Client : public testing::Test {
 protected:
  void SetUp() override { SKILL_VERIFIER_NEEDS_ENGINE(); }
  Daemon& daemon() {
    if (!daemon_) daemon_.emplace();
    return *daemon_;
  }
  Finished client(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), program("skill-verifier").string());
    return run(arguments, {{"SKILL_VERIFIER_SERVER", daemon().url()}});
  }
  std::string sleeper(const std::string& command) const {
    work_.write("sleeper/SKILL.md",
                "---\nname: sleeper\ndescription: Sleeps.\nmetadata:\n  test_timeout: 120s\n  test_command: " +
                    command + "\n---\n");
    return (work_.path() / "sleeper").string();
  }
  static std::string id_of(const Finished& submitted) { return submitted.out.substr(0, submitted.out.find('\n')); }

  TempDir work_;
  std::optional<Daemon> daemon_;
};

TEST_F(Client, ExitsAsTheVerdictSays) {
  const Finished passed = client({"submit", example("hello-world").string(), "--wait"});
  EXPECT_EQ(passed.exit_code, 0) << passed.err;
  EXPECT_EQ(passed.out.find("passed  hello-world@"), 0u) << passed.out;
  EXPECT_EQ(passed.err.find('\r'), std::string::npos) << "progress of a pipe is lines";
  EXPECT_EQ(client({"submit", example("failing-skill").string(), "--wait", "-q"}).exit_code, 1);
  EXPECT_EQ(client({"submit", example("untested-skill").string(), "--wait", "-q"}).exit_code, 2);
  const Finished refused = client({"submit", example("hostile").string(), "--wait", "-q"});
  EXPECT_EQ(refused.exit_code, 3) << refused.out;
}

TEST_F(Client, SendsAFolderAsTheServiceWouldReadItItself) {
  work_.write("tool/SKILL.md", "---\nname: tool\ndescription: x\nmetadata:\n  test_command: ./run\n---\n");
  work_.write("tool/run", "#!/bin/sh\ntest -x data.bin && test ! -x plain.txt && echo ran\n", true);
  work_.write("tool/data.bin", "bytes", true);
  work_.write("tool/plain.txt", "bytes");
  const Finished sent = client({"submit", (work_.path() / "tool").string(), "--wait", "--json", "--nonce", "n 1&2"});
  ASSERT_EQ(sent.exit_code, 0) << sent.out << sent.err;
  const Json job = Json::parse(sent.out);
  EXPECT_EQ(job["result"]["result"]["stdout"], "ran\n");
  const Json read = daemon().verify(work_.path() / "tool");
  EXPECT_EQ(job["result"]["subject"]["treeDigest"], read["result"]["subject"]["treeDigest"]);
}

TEST_F(Client, SubmitsWithoutWaitingThenFollowsTheLogAndTheState) {
  const Finished submitted = client({"submit", sleeper("'echo begun; sleep 3; echo over'")});
  ASSERT_EQ(submitted.exit_code, 0) << submitted.err;
  const std::string id = id_of(submitted);
  EXPECT_EQ(client({"status", id}).exit_code, 75);
  const Finished log = client({"logs", "-f", id});
  EXPECT_EQ(log.exit_code, 0) << log.err;
  EXPECT_NE(log.out.find("begun"), std::string::npos);
  EXPECT_NE(log.out.find("over"), std::string::npos);
  const Finished status = client({"status", "--wait", id});
  EXPECT_EQ(status.exit_code, 0) << status.out << status.err;
  const Finished list = client({"list", "--status", "completed"});
  EXPECT_NE(list.out.find(id + "  completed"), std::string::npos) << list.out;
  EXPECT_EQ(Json::parse(client({"list", "--json", "-n", "1"}).out)["jobs"].size(), 1u);
}

TEST_F(Client, CancelsAJobThatRuns) {
  const std::string id = id_of(client({"submit", sleeper("sleep 100")}));
  const Finished cancelled = client({"cancel", id});
  EXPECT_EQ(cancelled.exit_code, 0) << cancelled.err;
  const Finished gone = client({"status", id});
  EXPECT_EQ(gone.exit_code, 3);
  EXPECT_NE(gone.err.find("404"), std::string::npos) << gone.err;
}

TEST_F(Client, GoesOnWaitingWhenTheServiceIsKilledAndComesBack) {
  // It comes back on the port that it had.
  daemon_.emplace("", std::map<std::string, std::string>{{"PORT", free_port()}});
  const std::string id = id_of(client({"submit", sleeper("'sleep 8; echo done'")}));
  Process waiting({program("skill-verifier").string(), "status", "--wait", id},
                  {{"SKILL_VERIFIER_SERVER", daemon().url()}}, work_.path() / "log");
  waiting.wait_for_line("ing");  // pending or running
  daemon().kill_hard();
  waiting.wait_for_line("trying again");
  daemon().start();
  EXPECT_EQ(waiting.wait(std::chrono::seconds(120)).value_or(-1), 0) << waiting.log();
  EXPECT_NE(waiting.log().find("passed  sleeper"), std::string::npos) << waiting.log();
}

TEST_F(Client, SaysWhatIsWrongWithTheServer) {
  const std::string self = program("skill-verifier").string();
  const Finished nobody = run({self, "list", "--server", "http://127.0.0.1:1"});
  EXPECT_EQ(nobody.exit_code, 3);
  EXPECT_NE(nobody.err.find("http://127.0.0.1:1"), std::string::npos) << nobody.err;
  EXPECT_EQ(run({self, "list", "--server", "localhost:3000"}).exit_code, 64);
  EXPECT_EQ(run({self, "status", "not-an-id"}).exit_code, 64);
  const Finished tls = run({self, "list", "--server", "https://127.0.0.1:" + std::to_string(daemon().port())});
  EXPECT_EQ(tls.exit_code, 3);
  const Finished prefix = run({self, "list", "--server", daemon().url() + "/elsewhere"});
  EXPECT_EQ(prefix.exit_code, 3);
  EXPECT_NE(prefix.err.find("404"), std::string::npos) << prefix.err;
}

TEST_F(Client, AsksTheServerThatTheOptionNames) {
  const std::map<std::string, std::string> elsewhere = {{"SKILL_VERIFIER_SERVER", "http://127.0.0.1:1"}};
  const auto asked = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), program("skill-verifier").string());
    arguments.insert(arguments.end(), {"--server", daemon().url()});
    return run(arguments, elsewhere);
  };
  const Finished submitted = asked({"submit", example("hello-world").string()});
  ASSERT_EQ(submitted.exit_code, 0) << submitted.err;
  const std::string id = id_of(submitted);
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"status", "--wait", id}, {"logs", id}, {"list"}, {"cancel", id}}) {
    const Finished answered = asked(command);
    EXPECT_EQ(answered.exit_code, 0) << command[0] << ": " << answered.err;
  }
}

TEST_F(Client, WarnsOfAKeyThatOthersCanRead) {
  const Finished shown = client({"list", "--api-key", "k"});
  EXPECT_NE(shown.err.find("warning: --api-key"), std::string::npos) << shown.err;
  const fs::path file = work_.write("key", "from-a-file\n");
  fs::permissions(file, fs::perms(0644));
  const Finished readable = client({"list", "--api-key-file", file.string()});
  EXPECT_NE(readable.err.find("warning: the API key file can be read by every user of this machine (mode 0644)"),
            std::string::npos)
      << readable.err;
  fs::permissions(file, fs::perms(0600));
  const Finished hidden = client({"list", "--api-key-file", file.string()});
  EXPECT_EQ(hidden.err.find("warning"), std::string::npos) << hidden.err;
  EXPECT_NE(hidden.err.find("key_invalid"), std::string::npos) << "the file's key was sent: " << hidden.err;
  EXPECT_EQ(client({"list", "--api-key-file", work_.write("bad", "two\nlines").string()}).exit_code, 64);
}

/// The service under a simulated TEE.
class CheckedClient : public Client {
 protected:
  void SetUp() override {
    Client::SetUp();
    if (IsSkipped()) return;
    simulator_.emplace();
    daemon_.emplace("attestation: {pccs: off}\n",
                    std::map<std::string, std::string>{{"DSTACK_SOCKET", simulator_->socket()}});
  }
  Finished check(const std::string& path, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"submit",
                                          path,
                                          "--check",
                                          "--trust-root",
                                          simulator_->state("root_ca.pem").string(),
                                          "--collateral",
                                          simulator_->state("collateral.json").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return client(arguments);
  }
  std::optional<Simulator> simulator_;
};

bool passed(const Json& report, const std::string& row) {
  return std::ranges::any_of(report["rows"],
                             [&](const Json& each) { return each["id"] == row && each["outcome"] == "passed"; });
}

TEST_F(CheckedClient, SaysPassedOnlyAfterItsOwnCheckOfPackageNonceAndQuote) {
  const Finished valid = check(example("hello-world").string(), {"--json"});
  ASSERT_EQ(valid.exit_code, 0) << valid.out << valid.err;
  const Json report = Json::parse(valid.out)["check"];
  EXPECT_EQ(report["verdict"], "valid");
  EXPECT_EQ(report["simulated"], true);
  EXPECT_TRUE(passed(report, "nonce")) << report.dump(2);
  EXPECT_TRUE(passed(report, "subject")) << report.dump(2);
  EXPECT_EQ(check(example("failing-skill").string()).exit_code, 1);
  EXPECT_EQ(check(example("untested-skill").string()).exit_code, 2);
}

TEST_F(CheckedClient, HasAnExitCodeOfItsOwnForEvidenceThatDoesNotHold) {
  const Finished foreign = client({"submit", example("hello-world").string(), "--check"});
  EXPECT_TRUE(foreign.exit_code == 4 || foreign.exit_code == 5) << foreign.exit_code << foreign.out;
  EXPECT_EQ(foreign.out.find("\npassed"), std::string::npos) << foreign.out;
  const Finished other = check(example("hello-world").string(), {"--compose-hash", std::string(64, 'a')});
  EXPECT_EQ(other.exit_code, 4) << other.out;
  EXPECT_NE(other.out.find("attestation invalid"), std::string::npos) << other.out;
}

TEST_F(Client, SaysIncompleteWhereThereIsNoQuote) {
  const Finished none = client({"submit", example("hello-world").string(), "--check"});
  EXPECT_EQ(none.exit_code, 5) << none.out << none.err;
  EXPECT_EQ(none.out.find("\npassed"), std::string::npos) << none.out;
}

/// A shell that reads its own script and completes as it does at a prompt.
class Completion : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (run({"sh", "-c", std::string("command -v ") + GetParam()}).exit_code != 0)
      GTEST_SKIP() << "no " << GetParam() << " is installed: its completion was not tried";
    const Finished script = run({program("skill-verifier").string(), "completion", GetParam()});
    ASSERT_EQ(script.exit_code, 0) << script.err;
    script_ = work_.write("script", script.out).string();
  }

  /// What is offered for the last of these words, one a line.
  std::string offered(const std::vector<std::string>& words) const {
    const std::string shell = GetParam();
    const Finished finished = shell == "bash" ? in_bash(words) : shell == "zsh" ? in_zsh(words) : in_fish(words);
    EXPECT_EQ(finished.err, "");
    return "\n" + finished.out;
  }

  TempDir work_;

 private:
  static Finished with_words(std::vector<std::string> argv, const std::vector<std::string>& words) {
    argv.insert(argv.end(), words.begin(), words.end());
    return run(argv);
  }
  Finished in_bash(const std::vector<std::string>& words) const {
    return with_words({"bash", "-c",
                       "source '" + script_ +
                           "'; COMP_WORDS=(skill-verifier \"$@\"); COMP_CWORD=$#; _skill_verifier; "
                           "printf '%s\\n' \"${COMPREPLY[@]}\"",
                       "bash"},
                      words);
  }
  /// Zsh's own bashcompinit, with its last step, which is for a line editor alone, printing instead.
  Finished in_zsh(const std::vector<std::string>& words) const {
    return with_words({"zsh", "-f", "-c",
                       "autoload -U +X compinit && compinit -u -D; source '" + script_ +
                           "'; compset() { return 1 }; compadd() { print -rl -- ${(M)matches:#$PREFIX*} }; "
                           "words=(skill-verifier \"$@\"); CURRENT=$#words; PREFIX=$words[-1]; "
                           "eval \"${_comps[skill-verifier]}\"",
                       "zsh"},
                      words);
  }
  Finished in_fish(const std::vector<std::string>& words) const {
    // A description follows each word behind a tab.
    return with_words({"fish", "--no-config", "-c",
                       "source '" + script_ +
                           "'; complete -C (string join ' ' -- skill-verifier $argv) | string replace -r '\\t.*' ''"},
                      words);
  }

  std::string script_;
};

TEST_P(Completion, OffersEveryCommandAndEveryOptionThatHelpNames) {
  const std::string self = program("skill-verifier").string();
  const std::string first = offered({""});
  std::istringstream lines(run({self, "--help"}).out);
  bool below = false;
  int commands = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("Subcommands:")) below = true;
    if (!below || !line.starts_with("  ") || line[2] == ' ') continue;
    const std::string command = line.substr(2, line.find(' ', 2) - 2);
    ++commands;
    EXPECT_NE(first.find("\n" + command + "\n"), std::string::npos) << command;
    const std::string options = offered({command, "-"});
    std::istringstream help(run({self, command, "--help"}).out);
    for (std::string option; std::getline(help, option);) {
      if (!option.starts_with("  -")) continue;
      std::istringstream names(option.substr(2, option.find(' ', 2) - 2));
      for (std::string name; std::getline(names, name, ',');)
        EXPECT_NE(options.find("\n" + name + "\n"), std::string::npos) << command << " " << name;
    }
  }
  EXPECT_GE(commands, 10);
}

TEST_P(Completion, OffersWhatFitsTheBeginning) {
  EXPECT_EQ(offered({"sub"}), "\nsubmit\n");
  EXPECT_EQ(offered({"submit", "--idem"}), "\n--idempotency-key\n");
  EXPECT_EQ(offered({"keys", "rot"}), "\nrotate\n");
  EXPECT_EQ(offered({"keys", "rotate", "--gr"}), "\n--grace\n");
  const std::string file = work_.write("a-file", "").string();
  EXPECT_EQ(offered({"submit", "--trust-root", file.substr(0, file.size() - 4)}), "\n" + file + "\n");
}

INSTANTIATE_TEST_SUITE_P(Shells, Completion, testing::Values("bash", "zsh", "fish"),
                         [](const auto& shell) { return std::string(shell.param); });

TEST(CompletionCommand, RefusesOtherShells) {
  EXPECT_EQ(run({program("skill-verifier").string(), "completion", "tcsh"}).exit_code, 64);
}

}  // namespace
}  // namespace skill_verifier::e2e
