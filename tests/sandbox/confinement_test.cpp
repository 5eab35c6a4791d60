#include "sandbox/confinement.hpp"

#include <gmock/gmock.h>
#include <linux/capability.h>

#include <functional>
#include <limits>

#include "sandbox/relayed_fixture.hpp"

namespace skill_verifier::sandbox {
namespace {

using init::Confinement;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kKernel = "6.1.0-18-amd64";
constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();

Confinement of_a_test(const ContainerSpec& spec) {
  Confinement seen;
  seen.capabilities = 1u << CAP_SETUID | 1u << CAP_SETGID;
  seen.bits = init::kNoNewPrivileges | init::kSystemCallFilter | init::kReadOnlyRoot;
  seen.open_files = spec.limits.open_files;
  seen.file_bytes = spec.limits.file_bytes;
  seen.memory_bytes = spec.limits.memory_bytes;
  seen.processes = static_cast<std::uint64_t>(spec.limits.pids);
  seen.kernel = kKernel;
  return seen;
}

TEST(UnheldInside, IsNothingWhereAllIsAsAsked) {
  const ContainerSpec spec;
  EXPECT_THAT(unheld_inside(of_a_test(spec), spec, kKernel), IsEmpty());
}

TEST(UnheldInside, NamesWhateverIsMissing) {
  const ContainerSpec spec;
  const std::pair<std::function<void(Confinement&)>, const char*> cases[] = {
      {[](auto& seen) { seen.capabilities |= 1u << CAP_SYS_ADMIN; },
       "the drop of capabilities (mask 0x200000 is left)"},
      {[](auto& seen) { seen.bits &= ~init::kNoNewPrivileges; }, "no-new-privileges"},
      {[](auto& seen) { seen.bits &= ~init::kSystemCallFilter; }, "the seccomp profile"},
      {[](auto& seen) { seen.bits &= ~init::kReadOnlyRoot; }, "the read-only root"},
      {[](auto& seen) { seen.bits |= init::kNetworkAddress; }, "the absence of a network"},
      {[](auto& seen) { ++seen.open_files; }, "the limit of open files"},
      {[](auto& seen) { seen.core_bytes = 1; }, "the absence of core dumps"},
      {[](auto& seen) { seen.file_bytes = kAll; }, "the limit of a file's size"},
      {[](auto& seen) { seen.memory_bytes = kAll; }, "the limit of memory"},
      {[](auto& seen) { ++seen.processes; }, "the limit of processes"},
  };
  for (const auto& [change, phrase] : cases) {
    auto seen = of_a_test(spec);
    change(seen);
    EXPECT_THAT(unheld_inside(seen, spec, kKernel), ElementsAre(phrase));
  }
}

TEST(UnheldInside, AsksForTheFilterOnTheEnginesOwnKernelOnly) {
  const ContainerSpec spec;
  auto seen = of_a_test(spec);
  seen.bits &= ~init::kSystemCallFilter;
  EXPECT_THAT(unheld_inside(seen, spec, ""), ElementsAre("the seccomp profile")) << "the engine did not say";
  seen.kernel = "4.4.0";
  EXPECT_THAT(unheld_inside(seen, spec, kKernel), IsEmpty()) << "gVisor";
}

TEST(UnheldInside, KnowsWhatAPrepareContainerMayDo) {
  ContainerSpec spec;
  auto seen = of_a_test(spec);
  seen.bits &= ~init::kReadOnlyRoot;
  seen.bits |= init::kNetworkAddress;
  seen.capabilities |= 1u << CAP_CHOWN;
  EXPECT_EQ(unheld_inside(seen, spec, kKernel).size(), 3u);
  spec.role = Role::prepare;
  spec.bridge_network = true;
  EXPECT_THAT(unheld_inside(seen, spec, kKernel), IsEmpty());
  seen.capabilities |= 1u << CAP_NET_RAW;
  EXPECT_THAT(unheld_inside(seen, spec, kKernel), ElementsAre(HasSubstr("capabilities")));
}

TEST(UnheldInside, TakesUnknownCapabilitiesForAll) {
  const ContainerSpec spec;
  auto seen = of_a_test(spec);
  seen.capabilities = kAll;
  EXPECT_THAT(unheld_inside(seen, spec, kKernel), ElementsAre(HasSubstr("0xffffffffffffff3f is left")));
}

/// An engine that confirms every limit and leaves one out.
class LyingEngineTest : public test::RelayedFixture {
 protected:
  void expect_refused(const std::string& asked, std::string given, const std::string& phrase) {
    given.resize(asked.size(), ' ');
    relay_->replace(asked, given);
    const auto ran = run(shell("echo ran"));
    ASSERT_FALSE(ran.has_value()) << phrase << ": " << ran->out.text();
    EXPECT_EQ(ran.error().id, "engine_unsuitable");
    EXPECT_EQ(ran.error().code, Errc::unavailable) << "the job is not to blame";
    EXPECT_THAT(ran.error().message, HasSubstr("without " + phrase));
  }
};

TEST_F(LyingEngineTest, RunsNothing) {
  if (!behind_relay()) GTEST_SKIP() << "needs an engine at a Unix socket";
  EXPECT_EQ(must_run(shell("echo ran")).out.text(), "ran\n") << "as long as it is honest";
  expect_refused(R"("CapDrop":["ALL"])", R"("CapDrop":[])", "the drop of capabilities (mask 0x");
  expect_refused(R"("no-new-privileges:true",)", "", "no-new-privileges");
  expect_refused(R"("ReadonlyRootfs":true)", R"("ReadonlyRootfs":null)", "the read-only root");
  expect_refused(R"("Name":"core")", R"("Name":"nice")", "the absence of core dumps");
  expect_refused(R"("PidsLimit":)", R"("PidsLimix":)", "the limit of processes");
  expect_refused(R"("Name":"fsize")", R"("Name":"stack")", "the limit of a file's size");
}

}  // namespace
}  // namespace skill_verifier::sandbox
