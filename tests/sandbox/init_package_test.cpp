// The real skill-verifier-init: what it unpacks, how many files there may be, and what prepare mode hands on.
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "sandbox/init_process_fixture.hpp"

namespace skill_verifier::testing_support {
namespace {

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class InitPackage : public InitProcess {};

TEST_F(InitPackage, UnpacksAsTheTestedUser) {
  const auto pack =
      PackBuilder().file("SKILL.md", "x").directory("d").executable("d/run", "#!/bin/sh\n").file("d/text", "abc").end();
  ASSERT_EQ(client().next_name(), "ready");
  client().hello();
  client().pack(pack);
  const auto unpacked = client().next();
  ASSERT_TRUE(unpacked);
  EXPECT_EQ(unpacked->type, InitFrame::unpacked);
  EXPECT_EQ(unpacked->payload, Payload().u32(3).u64(14).bytes());
  const auto result = client().shell("stat -c '%n %a %u:%g' SKILL.md d d/run d/text; cat d/text");
  EXPECT_EQ(result.out,
            "SKILL.md 644 65534:65534\nd 755 65534:65534\nd/run 755 65534:65534\nd/text 644 65534:65534\nabc");
}

TEST_F(InitPackage, RefusesAPackThatIsNotSafe) {
  ASSERT_EQ(client().next_name(), "ready");
  client().hello();
  client().pack(PackBuilder().file("../escaped", "x").end());
  EXPECT_EQ(client().next_name(), "fault pack_invalid: unsafe path '../escaped'");
  client().hang_up();
  EXPECT_EQ(init_->wait(), kExited1);
  EXPECT_FALSE(fs::exists(root_->path() / "escaped"));
}

TEST_F(InitPackage, RefusesAPackThatStops) {
  ASSERT_EQ(client().next_name(), "ready");
  client().hello();
  client().pack("SVPACK1\n");
  EXPECT_EQ(client().next_name(), "fault pack_invalid: the pack ends early");
}

TEST_F(InitPackage, SaysWhenThePackageDoesNotFit) {
  launch({.skill_bytes = 1u << 20});
  ASSERT_EQ(client().next_name(), "ready");
  client().hello();
  client().pack(PackBuilder().file("big", std::string(2u << 20, 'x')).end());
  EXPECT_EQ(client().next_name(),
            "fault no_space: write 'big': the sandbox's limit of bytes or files for /skill is reached");
}

TEST_F(InitPackage, RefusesASkillFolderOfSomebodyElse) {
  ASSERT_EQ(client().next_name(), "ready");
  client().hello(1234, 1234);
  client().pack("SVPACK1\nE");
  EXPECT_EQ(client().next_name(), "fault internal: /skill does not belong to the tested user");
}

// ---- number of files, where the tmpfs has no limit

TEST_F(InitPackage, EndsACommandThatMakesTooManyFiles) {
  launch({.watched_inodes = 50});
  ASSERT_TRUE(client().begin());
  const auto result = client().shell("for i in $(seq 49); do : >f$i || exit 1; done; echo made; : >more; sleep 1000");
  ASSERT_TRUE(result.exit);
  EXPECT_EQ(result.exit->reason, ExitReason::killed);
  EXPECT_EQ(result.out, "made\n");
  EXPECT_EQ(result.err, "skill-verifier-init: /skill holds more than 50 files and folders\n");
}

TEST_F(InitPackage, EndsACommandThatMadeTooManyFilesAndIsDone) {
  launch({.watched_inodes = 50});
  ASSERT_TRUE(client().begin());
  const auto result = client().shell("for i in $(seq 50); do : >f$i; done");
  ASSERT_TRUE(result.exit);
  EXPECT_EQ(result.exit->reason, ExitReason::killed);
}

TEST_F(InitPackage, LetsACommandHaveAsManyFilesAsItMay) {
  launch({.watched_inodes = 50});
  ASSERT_TRUE(client().begin());
  EXPECT_EQ(client().shell("for i in $(seq 49); do : >f$i || exit 1; done").code(), 0);
  EXPECT_EQ(client().shell("rm f1; mkdir d").code(), 0);
}

TEST_F(InitPackage, RefusesAPackageOfTooManyFiles) {
  launch({.watched_inodes = 3});
  PackBuilder pack;
  for (const char* name : {"a", "b", "c"})
    pack.file(name, "");
  EXPECT_EQ(client().next_name(), "ready");
  client().hello();
  client().pack(pack.end());
  EXPECT_EQ(client().next_name(), "fault no_space: /skill holds more than 3 files and folders");
}

TEST_F(InitPackage, ServesNothingWhereFilesCannotBeCounted) {
  launch({.watched_inodes = 50, .more_skill_options = ",nr_inodes=0"});
  EXPECT_EQ(client().next_name(), "end");
  EXPECT_EQ(init_->wait(), kExited1);
}

TEST_F(InitPackage, WatchesATmpfsThatARuntimeLeftForItsCgroups) {
  launch({.watched_inodes = 50, .cgroup_tmpfs = true});
  ASSERT_TRUE(client().begin());
  EXPECT_EQ(client().shell("cd /sys/fs/cgroup; for i in $(seq 200); do : >f$i || exit 1; done").code(), 0);
  const auto result = client().shell("for i in $(seq 100); do : >/sys/fs/cgroup/g$i || exit 1; done; sleep 1000");
  EXPECT_TRUE(result.exit && result.exit->reason == ExitReason::killed);
  EXPECT_EQ(result.err, "skill-verifier-init: /sys/fs/cgroup holds more than 256 files and folders\n");
}

// ---- prepare

class InitPrepare : public InitProcess {
 protected:
  void SetUp() override {
    InitProcess::SetUp();
    if (IsSkipped()) return;
    launch({.prepare = true});
  }
  /// Ends the prepare run and starts a test on its result.
  void continue_as_test() {
    client().frame(HostFrame::finish, 0, "");
    ASSERT_EQ(client().next_name(), "done");
    ASSERT_EQ(init_->wait(), kExited0);
    launch({});
    ASSERT_EQ(client().next_name(), "ready");
    client().hello();
    client().frame(HostFrame::use_prepared, 0, "");
  }
};

TEST_F(InitPrepare, HandsTheTreeOnToATest) {
  ASSERT_TRUE(client().begin(PackBuilder().executable("run", "#!/bin/sh\ncat dep\n").end(), 65534, true));
  const auto result = client().shell(
      "id -u; mkdir -p node_modules/.bin; echo 1 > dep; chmod 600 dep; ln -s ../../run node_modules/.bin/run");
  EXPECT_EQ(result.out, "0\n");
  EXPECT_EQ(result.code(), 0) << result.err;
  continue_as_test();
  ASSERT_EQ(client().next_name(), "unpacked");
  const auto test = client().shell("id -u; node_modules/.bin/run; stat -c '%n %a %u' dep run node_modules/.bin/run");
  EXPECT_EQ(test.out, "65534\n1\ndep 644 65534\nrun 755 65534\nnode_modules/.bin/run 777 65534\n");
}

TEST_F(InitPrepare, StartsWithAnEmptyFolder) {
  fs::create_directories(root_->path() / "skill");
  std::ofstream(root_->path() / "skill/stale") << "x";
  ASSERT_TRUE(client().begin(PackBuilder().file("a", "x").end(), 65534, true));
  EXPECT_EQ(client().command({"ls"}).out, "a\n");
}

TEST_F(InitPrepare, PutsItsOwnFileBack) {
  const auto own = root_->path() / "skill-verifier-init";
  const auto original = text_of(own);
  ASSERT_FALSE(original.empty());
  const char* attacks[] = {
      "rm /skill-verifier-init",
      "rm /skill-verifier-init; cp /bin/busybox /skill-verifier-init",
      "rm /skill-verifier-init; ln -s /bin/busybox /skill-verifier-init",
      "rm /skill-verifier-init; mkdir -p /skill-verifier-init/full/of/folders",
      "chmod 4777 /skill-verifier-init",
  };
  for (const char* attack : attacks) {
    launch({.prepare = true});
    ASSERT_TRUE(client().begin("SVPACK1\nE", 65534, true));
    ASSERT_EQ(client().shell(attack).code(), 0) << attack;
    client().frame(HostFrame::finish, 0, "");
    ASSERT_EQ(client().next_name(), "done");
    ASSERT_EQ(init_->wait(), kExited0);
    struct stat info{};
    ASSERT_EQ(::lstat(own.c_str(), &info), 0) << attack;
    EXPECT_EQ(info.st_mode, S_IFREG | 0755u) << attack;
    EXPECT_EQ(text_of(own), original) << attack;
  }
}

TEST_F(InitPrepare, RefusesASkillFolderThatBecameALink) {
  ASSERT_TRUE(client().begin("SVPACK1\nE", 65534, true));
  ASSERT_EQ(client().shell("rm -r /skill; ln -s /bin /skill").code(), 0);
  client().frame(HostFrame::finish, 0, "");
  EXPECT_EQ(client().next_name(), "fault pack_invalid: /skill is no folder any more");
  client().hang_up();
  EXPECT_EQ(init_->wait(), kExited1);
  fs::remove(root_->path() / "skill");
  fs::create_directory(root_->path() / "skill");
}

TEST_F(InitPrepare, DoesNotFollowALinkInPlaceOfThePreparedTree) {
  ASSERT_TRUE(client().begin("SVPACK1\nE", 65534, true));
  client().frame(HostFrame::finish, 0, "");
  ASSERT_EQ(client().next_name(), "done");
  ASSERT_EQ(init_->wait(), kExited0);
  const auto tree = root_->path() / ".skill-verifier-tree";
  fs::remove_all(tree);
  fs::create_directory_symlink("bin", tree);
  launch({});
  ASSERT_EQ(client().next_name(), "ready");
  client().hello();
  client().frame(HostFrame::use_prepared, 0, "");
  EXPECT_EQ(client().next_name(), "fault pack_invalid: open the prepared tree: Not a directory");
  fs::remove(tree);
}

TEST_F(InitPrepare, RootCannotReachInitEither) {
  ASSERT_TRUE(client().begin("SVPACK1\nE", 65534, true));
  const auto result = client().shell(
      "kill -KILL 1; kill -STOP 1; kill -TERM 1; cat /proc/1/environ /proc/1/mem && echo read;"
      "for fd in /proc/1/fd/*; do echo forged > $fd && echo written; cat $fd && echo read; done; echo end");
  EXPECT_EQ(result.out, "end\n");
  EXPECT_EQ(result.code(), 0);
}

}  // namespace
}  // namespace skill_verifier::testing_support
