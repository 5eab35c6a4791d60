#include "app/client_commands.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "app/commands.hpp"
#include "support/paths.hpp"
#include "support/scripted_server.hpp"

namespace skill_verifier::app {
namespace {

using test::ScriptedServer;

using Arguments = std::vector<std::string>;

const std::string kId(32, 'a');

/// Each command that talks to a service, with what it needs.
std::vector<Arguments> commands() {
  const auto skill = (test::source_dir() / "examples" / "hello-world").string();
  return {{"submit", skill}, {"status", kId}, {"logs", kId}, {"cancel", kId}, {"list"}};
}

/// A variable for the length of a test.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { setenv(name, value.c_str(), 1); }
  ~Variable() { unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

struct Ran {
  int exit_code = -1;
  std::string out, err;
};

Ran run(Arguments arguments, const Arguments& more = {}) {
  arguments.insert(arguments.begin(), "skill-verifier");
  arguments.insert(arguments.end(), more.begin(), more.end());
  std::vector<char*> argv;
  argv.reserve(arguments.size());
  for (std::string& argument : arguments)
    argv.push_back(argument.data());
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Ran ran;
  ran.exit_code = run_program(static_cast<int>(argv.size()), argv.data());
  ran.out = testing::internal::GetCapturedStdout();
  ran.err = testing::internal::GetCapturedStderr();
  return ran;
}

TEST(ClientCommands, AskTheServerOfTheOptionBeforeThatOfTheVariable) {
  for (const Arguments& command : commands()) {
    const ScriptedServer meant(test::routes({})), other(test::routes({}));
    const Variable variable("SKILL_VERIFIER_SERVER", other.url());
    const Ran ran = run(command, {"--server", meant.url()});
    EXPECT_EQ(ran.exit_code, exit_error) << command[0] << ": " << ran.err;
    EXPECT_EQ(meant.requests().size(), 1u) << command[0];
    EXPECT_EQ(other.requests().size(), 0u) << command[0];
  }
}

TEST(ClientCommands, AskTheServerOfTheVariableWithoutTheOption) {
  for (const Arguments& command : commands()) {
    const ScriptedServer server(test::routes({}));
    const Variable variable("SKILL_VERIFIER_SERVER", server.url());
    run(command);
    EXPECT_EQ(server.requests().size(), 1u) << command[0];
  }
}

TEST(ClientCommands, SendTheKeyOfTheOptionBeforeThatOfTheVariable) {
  for (const Arguments& command : commands()) {
    const ScriptedServer server(test::routes({}));
    const Variable variable("SKILL_VERIFIER_API_KEY", "of-the-variable");
    run(command, {"--server", server.url(), "--api-key", "of-the-option"});
    ASSERT_EQ(server.requests().size(), 1u) << command[0];
    EXPECT_EQ(server.requests()[0].header("Authorization"), "Bearer of-the-option") << command[0];
  }
}

TEST(ClientCommands, NameTheirVariablesAndTheAddressThatCounts) {
  const Variable variable("SKILL_VERIFIER_SERVER", "http://verifier.example");
  for (const Arguments& command : commands()) {
    const Ran help = run({command[0], "--help"});
    EXPECT_EQ(help.exit_code, exit_ok);
    for (const char* const text : {"(SKILL_VERIFIER_SERVER)", "SKILL_VERIFIER_API_KEY", "=http://verifier.example"})
      EXPECT_NE(help.out.find(text), std::string::npos) << text << ": " << help.out;
  }
}

TEST(ClientCommands, TakeAnEmptyVariableForNone) {
  const Variable variable("SKILL_VERIFIER_SERVER", "");
  const Ran help = run({"list", "--help"});
  EXPECT_NE(help.out.find("=http://127.0.0.1:3000"), std::string::npos) << help.out;
}

}  // namespace
}  // namespace skill_verifier::app
