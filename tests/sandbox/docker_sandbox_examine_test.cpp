#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "sandbox/docker_fixture.hpp"
#include "support/paths.hpp"

namespace skill_verifier::test {
namespace {

using sandbox::Watched;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using What = Watched::What;

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Several commands in one container of the image `base`, and what its init sees of them.
class Examine : public DockerFixture {
 protected:
  void SetUp() override {
    const char* image = std::getenv("SKILL_VERIFIER_TEST_IMAGE");
    options_.toolbox = image != nullptr ? image : "skill-verifier.local/busybox:test";
    DockerFixture::SetUp();
  }

  sandbox::ExamineRequest request_of(const std::vector<std::string>& lines, bool watch = true) {
    sandbox::ExamineRequest made;
    made.job_id = core::new_job_id();
    made.pack = pack(PackBuilder().file("hello.txt", "hello\n"));
    made.limits.memory_bytes = 64u << 20;
    for (const auto& line : lines) {
      sandbox::ExamineRequest::Command command;
      command.spec.argv = {"/bin/sh", "-c", line};
      command.watch = watch;
      made.commands.push_back(std::move(command));
    }
    return made;
  }
  Result<sandbox::ExamineResult> examine(sandbox::ExamineRequest request) {
    return await(io_, sandbox_->examine(std::move(request)));
  }
  sandbox::ExamineResult must_examine(sandbox::ExamineRequest request) {
    auto result = examine(std::move(request));
    EXPECT_TRUE(result) << result.error().message;
    return result ? *result : sandbox::ExamineResult{};
  }
  /// What one shell line was seen to ask for.
  Watched watched(const std::string& line) {
    const auto result = must_examine(request_of({line}));
    EXPECT_EQ(result.runs.size(), 1u) << result.stopped;
    if (result.runs.empty() || !result.runs[0].watched) return {};
    EXPECT_TRUE(result.runs[0].watched->calls) << "the kernel shows no calls";
    EXPECT_TRUE(result.runs[0].watched->network);
    EXPECT_EQ(result.runs[0].watched->unreadable, 0u);
    return *result.runs[0].watched;
  }
  static Watched::Asked asked(What what, std::string target, std::uint32_t times = 1) {
    return {what, std::move(target), times};
  }
};

TEST_F(Examine, RunsCommandsOneAfterTheOtherInOneContainer) {
  const auto result = must_examine(request_of(
      {"cat hello.txt; echo left >/tmp/note; sleep 1000 & exit 3", "cat /tmp/note; kill -9 $$", "ps"}, false));
  ASSERT_EQ(result.runs.size(), 3u) << result.stopped;
  EXPECT_EQ(result.stopped, "");
  EXPECT_EQ(result.image.reference, options_.toolbox);
  EXPECT_EQ(result.image.id, base_.id);
  EXPECT_EQ(result.runs[0].exit_code, 3);
  EXPECT_EQ(result.runs[0].out.text(), "hello\n");
  EXPECT_EQ(result.runs[1].exit_code, 128 + 9);
  EXPECT_EQ(result.runs[1].out.text(), "left\n") << "files stay";
  EXPECT_THAT(result.runs[2].out.text(), Not(HasSubstr("sleep"))) << "processes do not";
  EXPECT_FALSE(result.runs[0].watched);
  EXPECT_TRUE(await(io_, all_gone()));
}

TEST_F(Examine, ACommandThatHangsDoesNotKeepTheNextOneFromRunning) {
  auto request = request_of({"sleep 1000", "echo next"});
  request.commands[0].spec.timeout = std::chrono::milliseconds(300);
  const auto result = must_examine(std::move(request));
  ASSERT_EQ(result.runs.size(), 2u) << result.stopped;
  EXPECT_EQ(result.runs[0].outcome, sandbox::Outcome::timeout);
  EXPECT_EQ(result.runs[1].out.text(), "next\n");
}

class ExamineOfImage : public Examine {
 protected:
  /// What the first command, which is of the image, says in a run of its own.
  std::string said(const std::string& line, bool of_image = true) {
    auto request = request_of({line, "echo second"}, false);
    request.commands[0].of_image = of_image;
    const auto result = must_examine(std::move(request));
    EXPECT_EQ(result.runs.size(), 2u) << result.stopped;
    if (result.runs.size() != 2) return {};
    EXPECT_EQ(result.runs[1].out.text(), "second\n");
    return result.runs[0].out.text();
  }
  static constexpr const char* kNeverTwice = "cat /proc/sys/kernel/random/uuid";
};

TEST_F(ExamineOfImage, ACommandIsNotRunAgain) {
  const auto first = said(kNeverTwice);
  EXPECT_EQ(said(kNeverTwice), first);
  EXPECT_NE(said(kNeverTwice, false), first) << "asked for as any other";
  EXPECT_NE(said(std::string(kNeverTwice) + "; :"), first) << "another command";
}

TEST_F(ExamineOfImage, ACommandThatFailedIsRunAgain) {
  const auto failing = std::string(kNeverTwice) + "; exit 1";
  const auto first = said(failing);
  EXPECT_NE(said(failing), first);
}

TEST_F(Examine, BeginsNothingThatMightEndTooLate) {
  auto request = request_of({"echo first", "echo second"});
  request.limit = std::chrono::seconds(100);
  request.commands[1].spec.timeout = std::chrono::seconds(200);
  const auto result = must_examine(std::move(request));
  ASSERT_EQ(result.runs.size(), 1u);
  EXPECT_THAT(result.stopped, HasSubstr("time"));
}

TEST_F(Examine, SeesWritesOutsideOfWhereASkillMay) {
  EXPECT_THAT(watched("echo x >/etc/passwd; echo y >>/etc/passwd; mkdir /usr/evil").asked,
              ElementsAre(asked(What::write, "/etc/passwd", 2), asked(What::write, "/usr/evil")));
  EXPECT_THAT(watched("cd /usr && rm -f bin/curl; mv /bin/sh /bin/sh.old").asked,
              Contains(asked(What::write, "/usr/bin/curl")));
  EXPECT_THAT(watched("ln -s /etc /tmp/innocent; echo x >/tmp/innocent/shadow").asked,
              ElementsAre(asked(What::write, "/etc/shadow")))
      << "a link does not hide where it leads";
  EXPECT_THAT(watched("of=root; echo x >/proc/self/$of/etc/motd").asked, ElementsAre(asked(What::write, "/etc/motd")));
}

TEST_F(Examine, SeesModesTimesAndAttributes) {
  EXPECT_THAT(watched("chmod 777 /etc/passwd").asked, ElementsAre(asked(What::write, "/etc/passwd")));
  EXPECT_THAT(watched("touch -c /etc/passwd").asked, ElementsAre(asked(What::write, "/etc/passwd")));
  const std::vector<std::string> calls{"utime",    "utimes",    "futimesat",   "utimensat",
                                       "setxattr", "lsetxattr", "removexattr", "lremovexattr"};
  std::vector<std::string> lines;
  for (const auto& call : calls)
    lines.push_back("./probe change " + call + " /etc/passwd");
  lines.emplace_back("./probe change futimens /etc/passwd");
  lines.emplace_back("ln -s /etc/passwd /tmp/link; ./probe change utimensat-link /tmp/link");
  lines.emplace_back("./probe change utimensat /tmp/link; ./probe change lsetxattr /tmp/link");
  lines.emplace_back("touch /tmp/a; for call in utimes setxattr; do ./probe change $call /tmp/a; done");
  auto request = request_of(lines);
  request.pack = pack(PackBuilder().executable("probe", read_file(binary_dir() / "bin/skill-verifier-hostile-probe")));
  const auto result = must_examine(std::move(request));
  ASSERT_EQ(result.runs.size(), lines.size()) << result.stopped;
  const auto seen = [&result](std::size_t run) { return result.runs[run].watched.value_or(Watched{}); };
  for (std::size_t i = 0; i < calls.size(); ++i)
    EXPECT_THAT(seen(i).asked, ElementsAre(asked(What::write, "/etc/passwd"))) << calls[i];
  EXPECT_THAT(seen(calls.size()).asked, IsEmpty()) << "of a descriptor that was opened for reading";
  EXPECT_EQ(seen(calls.size()).unreadable, 0u);
  EXPECT_THAT(seen(calls.size() + 1).asked, IsEmpty()) << "the link is its own";
  EXPECT_THAT(seen(calls.size() + 2).asked, ElementsAre(asked(What::write, "/etc/passwd"))) << "where it leads is not";
  EXPECT_THAT(seen(calls.size() + 3).asked, IsEmpty());
}

TEST_F(Examine, SeesWhoseOwnerIsChangedThroughALink) {
  auto request =
      request_of({"ln -s /etc/passwd link; ./probe change fchownat link", "./probe change fchownat-link link"});
  request.pack = pack(PackBuilder().executable("probe", read_file(binary_dir() / "bin/skill-verifier-hostile-probe")));
  const auto result = must_examine(std::move(request));
  ASSERT_EQ(result.runs.size(), 2u) << result.stopped;
  EXPECT_THAT(result.runs[0].watched.value_or(Watched{}).asked, ElementsAre(asked(What::write, "/etc/passwd")));
  EXPECT_THAT(result.runs[1].out.text(), HasSubstr("fchownat-link: ")) << "the call was made";
  EXPECT_THAT(result.runs[1].watched.value_or(Watched{}).asked, IsEmpty()) << "the link is its own";
}

TEST_F(Examine, SeesNothingInWhatASkillMay) {
  EXPECT_THAT(
      watched("echo x >/tmp/a; mkdir -p /tmp/b/c; echo y >/skill/z; rm /skill/z; echo >/dev/null; cat "
              "/etc/passwd >/dev/null; echo e >/dev/stderr; echo o >/proc/self/fd/1; (echo piped | cat >/tmp/p)")
          .asked,
      IsEmpty());
}

TEST_F(Examine, SeesConnectionsAndWhatTheNetworkCounted) {
  const auto tcp = watched("nc -w 1 203.0.113.7 443 </dev/null");
  EXPECT_THAT(tcp.asked, ElementsAre(asked(What::connect, "203.0.113.7:443")));
  EXPECT_GT(tcp.unroutable, 0u);
  const auto name = watched("nslookup example.com 203.0.113.53");
  EXPECT_THAT(name.asked, Contains(testing::Field(&Watched::Asked::target, HasSubstr("203.0.113.53:53"))));
  EXPECT_THAT(watched("(nc -l -p 8080 -e true >/dev/null & ); nc -w 1 127.0.0.1 8080 </dev/null").asked, IsEmpty())
      << "a server of its own is nobody else's";
}

TEST_F(Examine, CountsAfreshForEveryCommand) {
  const auto result = must_examine(request_of({"nc -w 1 203.0.113.7 443 </dev/null", "true"}));
  ASSERT_EQ(result.runs.size(), 2u) << result.stopped;
  EXPECT_GT(result.runs[0].watched->unroutable, 0u);
  EXPECT_EQ(result.runs[1].watched->unroutable, 0u);
  EXPECT_THAT(result.runs[1].watched->asked, IsEmpty());
}

TEST_F(Examine, ListsNoMoreThanItMay) {
  const auto seen =
      watched("i=0; while [ $i -lt 40 ]; do echo >/etc/f$i; i=$((i+1)); done; nc -w 1 203.0.113.7 443 </dev/null");
  EXPECT_EQ(seen.asked.size(), 9u) << "many of one kind do not hide the other";
  EXPECT_EQ(seen.asked.back(), asked(What::connect, "203.0.113.7:443"));
  EXPECT_EQ(seen.more, 32u);
}

TEST_F(Examine, AMissingProgramIsSaidByInit) {
  auto request = request_of({"true"});
  request.commands[0].spec.argv = {"no-such-interpreter", "x"};
  const auto result = must_examine(std::move(request));
  ASSERT_EQ(result.runs.size(), 1u) << result.stopped;
  EXPECT_EQ(result.runs[0].exit_code, 127);
}

TEST_F(Examine, SaysWhichImageIsMissing) {
  stop();
  options_.toolbox = "skill-verifier.local/no-such-image:1";
  start();
  const auto result = examine(request_of({"true"}));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().id, "image_missing");
  EXPECT_THAT(result.error().message, HasSubstr("no-such-image"));
}

}  // namespace
}  // namespace skill_verifier::test
