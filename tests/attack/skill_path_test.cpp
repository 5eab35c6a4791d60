#include <unistd.h>

#include "attack/attacked.hpp"

/// `skillPath`: folders of the service's machine, named by a stranger.
namespace skill_verifier::attack {
namespace {

namespace fs = std::filesystem;

class SkillPath : public Attacked {
 protected:
  test::Answer submit(const std::string& path) const {
    test::Client client(port());
    return client.exchange(
        test::request_text("POST", "/verify", "Content-Type: application/json\r\n", Json{{"skillPath", path}}.dump()));
  }
  e2e::TempDir work_;
};

TEST_F(SkillPath, LeadsNowhereButBeneathTheRoots) {
  const std::string examples = (e2e::source_dir() / "examples").string();
  fs::create_directory_symlink("/etc", work_.path() / "link");
  for (const std::string& path :
       {std::string("/etc"), std::string("/proc/self"), std::string("/"), std::string("../../etc"),
        examples + "/../../../../../../../../etc", examples + "/hello-world/../../src", "file://" + examples,
        std::string("./examples/hello-world\0/etc", 27), (work_.path() / "link").string(),
        (work_.path() / "link" / "ssl").string(), std::string(100'000, 'a'), std::string("~root"), std::string("$HOME"),
        std::string("http://169.254.169.254/latest/")}) {
    SCOPED_TRACE(path.substr(0, 80));
    const auto answer = submit(path);
    EXPECT_GE(answer.status, 400);
    EXPECT_LT(answer.status, 500) << answer.body;
    EXPECT_EQ(answer.body.find("passwd"), std::string::npos);
  }
}

TEST_F(SkillPath, RefusesLinksAndSpecialFilesInside) {
  const std::string manifest = "---\nname: x\ndescription: x\nmetadata:\n  test_command: cat f\n---\n";
  const auto skill = [&](const std::string& name) {
    work_.write(name + "/SKILL.md", manifest);
    return work_.path() / name;
  };
  fs::create_symlink("/etc/shadow", skill("symbolic") / "f");
  fs::create_hard_link(work_.write("secret", "secret"), skill("hard") / "f");
  ASSERT_EQ(mkfifo((skill("pipe") / "f").c_str(), 0600), 0);
  for (const std::string name : {"symbolic", "hard", "pipe"}) {
    const auto answer = submit((work_.path() / name).string());
    EXPECT_EQ(answer.status, 422) << name << answer.body;
  }
}

/// The folder is exchanged for a link to another one all the time: a job must be of the one tree or refused.
TEST_F(SkillPath, LosesNoRaceAgainstLinks) {
  const std::string manifest = "---\nname: x\ndescription: x\nmetadata:\n  test_command: cat f\n---\n";
  work_.write("real/SKILL.md", manifest);
  work_.write("real/f", "harmless");
  // What must not be read lies beyond every root of the service, wherever the checkout is.
  const fs::path outside = fs::path("/var/tmp") / ("skill-verifier-outside-" + std::to_string(getpid()));
  fs::create_directories(outside);
  std::ofstream(outside / "SKILL.md") << manifest;
  std::ofstream(outside / "f") << "the secret of this host";
  fs::create_directory_symlink(outside, work_.path() / "other");
  const fs::path name = work_.path() / "skill";
  fs::rename(work_.path() / "real", name);
  std::atomic<bool> done = false;
  std::thread flipper([&] {
    while (!done) {
      fs::rename(name, work_.path() / "aside");
      fs::rename(work_.path() / "other", name);
      fs::rename(name, work_.path() / "other");
      fs::rename(work_.path() / "aside", name);
    }
  });
  std::vector<std::string> jobs;
  for (int i = 0; i < 60; ++i) {
    const auto answer = submit(name.string());
    EXPECT_TRUE(answer.status == 202 || (answer.status >= 400 && answer.status < 500)) << answer.body;
    if (answer.status == 202) jobs.push_back(Json::parse(answer.body)["jobId"]);
  }
  done = true;
  flipper.join();
  for (const std::string& id : jobs) {
    const Json job = daemon_->wait(id);
    EXPECT_EQ(job["result"]["result"]["stdout"], "harmless") << job.dump(2);
  }
  fs::remove_all(outside);
}

}  // namespace
}  // namespace skill_verifier::attack
