#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>

#include "sandbox/relayed_fixture.hpp"
#include "skill_verifier/sandbox/one_shot.hpp"

namespace skill_verifier::sandbox {
namespace {

using testing::AnyOf;
using testing::Eq;
using testing::IsEmpty;

class DockerSandboxLifeTest : public test::RelayedFixture {
 protected:
  core::awaitable<void> collect(RunRequest request, OutputSink sink, std::vector<Result<RunResult>>& results) {
    auto result = co_await sandbox_->run(std::move(request), std::move(sink));
    results.push_back(std::move(result));
  }
  core::awaitable<bool> all_ended() {
    return until_none([](const ContainerSummary& container) { return container.state == "running"; });
  }

  static std::size_t open_files() {
    const std::filesystem::directory_iterator files("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(files), end(files)));
  }
};

TEST_F(DockerSandboxLifeTest, ACancelledRunLeavesNoContainerWhenItReturns) {
  std::string seen;
  const auto sink = [&seen](StreamId, std::string_view bytes) { seen += bytes; };
  const auto result = test::await_cancelled(io_, sandbox_->run(shell("echo begun; sleep 1000"), sink),
                                            [&seen] { return !seen.empty(); });
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Errc::cancelled);
  EXPECT_THAT(containers(), IsEmpty());
}

TEST_F(DockerSandboxLifeTest, CancellationAtAnyMomentLeavesNoContainer) {
  must_run(shell("true"));
  for (const int turns : {0, 1, 3, 10, 30, 100, 300, 1000, 3000}) {
    int left = turns;
    const auto result =
        test::await_cancelled(io_, sandbox_->run(shell("sleep 1000"), {}), [&left] { return left-- <= 0; });
    ASSERT_FALSE(result.has_value()) << turns;
    EXPECT_EQ(result.error().code, Errc::cancelled) << turns << " " << result.error().message;
    EXPECT_TRUE(test::await(io_, all_gone())) << turns;
  }
}

TEST_F(DockerSandboxLifeTest, RunsEightJobsAtOnce) {
  core::TaskGroup tasks(io_.get_executor());
  std::vector<Result<RunResult>> results;
  for (int i = 0; i < 8; ++i)
    tasks.spawn("run", collect(shell("cat hello.txt; exit " + std::to_string(i)), {}, results));
  EXPECT_TRUE(test::await(io_, tasks.wait(std::chrono::seconds(50))));
  ASSERT_EQ(results.size(), 8u);
  std::vector<int> codes;
  for (const auto& result : results) {
    ASSERT_TRUE(result.has_value()) << result.error().message;
    EXPECT_EQ(result->out.text(), "hello\n");
    codes.push_back(result->exit_code.value_or(-1));
  }
  std::ranges::sort(codes);
  EXPECT_EQ(codes, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(images(kDerivedKind).size(), 1u);
}

TEST_F(DockerSandboxLifeTest, NeedsNoMoreDescriptorsWithEveryRun) {
  std::size_t before = 0;
  for (int i = 0; i < 50; ++i) {
    must_run(shell("true"));
    ASSERT_TRUE(test::await(io_, all_gone()));
    // The first runs fill the pool of idle connections.
    if (i == 9) before = open_files();
  }
  // How many connections are kept idle differs by a few; what leaks, leaks with every run.
  EXPECT_LT(open_files(), before + 8);
}

TEST_F(DockerSandboxLifeTest, RemovesWhatAnEarlierLifeLeft) {
  must_run(shell("true"));
  // Its own containers go with it; what a killed life leaves is put there by hand.
  stop();
  ContainerSpec spec;
  spec.image_id = images(kDerivedKind).at(0);
  spec.instance = options_.instance;
  spec.job_id = "left behind";
  spec.role = Role::prepare;
  const auto running = test::await(io_, engine_->create_container(container_body(spec)));
  ASSERT_TRUE(running.has_value());
  ASSERT_TRUE(test::await(io_, engine_->start_container(running->id)).has_value());
  const auto created = test::await(io_, engine_->create_container(container_body(spec)));
  ASSERT_TRUE(created.has_value());
  spec.instance = options_.instance + "-other";
  const auto foreign = test::await(io_, engine_->create_container(container_body(spec)));
  ASSERT_TRUE(foreign.has_value());
  EXPECT_EQ(containers().size(), 2u);
  start();
  EXPECT_THAT(containers(), IsEmpty());
  EXPECT_TRUE(test::await(io_, engine_->inspect_container(foreign->id)).has_value());
  EXPECT_TRUE(test::await(io_, engine_->remove_container(foreign->id)).has_value());
}

TEST_F(DockerSandboxLifeTest, RemovesWhatAKilledOneShotUseLeft) {
  stop();
  const auto own = std::exchange(options_.instance, to_instance(this_process()));
  auto dead_process = this_process();
  --dead_process.start;  // whoever had our number before
  const auto dead = to_instance(dead_process);
  for (const auto& instance : {dead, to_instance(this_process())}) {
    options_.instance = instance;
    start();
    must_prepare(deps("true"));
    EXPECT_EQ(images(kPreparedKind).size(), 1u);
    stop();
    ContainerSpec spec;
    spec.image_id = images(kPreparedKind).at(0);
    spec.instance = instance;
    ASSERT_TRUE(test::await(io_, engine_->create_container(container_body(spec))).has_value());
    EXPECT_EQ(containers().size(), 1u);
  }
  options_.instance = own;
  start();
  options_.instance = dead;
  EXPECT_THAT(containers(), IsEmpty());
  EXPECT_THAT(images(kPreparedKind), IsEmpty());
  EXPECT_THAT(images(kDerivedKind), IsEmpty());
  // What a living process uses stays, until it starts again itself.
  options_.instance = to_instance(this_process());
  EXPECT_EQ(containers().size(), 1u);
  EXPECT_EQ(images(kPreparedKind).size(), 1u);
  stop();
  options_.keep_images = false;
  start();
  stop();
  EXPECT_THAT(containers(), IsEmpty());
  EXPECT_THAT(images(kDerivedKind), IsEmpty());
  options_.instance = own;
  start();
}

TEST_F(DockerSandboxLifeTest, RemovesImagesThatHoldAnotherInit) {
  must_run(shell("true"));
  must_prepare(deps("true"));
  const auto old_derived = images(kDerivedKind);
  stop();
  const auto other = folder_ / "other-init";
  std::filesystem::copy_file(options_.init, other);
  std::ofstream(other, std::ios::app) << "x";
  options_.init = other;
  start();
  EXPECT_THAT(images(kPreparedKind), IsEmpty());
  EXPECT_THAT(images(kDerivedKind), IsEmpty());
  EXPECT_EQ(must_run(shell("echo new")).out.text(), "new\n");
  EXPECT_NE(images(kDerivedKind), old_derived);
}

TEST_F(DockerSandboxLifeTest, RemovesItsImagesWhenItIsForOneUseOnly) {
  stop();
  options_.keep_images = false;
  start();
  must_run(shell("true"));
  must_prepare(deps("true"));
  must_prepare(deps("echo other"));
  stop();
  EXPECT_THAT(images(kPreparedKind), IsEmpty());
  EXPECT_THAT(images(kDerivedKind), IsEmpty());
}

TEST_F(DockerSandboxLifeTest, SaysThatTheEngineIsGoneInTheMiddleOfARun) {
  if (!behind_relay()) GTEST_SKIP() << "the engine is not at a Unix socket";
  must_run(shell("true"));
  const auto cutter = [this](StreamId, std::string_view) { relay_->cut(); };
  const auto result = test::await(io_, sandbox_->run(shell("echo begun; sleep 1000"), cutter));
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Errc::unavailable);
  EXPECT_THAT(result.error().id, AnyOf(Eq("engine_unreachable"), Eq("sandbox_lost")));
  EXPECT_FALSE(test::await(io_, sandbox_->check()).has_value());
  const auto next = run(shell("true"));
  ASSERT_FALSE(next.has_value());
  EXPECT_EQ(next.error().id, "engine_unreachable");
  // The container ends by itself when its stream does, and goes when the engine is back.
  EXPECT_TRUE(test::await(io_, all_ended()));
  relay_->resume();
  EXPECT_EQ(must_run(shell("echo back")).out.text(), "back\n");
  EXPECT_TRUE(test::await(io_, all_gone()));
}

TEST_F(DockerSandboxLifeTest, GivesUpOnAnEngineThatHangs) {
  options_.timeouts.grace = std::chrono::milliseconds(100);
  if (!behind_relay()) GTEST_SKIP() << "the engine is not at a Unix socket";
  must_run(shell("true"));
  auto asked = shell("echo begun; sleep 1000");
  asked.command.timeout = std::chrono::milliseconds(300);
  const auto hang = [this](StreamId, std::string_view) { relay_->hang(); };
  const auto result = test::await(io_, sandbox_->run(std::move(asked), hang));
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(result->outcome, Outcome::timeout);
  EXPECT_EQ(result->out.text(), "begun\n");
  relay_->cut();
  relay_->resume();
  EXPECT_TRUE(test::await(io_, all_gone()));
}

TEST_F(DockerSandboxLifeTest, EndsTestDepsThatCannotBeMeasured) {
  options_.timeouts.measure = std::chrono::milliseconds(300);
  if (!behind_relay()) GTEST_SKIP() << "the engine is not at a Unix socket";
  must_run(shell("true"));
  const auto hang = [this](StreamId, std::string_view) { relay_->hang(); };
  // Its own limit is far beyond what a test may take.
  const auto prepared = test::await(io_, sandbox_->prepare(deps("echo begun; sleep 1000"), hang));
  ASSERT_FALSE(prepared.has_value());
  EXPECT_EQ(prepared.error().id, "engine_timed_out");
  relay_->cut();
  relay_->resume();
  EXPECT_TRUE(test::await(io_, all_gone()));
}

TEST_F(DockerSandboxLifeTest, SaysThatNoEngineAnswers) {
  options_.docker_host = "unix://" + (folder_ / "nothing.sock").string();
  auto other = make_docker_sandbox(io_.get_executor(), pool_, options_);
  ASSERT_TRUE(other.has_value());
  const auto started = test::await(io_, (*other)->start());
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().code, Errc::unavailable);
  EXPECT_EQ(started.error().id, "engine_unreachable");
  const auto checked = test::await(io_, (*other)->check());
  ASSERT_FALSE(checked.has_value());
  EXPECT_EQ(checked.error().id, "engine_unreachable");
}

TEST_F(DockerSandboxLifeTest, StopsWhatIsStillThere) {
  core::TaskGroup tasks(io_.get_executor());
  std::vector<Result<RunResult>> results;
  bool begun = false;
  const auto sink = [&begun](StreamId, std::string_view) { begun = true; };
  tasks.spawn("run", collect(shell("echo begun; sleep 1000"), sink, results));
  while (!begun)
    io_.run_one();
  stop();
  EXPECT_THAT(containers(), IsEmpty());
  EXPECT_TRUE(test::await(io_, tasks.wait(std::chrono::seconds(10))));
  ASSERT_EQ(results.size(), 1u);
  ASSERT_FALSE(results[0].has_value());
  EXPECT_EQ(results[0].error().code, Errc::unavailable);
}

}  // namespace
}  // namespace skill_verifier::sandbox
