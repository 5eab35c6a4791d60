#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "sandbox/docker_fixture.hpp"

namespace skill_verifier::sandbox {
namespace {

using test::DockerFixture;
using test::PackBuilder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class DockerSandboxTest : public DockerFixture {};

TEST_F(DockerSandboxTest, RunsACommandOnThePackage) {
  const auto result = must_run(shell("cat hello.txt; ./run.sh one two; echo oops >&2"));
  EXPECT_EQ(result.outcome, Outcome::exited);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out.text(), "hello\nran one two\n");
  EXPECT_EQ(result.err.text(), "oops\n");
  EXPECT_EQ(result.out.total, 18u);
  EXPECT_FALSE(result.out.truncated);
  EXPECT_FALSE(result.memory_killed);
  EXPECT_GT(result.duration.count(), 0);
}

TEST_F(DockerSandboxTest, ReportsTheExitCodeAsAShellDoes) {
  EXPECT_EQ(must_run(shell("exit 7")).exit_code, 7);
  EXPECT_EQ(must_run(shell("kill -SEGV $$")).exit_code, 139);
  EXPECT_EQ(must_run(request({"/bin/missing"})).exit_code, 127);
  EXPECT_EQ(must_run(request({"/skill/hello.txt"})).exit_code, 126);
}

TEST_F(DockerSandboxTest, GivesTheCommandACleanEnvironment) {
  auto asked = request({"env"});
  asked.command.env = {{"GREETING", "hi there"}};
  EXPECT_EQ(must_run(std::move(asked)).out.text(),
            base_.env.at(0) + "\nHOME=/tmp\nPWD=/skill\nLANG=C.UTF-8\nGREETING=hi there\n");
}

TEST_F(DockerSandboxTest, RunsAsNobodyInTheSkillFolder) {
  const auto result = must_run(shell("id -u; id -g; pwd; stat -c '%u %a' . hello.txt run.sh; cat /proc/self/status"));
  EXPECT_THAT(result.out.text(), StartsWith("65534\n65534\n/skill\n65534 755\n65534 644\n65534 755\n"));
  EXPECT_THAT(result.out.text(), HasSubstr("CapEff:\t0000000000000000"));
  EXPECT_THAT(result.out.text(), HasSubstr("CapBnd:\t00000000000000c0"));
  EXPECT_THAT(result.out.text(), HasSubstr("NoNewPrivs:\t1"));
  EXPECT_THAT(result.out.text(), HasSubstr("Seccomp:\t2"));
}

TEST_F(DockerSandboxTest, HasLoopbackAndNothingElse) {
  const auto result =
      must_run(shell("tail -n +3 /proc/net/dev | cut -d: -f1; echo answer >/tmp/answer; (nc -l -p 8000 </tmp/answer &);"
                     "until nc 127.0.0.1 8000 2>/dev/null </dev/null; do :; done; nc 192.0.2.1 80"));
  EXPECT_EQ(result.out.text(), "    lo\nanswer\n");
  EXPECT_THAT(result.err.text(), HasSubstr("Network is unreachable"));
}

TEST_F(DockerSandboxTest, CanWriteOnlyWhereSizesAreCapped) {
  auto asked = shell(
      "for place in / /etc /bin /var/tmp /dev /sys /proc /root; do echo x >$place/probe && echo wrote $place; done;"
      "for place in /skill /tmp /dev/shm; do echo x >$place/probe && echo may write $place; done; exit 0");
  EXPECT_EQ(must_run(std::move(asked)).out.text(), "may write /skill\nmay write /tmp\nmay write /dev/shm\n");
  asked =
      shell("dd if=/dev/zero of=/skill/big bs=64k; dd if=/dev/zero of=/tmp/big bs=64k; stat -c %s /skill/big /tmp/big");
  asked.limits.skill_bytes = 1u << 20;
  asked.limits.tmp_bytes = 2u << 20;
  const auto result = must_run(std::move(asked));
  EXPECT_THAT(result.err.text(), HasSubstr("No space left on device"));
  // The package itself takes two pages.
  EXPECT_EQ(result.out.text(), "1040384\n2097152\n");
}

TEST_F(DockerSandboxTest, EndsACommandAtItsLimit) {
  auto asked = shell("echo begun; trap '' TERM; sleep 1000");
  asked.command.timeout = std::chrono::milliseconds(300);
  const auto result = must_run(std::move(asked));
  EXPECT_EQ(result.outcome, Outcome::timeout);
  EXPECT_EQ(result.exit_code, std::nullopt);
  EXPECT_EQ(result.out.text(), "begun\n");
}

TEST_F(DockerSandboxTest, EndsACommandAtThePolicysLimit) {
  auto asked = shell("sleep 1000");
  asked.command.timeout = std::chrono::hours(1);
  asked.limits.max_timeout = std::chrono::milliseconds(200);
  EXPECT_EQ(must_run(std::move(asked)).outcome, Outcome::timeout);
}

TEST_F(DockerSandboxTest, SurvivesAForkBomb) {
  auto asked = shell("bomb() { bomb | bomb & }; bomb & exec sleep 1000");
  asked.command.timeout = std::chrono::seconds(1);
  asked.limits.pids = 32;
  EXPECT_EQ(must_run(std::move(asked)).outcome, Outcome::timeout);
}

TEST_F(DockerSandboxTest, SaysThatTheCommandRanOutOfMemory) {
  auto asked = request({"tail", "/dev/zero"});
  asked.limits.memory_bytes = 24u << 20;
  const auto result = must_run(std::move(asked));
  EXPECT_EQ(result.outcome, Outcome::oom);
  EXPECT_EQ(result.exit_code, 137);
  EXPECT_TRUE(result.memory_killed);
}

TEST_F(DockerSandboxTest, SaysThatAChildRanOutOfMemory) {
  auto asked = shell("tail /dev/zero; exit 0");
  asked.limits.memory_bytes = 24u << 20;
  const auto result = must_run(std::move(asked));
  EXPECT_EQ(result.outcome, Outcome::oom);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(result.memory_killed);
}

TEST_F(DockerSandboxTest, ReportsOnACommandWhoseFilesFillTheMemory) {
  // Killing everybody does not free a tmpfs: what init has to say must need no more memory than it has.
  auto asked = shell("head -c 20000000 /dev/zero | tr '\\0' x; cat /dev/zero >/tmp/full; echo last");
  asked.limits.memory_bytes = 40u << 20;
  asked.limits.output_bytes = 8u << 20;
  const auto result = must_run(std::move(asked));
  EXPECT_EQ(result.outcome, Outcome::oom);
  EXPECT_TRUE(result.memory_killed);
  EXPECT_GE(result.out.total, 20'000'000u);
  EXPECT_EQ(result.out.kept().size(), 8u << 20);
}

TEST_F(DockerSandboxTest, WarnsOfRuntimesThatCanBeMoved) {
  stop();
  options_.images = {{"pinned", base_.id}, {"base", options_.images["base"]}, {"node", "node:20-alpine"}};
  testing::internal::CaptureStderr();
  start();
  const auto log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("runtimes=\"base → " + options_.images["base"] + ", node → node:20-alpine\"")) << log;
}

TEST_F(DockerSandboxTest, KeepsHeadAndTailOfALongOutput) {
  auto asked = shell("echo first; head -c 20000000 /dev/zero | tr '\\0' x; echo last");
  asked.limits.output_bytes = 4096;
  const auto result = must_run(std::move(asked));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(result.out.truncated);
  EXPECT_EQ(result.out.total, 20'000'011u);
  EXPECT_EQ(result.out.kept().size(), 4096u);
  EXPECT_THAT(result.out.head, StartsWith("first\nxxx"));
  EXPECT_THAT(result.out.tail, testing::EndsWith("xxxlast\n"));
}

TEST_F(DockerSandboxTest, HandsOnOutputAsItComes) {
  std::string seen;
  const auto sink = [&seen](StreamId stream, std::string_view bytes) {
    seen += stream == StreamId::out ? "out:" : "err:";
    seen += bytes;
  };
  const auto result = test::await(io_, sandbox_->run(shell("echo hi"), sink));
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(seen, "out:hi\n");
}

TEST_F(DockerSandboxTest, RefusesAPackageThatDoesNotFit) {
  auto asked = shell("true");
  asked.pack = pack(PackBuilder().file("big", std::string(300'000, 'x')));
  asked.limits.skill_bytes = 64u << 10;
  const auto result = run(std::move(asked));
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().id, "package_refused");
  EXPECT_EQ(result.error().code, Errc::rejected);
}

TEST_F(DockerSandboxTest, RefusesAPackThatIsNone) {
  auto asked = shell("true");
  asked.pack = folder_ / "not a pack";
  std::ofstream(asked.pack) << "#!/bin/sh\nrm -rf /\n";
  const auto result = run(std::move(asked));
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().id, "package_refused");
}

TEST_F(DockerSandboxTest, RunsInAnImageOfASingleStaticProgram) {
  std::ifstream file("/bin/busybox", std::ios::binary);
  if (!file) GTEST_SKIP() << "no static /bin/busybox to make the image from";
  const std::string program(std::istreambuf_iterator<char>(file), {});
  import_image("distroless", tar_of_file("busybox", program, 0755), "");
  restart();
  auto asked = request({"/busybox", "cat", "hello.txt"});
  asked.image = image("distroless");
  const auto result = must_run(std::move(asked));
  EXPECT_EQ(result.out.text(), "hello\n");
  EXPECT_EQ(result.exit_code, 0);
}

TEST_F(DockerSandboxTest, GivesTheImageThatTheEngineHas) {
  EXPECT_THAT(base_.id, StartsWith("sha256:"));
  EXPECT_EQ(base_.reference, "base");
  EXPECT_THAT(base_.env, ElementsAre(StartsWith("PATH=")));
}

TEST_F(DockerSandboxTest, ListsTheAllowedImagesThatTheEngineHasAndPullsNone) {
  options_.images["gone"] = "sha256:" + std::string(64, '0');
  options_.images["never-pulled"] = "skill-verifier.invalid/none:1";
  restart();
  const auto images = test::await(io_, sandbox_->images());
  ASSERT_TRUE(images.has_value()) << images.error().message;
  ASSERT_EQ(images->size(), 1u);
  EXPECT_EQ(images->front().reference, "base");
  EXPECT_EQ(images->front().id, base_.id);
}

TEST_F(DockerSandboxTest, RefusesImagesThatAreNotAllowed) {
  const auto resolved = test::await(io_, sandbox_->resolve("evil:latest", {}));
  ASSERT_FALSE(resolved.has_value());
  EXPECT_EQ(resolved.error().code, Errc::rejected);
  EXPECT_EQ(resolved.error().id, "image_not_allowed");
  EXPECT_THAT(resolved.error().message, HasSubstr("evil:latest is not on the list of allowed images: base"));
}

TEST_F(DockerSandboxTest, SaysThatAnAllowedImageIsMissing) {
  options_.images["gone"] = "sha256:" + std::string(64, '0');
  restart();
  const auto resolved = test::await(io_, sandbox_->resolve("gone", {}));
  ASSERT_FALSE(resolved.has_value());
  EXPECT_EQ(resolved.error().code, Errc::not_found);
  EXPECT_EQ(resolved.error().id, "image_missing");
}

TEST_F(DockerSandboxTest, RefusesAnImageThatDeclaresAVolume) {
  import_image("volume", tar_of_file("file", "x", 0644), "VOLUME /data");
  restart();
  const auto resolved = test::await(io_, sandbox_->resolve("volume", {}));
  ASSERT_FALSE(resolved.has_value());
  EXPECT_EQ(resolved.error().id, "image_not_allowed");
  EXPECT_THAT(resolved.error().message, HasSubstr("/data"));
}

TEST_F(DockerSandboxTest, DescribesTheWall) {
  const auto profile = sandbox_->profile();
  EXPECT_EQ(profile.runtime, "runc");
  EXPECT_EQ(profile.init_sha256.size(), 64u);
  EXPECT_EQ(profile.seccomp_sha256.size(), 64u);
}

TEST_F(DockerSandboxTest, MakesADerivedImageOnceAndFindsItAgain) {
  must_run(shell("true"));
  const auto first = images(kDerivedKind);
  EXPECT_EQ(first.size(), 1u);
  must_run(shell("true"));
  restart();
  must_run(shell("true"));
  EXPECT_EQ(images(kDerivedKind), first);
}

TEST_F(DockerSandboxTest, MakesADerivedImageAnewWhenSomebodyRemovedIt) {
  must_run(shell("true"));
  stop();
  remove_images(kDerivedKind);
  EXPECT_EQ(must_run(shell("echo again")).out.text(), "again\n");
}

TEST_F(DockerSandboxTest, RefusesAnEngineWithoutTheRuntimeThatIsConfigured) {
  auto options = options_;
  options.oci_runtime = "no-such-runtime";
  auto other = make_docker_sandbox(io_.get_executor(), pool_, options);
  ASSERT_TRUE(other.has_value());
  const auto started = test::await(io_, (*other)->start());
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().id, "engine_unsuitable");
}

TEST(MakeDockerSandbox, RefusesWhatCannotWork) {
  core::asio::io_context io{1};
  core::WorkPool pool{1};
  DockerSandboxOptions options;
  EXPECT_EQ(make_docker_sandbox(io.get_executor(), pool, options).error().id, "instance_invalid");
  options.instance = "has a space";
  EXPECT_EQ(make_docker_sandbox(io.get_executor(), pool, options).error().id, "instance_invalid");
  options.instance = "fine";
  options.docker_host = "ftp://somewhere";
  EXPECT_EQ(make_docker_sandbox(io.get_executor(), pool, options).error().id, "docker_host_invalid");
}

TEST(MakeDockerSandbox, SaysThatTheInitIsMissing) {
  core::asio::io_context io{1};
  core::WorkPool pool{1};
  DockerSandboxOptions options;
  options.instance = "fine";
  options.init = "/nonexistent/init";
  auto made = make_docker_sandbox(io.get_executor(), pool, options);
  ASSERT_TRUE(made.has_value());
  const auto started = test::await(io, (*made)->start());
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().id, "file_unreadable");
  EXPECT_THAT(started.error().message, testing::Not(HasSubstr("nonexistent")));
}

}  // namespace
}  // namespace skill_verifier::sandbox
