#include <gmock/gmock.h>

#include "sandbox/docker_fixture.hpp"

namespace skill_verifier::sandbox {
namespace {

using test::DockerFixture;
using testing::ElementsAre;

class PrepareTest : public DockerFixture {
 protected:
  /// What a test sees in an image that test_deps made.
  RunResult run_from(const std::string& image_id, std::string script) {
    auto asked = shell(std::move(script));
    asked.prepared_id = image_id;
    asked.pack = "/nonexistent";
    return must_run(std::move(asked));
  }
  core::awaitable<void> collect(PrepareRequest request, std::vector<Result<PrepareResult>>& results) {
    auto result = co_await sandbox_->prepare(std::move(request), {});
    results.push_back(std::move(result));
  }
};

TEST_F(PrepareTest, KeepsWhatTestDepsDid) {
  const auto prepared =
      must_prepare(deps("id -u; cat hello.txt; mkdir /opt; echo lib >/opt/lib; ln -s hello.txt link"));
  EXPECT_EQ(prepared.run.exit_code, 0);
  EXPECT_EQ(prepared.run.out.text(), "0\nhello\n");
  EXPECT_FALSE(prepared.cached);
  ASSERT_TRUE(prepared.image_id.has_value());
  const auto result =
      run_from(*prepared.image_id, "id -u; cat link /opt/lib; echo x >/opt/lib; echo y >own && cat own");
  EXPECT_EQ(result.out.text(), "65534\nhello\nlib\ny\n");
  EXPECT_NE(result.err.text(), "");
}

TEST_F(PrepareTest, MakesNoImageWhenTestDepsFail) {
  const auto prepared = must_prepare(deps("echo no network >&2; exit 3"));
  EXPECT_EQ(prepared.run.exit_code, 3);
  EXPECT_EQ(prepared.run.err.text(), "no network\n");
  EXPECT_FALSE(prepared.image_id.has_value());
  EXPECT_EQ(images(kPreparedKind), std::vector<std::string>{});
}

TEST_F(PrepareTest, MakesNoImageWhenTestDepsTakeTooLong) {
  auto asked = deps("sleep 1000");
  asked.deps.timeout = std::chrono::milliseconds(200);
  const auto prepared = must_prepare(std::move(asked));
  EXPECT_EQ(prepared.run.outcome, Outcome::timeout);
  EXPECT_FALSE(prepared.image_id.has_value());
}

TEST_F(PrepareTest, TakesTheSameWorkFromTheCacheAlsoAfterARestart) {
  const auto asked = deps("echo x >dep");
  const auto first = must_prepare(asked);
  const auto second = must_prepare(asked);
  EXPECT_TRUE(second.cached);
  EXPECT_EQ(second.image_id, first.image_id);
  EXPECT_EQ(second.run.exit_code, 0);
  restart();
  const auto third = must_prepare(asked);
  EXPECT_TRUE(third.cached);
  EXPECT_EQ(third.image_id, first.image_id);
  EXPECT_EQ(images(kPreparedKind).size(), 1u);
}

TEST_F(PrepareTest, GivesUpTheLeastRecentlyUsedButNeverOneInUse) {
  options_.prepared_images = 1;
  restart();
  auto held = must_prepare(deps("echo 1"));
  auto second = must_prepare(deps("echo 2"));
  EXPECT_THAT(images(kPreparedKind), testing::UnorderedElementsAre(*held.image_id, *second.image_id));
  held.lease.reset();
  second.lease.reset();
  const auto third = must_prepare(deps("echo 3"));
  EXPECT_THAT(images(kPreparedKind), ElementsAre(*third.image_id));
  // Whoever comes back later is told to prepare again.
  auto late = shell("true");
  late.prepared_id = *held.image_id;
  const auto result = run(std::move(late));
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().id, "sandbox_lost");
}

TEST_F(PrepareTest, CapsTheSizeOfTheCache) {
  options_.prepared_bytes = 3u << 20;
  restart();
  auto first = must_prepare(deps("head -c 2000000 /dev/urandom >dep; echo 1"));
  first.lease.reset();
  const auto second = must_prepare(deps("head -c 2000000 /dev/urandom >dep; echo 2"));
  EXPECT_THAT(images(kPreparedKind), ElementsAre(*second.image_id));
}

TEST_F(PrepareTest, PreparesAnewWhenSomebodyRemovedTheImage) {
  const auto asked = deps("true");
  must_prepare(asked);
  remove_images(kPreparedKind);
  EXPECT_FALSE(must_prepare(asked).cached);
}

TEST_F(PrepareTest, DoesNotLetTestDepsReplaceInit) {
  const char* attacks[] = {
      "echo '#!/bin/sh' >/forged; chmod 755 /forged; mv -f /forged /skill-verifier-init",
      "rm -f /skill-verifier-init; ln -s /bin/busybox /skill-verifier-init",
      "rm -f /skill-verifier-init; mkdir -p /skill-verifier-init/x",
      "mv /skill-verifier-init /old; ln -s /nowhere /skill-verifier-init",
  };
  for (const auto* attack : attacks) {
    const auto prepared = must_prepare(deps(std::string(attack) + "; true"));
    ASSERT_TRUE(prepared.image_id.has_value()) << attack;
    const auto result = run_from(*prepared.image_id, "cat hello.txt; sha256sum /skill-verifier-init | cut -c-64");
    EXPECT_EQ(result.out.text(), "hello\n" + sandbox_->profile().init_sha256 + "\n") << attack;
  }
}

TEST_F(PrepareTest, SurvivesTestDepsThatRearrangeTheRootFileSystem) {
  const char* attacks[] = {
      "cd /; rm -rf /skill; ln -s /etc /skill",
      "cd /; rm -rf /skill; mkdir /.skill-verifier-tree; echo x >/.skill-verifier-tree/x",
      "ln -s /proc/self/mem mem; mkfifo pipe; ln -s / root",
      "chmod 4755 /bin/busybox",
      "rm -rf /tmp; ln -s /skill /tmp",
  };
  for (const auto* attack : attacks) {
    const auto prepared = prepare(deps(attack));
    if (!prepared || !prepared->image_id) continue;  // refused is fine too
    auto asked = shell("id -u; test -e /.dockerenv || true; grep CapEff /proc/self/status");
    asked.prepared_id = prepared->image_id;
    const auto result = run(std::move(asked));
    // Whatever it did to itself, it gains nothing by it.
    if (result) EXPECT_EQ(result->out.text(), "65534\nCapEff:\t0000000000000000\n") << attack;
  }
}

TEST_F(PrepareTest, EndsTestDepsThatFillTheDisk) {
  options_.prepare_disk_bytes = 8u << 20;
  restart();
  const auto prepared = prepare(deps("head -c 40000000 /dev/zero >big; sleep 1000"));
  ASSERT_FALSE(prepared.has_value());
  EXPECT_EQ(prepared.error().code, Errc::rejected);
  EXPECT_EQ(prepared.error().id, "disk_limit");
}

TEST_F(PrepareTest, DoesNotKeepAnImageOverTheLimitOfTheDisk) {
  options_.prepare_disk_bytes = 1u << 20;
  restart();
  const auto prepared = prepare(deps("head -c 4000000 /dev/zero >big"));
  ASSERT_FALSE(prepared.has_value());
  EXPECT_EQ(prepared.error().id, "disk_limit");
  EXPECT_EQ(images(kPreparedKind), std::vector<std::string>{});
}

TEST_F(PrepareTest, EndsTestDepsThatCreateTooManyFiles) {
  options_.prepare_files = 500;
  restart();
  const auto prepared =
      prepare(deps("i=0; while [ $i -lt 1000 ]; do : >/var/$i || exit 1; i=$((i+1)); done; sleep 1000"));
  ASSERT_FALSE(prepared.has_value());
  EXPECT_EQ(prepared.error().id, "disk_limit") << prepared.error().message;
  EXPECT_NE(prepared.error().message.find("500 files"), std::string::npos) << prepared.error().message;
}

TEST_F(PrepareTest, DoesNotKeepAnImageOfTooManyFiles) {
  options_.prepare_files = 500;
  restart();
  const auto prepared = prepare(deps("mkdir d; i=0; while [ $i -lt 1000 ]; do : >d/$i || exit 1; i=$((i+1)); done"));
  ASSERT_FALSE(prepared.has_value());
  EXPECT_EQ(prepared.error().id, "disk_limit") << prepared.error().message;
  EXPECT_EQ(images(kPreparedKind), std::vector<std::string>{});
}

TEST_F(PrepareTest, CountsTheTimeOfEqualWorkFromItsTurn) {
  // It fails, so everybody has to do it: the last waits longer than its own limit of four seconds.
  options_.timeouts.commit = std::chrono::seconds(1);
  restart();
  auto asked = deps("sleep 1; exit 3");
  asked.deps.timeout = std::chrono::seconds(2);
  asked.overhead = std::chrono::seconds(0);
  core::TaskGroup tasks(io_.get_executor());
  std::vector<Result<PrepareResult>> results;
  for (int i = 0; i < 6; ++i)
    tasks.spawn("prepare", collect(asked, results));
  EXPECT_TRUE(test::await(io_, tasks.wait(std::chrono::seconds(50))));
  ASSERT_EQ(results.size(), 6u);
  for (const auto& result : results) {
    ASSERT_TRUE(result.has_value()) << result.error().message;
    EXPECT_EQ(result->run.exit_code, 3);
  }
}

TEST_F(PrepareTest, EndsWithItsContainerWhenItTakesTooLongAsAWhole) {
  must_run(shell("true"));
  ASSERT_TRUE(test::await(io_, all_gone()));
  auto asked = deps("sleep 1000");
  // Two seconds for everything.
  asked.overhead = std::chrono::seconds(2) - asked.deps.timeout - 2 * options_.timeouts.commit;
  const auto prepared = prepare(std::move(asked));
  ASSERT_FALSE(prepared.has_value());
  EXPECT_EQ(prepared.error().code, Errc::timed_out);
  EXPECT_EQ(containers(), std::vector<std::string>{});
}

TEST_F(PrepareTest, TakesAnImageThatWasKeptAfterAll) {
  // The other maker stands for our own request whose answer came too late: the image is in no index.
  const auto asked = deps("echo x >dep");
  auto other = make_docker_sandbox(io_.get_executor(), pool_, options_);
  ASSERT_TRUE(other.has_value());
  ASSERT_TRUE(test::await(io_, (*other)->start()).has_value());
  const auto kept = test::await(io_, (*other)->prepare(asked, {}));
  ASSERT_TRUE(kept.has_value()) << kept.error().message;
  const auto found = must_prepare(asked);
  EXPECT_TRUE(found.cached);
  EXPECT_EQ(found.image_id, kept->image_id);
  test::await(io_, (*other)->stop());
}

TEST_F(PrepareTest, LimitsTheMemoryOfTestDepsToo) {
  auto asked = deps("tail /dev/zero");
  asked.limits.memory_bytes = 24u << 20;
  const auto prepared = must_prepare(std::move(asked));
  EXPECT_EQ(prepared.run.outcome, Outcome::oom);
  EXPECT_FALSE(prepared.image_id.has_value());
}

TEST_F(PrepareTest, StopsWhenItIsCancelled) {
  std::string seen;
  const auto sink = [&seen](StreamId, std::string_view bytes) { seen += bytes; };
  const auto prepared = test::await_cancelled(io_, sandbox_->prepare(deps("echo begun; sleep 1000"), sink),
                                              [&seen] { return !seen.empty(); });
  ASSERT_FALSE(prepared.has_value());
  EXPECT_EQ(prepared.error().code, Errc::cancelled);
  EXPECT_EQ(containers(), std::vector<std::string>{});
}

}  // namespace
}  // namespace skill_verifier::sandbox
