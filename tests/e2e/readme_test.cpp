#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "e2e/collateral_stub.hpp"
#include "e2e/harness.hpp"
#include "e2e/offline.hpp"
#include "e2e/simulator.hpp"
#include "skill_verifier/core/sha2.hpp"

/// README, "Check a result yourself": the commands of its text, as they stand there. Only addresses and places are
/// other ones, and the simulator's root is trusted, whose quotes these are.
namespace skill_verifier::e2e {
namespace {

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << "the README no longer says: " << from;
  if (at != std::string::npos) text.replace(at, from.size(), to);
  return text;
}

/// The ```bash blocks of the section.
std::vector<std::string> commands() {
  auto text = read(source_dir() / "README.md");
  text = text.substr(text.find("### Check a result yourself"));
  text = text.substr(0, text.find("\n### ", 1));
  std::vector<std::string> blocks;
  const std::string begin = "```bash\n";
  for (auto at = text.find(begin); at != std::string::npos; at = text.find(begin, at)) {
    at += begin.size();
    const auto end = text.find("```", at);
    blocks.push_back(text.substr(at, end - at));
    at = end;
  }
  return blocks;
}

/// The program as the reader calls it, with the simulator's root among what it trusts.
fs::path trusting_program(const TempDir& directory, const Simulator& simulator) {
  return directory.write(
      "bin/skill-verifier",
      "#!/bin/sh\ncase \" $* \" in *\" --trust-root \"*) set -- \"$@\" ;; *) set -- \"$@\" --trust-root " +
          simulator.state("root_ca.pem").string() + " ;; esac\nexec " + program("skill-verifier").string() +
          " \"$@\"\n",
      true);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);)
    lines.push_back(line);
  return lines;
}

std::string first_word(const std::string& line) {
  return line.substr(0, line.find(' '));
}

class Readme : public testing::Test {
 protected:
  void SetUp() override {
    SKILL_VERIFIER_NEEDS_ENGINE();
    simulator_.emplace();
    pccs_.emplace(test::routes(served_collateral(Json::parse(read(simulator_->state("collateral.json"))))));
    daemon_.emplace("attestation: {pccs: \"" + pccs_->url() + "\"}\n",
                    std::map<std::string, std::string>{{"DSTACK_SOCKET", simulator_->socket()}});
    trusting_program(work_, *simulator_);
    const auto skill = work_.path() / "my-skill";
    fs::copy(source_dir() / "examples" / "hello-world", skill, fs::copy_options::recursive);
    fs::copy(simulator_->state("app-compose.json"), work_.path() / "app-compose.json");
    fs::copy(simulator_->state("measurements.json"), work_.path() / "known-images.json");
    fs::create_directory_symlink(simulator_->state(""), work_.path() / "state");
    const Finished tar = run({"tar", "-C", work_.path().string(), "-czf", skill.string() + ".tar.gz", "my-skill"});
    ASSERT_EQ(tar.exit_code, 0) << tar.err;
  }

  /// The first block names what the later ones use.
  std::string first_block() const {
    auto text = replaced(commands().at(0), "$PWD/build/release/bin", (work_.path() / "bin").string());
    return replaced(text, "http://localhost:3000", daemon_->url());
  }
  Finished run_script(const std::string& text) const {
    const auto script = work_.write("script.sh", "set -euo pipefail\ncd " + work_.path().string() + "\n" + text);
    return run({"bash", script.string()});
  }

  TempDir work_;
  std::optional<Simulator> simulator_;
  std::optional<test::ScriptedServer> pccs_;
  std::optional<Daemon> daemon_;
};

TEST_F(Readme, ItsChecksWithOurProgramSayValid) {
  const auto blocks = commands();
  ASSERT_EQ(blocks.size(), 4u);
  // Of the third the simulator and ./dev up, which are running already, are left out.
  const auto with_simulator = blocks[2].substr(blocks[2].find("skill-verifier check"));
  const Finished finished = run_script(first_block() + blocks[1] + with_simulator);
  ASSERT_EQ(finished.exit_code, 0) << finished.out << finished.err;
  const auto lines = lines_of(finished.out);
  EXPECT_EQ(lines.at(0), "\"completed\"");
  EXPECT_EQ(std::ranges::count_if(lines, [](const auto& line) { return line.starts_with("VALID, SIMULATED"); }), 4)
      << finished.out;
}

TEST_F(Readme, ItsStepsByHandFindTheSameValuesOnBothSides) {
  // The third step's verifier knows Intel's root alone; it is run on a genuine quote by interop.readme_npm.
  auto by_hand = commands().at(3);
  const auto npm = by_hand.find("npm install"), end = by_hand.find('\n', by_hand.find("node check.mjs"));
  ASSERT_LT(npm, end);
  by_hand.erase(npm, end - npm);
  const Finished finished = run_script(first_block() + "echo BY HAND\n" + by_hand);
  ASSERT_EQ(finished.exit_code, 0) << finished.out << finished.err;
  const Json document = Json::parse(read(work_.path() / "attestation.json"));

  const auto lines = lines_of(finished.out.substr(finished.out.find("BY HAND\n") + 8));
  ASSERT_GT(lines.size(), 10u) << finished.out;
  EXPECT_EQ(first_word(lines[0]), document["attestation"]["resultHash"].get<std::string>());
  EXPECT_EQ(first_word(lines[1]), lines[2]) << "report data";
  EXPECT_EQ(lines[2].size(), 128u);
  const auto ready = std::ranges::find_if(lines, [](const auto& line) { return line.ends_with(" system-ready "); });
  ASSERT_NE(ready, lines.end()) << finished.out;
  ASSERT_GT(lines.end() - ready, 3) << finished.out;
  EXPECT_EQ(first_word(*ready), *(ready + 1)) << "RTMR3";
  const auto compose = first_word(*(ready + 2));
  EXPECT_TRUE(std::ranges::any_of(lines, [&](const auto& line) { return line.ends_with(" compose-hash " + compose); }))
      << finished.out;
  EXPECT_NE(finished.out.find("\"dirHash1\": \"" + first_word(lines.back()) + "\""), std::string::npos) << finished.out;
}

}  // namespace
}  // namespace skill_verifier::e2e
