#include "sandbox/limits_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/utsname.h>

#include <functional>

namespace skill_verifier::sandbox {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

EngineInfo good() {
  EngineInfo info;
  info.version = "20.10.24";
  info.architecture = "x86_64";
  info.cgroup_driver = "cgroupfs";
  info.runtimes = {"runc", "runsc"};
  info.security_options = {"name=seccomp,profile=default"};
  info.memory_limit = info.swap_limit = info.pids_limit = info.cpu_quota = true;
  return info;
}

TEST(UnheldLimits, AreNoneOnAnOrdinaryEngine) {
  EXPECT_THAT(unheld_limits(good(), kDockerTraits, "", "x86_64"), IsEmpty());
  EXPECT_THAT(unheld_limits(good(), kDockerTraits, "runsc", "x86_64"), IsEmpty());
}

TEST(UnheldLimits, NameEachThingThatIsMissing) {
  const std::pair<std::function<void(EngineInfo&)>, const char*> cases[] = {
      {[](EngineInfo& info) { info.cgroup_driver = "none"; }, "no cgroup driver"},
      {[](EngineInfo& info) {
         info.security_options.emplace_back("name=rootless");
         info.cgroup_version = "1";
       },
       "without root on cgroup v1"},
      {[](EngineInfo& info) { info.memory_limit = false; }, "does not limit memory"},
      {[](EngineInfo& info) { info.swap_limit = false; }, "does not limit swap"},
      {[](EngineInfo& info) { info.pids_limit = false; }, "number of processes"},
      {[](EngineInfo& info) { info.cpu_quota = false; }, "CPU time"},
      {[](EngineInfo& info) { info.security_options.clear(); }, "seccomp"},
      {[](EngineInfo& info) { info.runtimes = {"runc"}; }, "no runtime runsc, it has runc"},
      {[](EngineInfo& info) { info.architecture = "aarch64"; }, "runs aarch64 programs"},
  };
  for (const auto& [damage, phrase] : cases) {
    auto info = good();
    damage(info);
    EXPECT_THAT(unheld_limits(info, kDockerTraits, "runsc", "x86_64"), ElementsAre(HasSubstr(phrase))) << phrase;
  }
}

TEST(UnheldLimits, KnowsThatPodmanHeedsNoRuntimeButItsOwn) {
  auto info = good();
  info.default_runtime = "crun";
  EXPECT_THAT(unheld_limits(info, kPodmanTraits, "", "x86_64"), IsEmpty());
  EXPECT_THAT(unheld_limits(info, kPodmanTraits, "crun", "x86_64"), IsEmpty());
  EXPECT_THAT(unheld_limits(info, kPodmanTraits, "runsc", "x86_64"),
              ElementsAre("it runs everything under crun, not under runsc"));
}

TEST(CheckLimits, RefusesWithEveryReasonAtOnce) {
  utsname machine{};
  ASSERT_EQ(::uname(&machine), 0);
  auto info = good();
  info.architecture = machine.machine;
  EXPECT_TRUE(check_limits(info, kDockerTraits, "").has_value());
  info.pids_limit = false;
  info.memory_limit = false;
  const auto checked = check_limits(info, kDockerTraits, "");
  ASSERT_FALSE(checked.has_value());
  EXPECT_EQ(checked.error().code, Errc::unsupported);
  EXPECT_EQ(checked.error().id, "engine_unsuitable");
  EXPECT_THAT(checked.error().message, HasSubstr("20.10.24"));
  EXPECT_THAT(checked.error().message, HasSubstr("does not limit memory; it does not limit the number"));
}

}  // namespace
}  // namespace skill_verifier::sandbox
