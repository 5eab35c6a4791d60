#include "service/policy.hpp"

#include <gtest/gtest.h>

namespace skill_verifier::service {
namespace {

using std::chrono::milliseconds;

skill::Manifest manifest() {
  skill::Manifest made;
  made.file = "SKILL.md";
  made.test.command = skill::Command{{"true"}, false};
  made.test.timeout = milliseconds(30'000);
  made.test.env = {{"A", "1"}};
  return made;
}

TEST(MakePlan, TakesTheManifestAsItIsWithinTheRules) {
  const auto plan = make_plan(manifest(), {});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->test->argv, std::vector<std::string>{"true"});
  EXPECT_EQ(plan->test->timeout, milliseconds(30'000));
  EXPECT_EQ(plan->test->env[0].first, "A");
  EXPECT_FALSE(plan->test_bridge);
  EXPECT_FALSE(plan->deps);
  EXPECT_TRUE(plan->warnings.empty());
}

TEST(MakePlan, RunsNothingWithoutATest) {
  auto untested = manifest();
  untested.test.command.reset();
  untested.test.deps = skill::Command{{"true"}, false};
  const auto plan = make_plan(untested, {});
  ASSERT_TRUE(plan);
  EXPECT_FALSE(plan->test);
  EXPECT_FALSE(plan->deps);
}

TEST(MakePlan, CapsTheTimeLimitAndSaysSo) {
  auto slow = manifest();
  slow.test.timeout = milliseconds(600'000);
  ServiceOptions options;
  options.max_test_timeout = milliseconds(120'000);
  auto plan = make_plan(slow, options);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->test->timeout, milliseconds(120'000));
  ASSERT_EQ(plan->warnings.size(), 1u);
  EXPECT_EQ(plan->warnings[0].code, "timeout_capped");
  options.limits.max_timeout = milliseconds(60'000);
  EXPECT_EQ(make_plan(slow, options)->test->timeout, milliseconds(60'000)) << "the sandbox's limit counts too";
}

TEST(MakePlan, GivesANetworkOnlyWhenManifestAndPolicyAgree) {
  for (const bool wanted : {false, true}) {
    for (const bool allowed : {false, true}) {
      auto one = manifest();
      one.test.network = wanted ? skill::Network::bridge : skill::Network::none;
      ServiceOptions options;
      options.allow_bridge_for_tests = allowed;
      const auto plan = make_plan(one, options);
      ASSERT_TRUE(plan);
      EXPECT_EQ(plan->test_bridge, wanted && allowed);
      EXPECT_EQ(plan->warnings.size(), wanted && !allowed ? 1u : 0u);
      if (wanted && !allowed) EXPECT_EQ(plan->warnings[0].code, "network_denied");
    }
  }
}

TEST(MakePlan, DepsHaveTheirOwnLimitAndNetwork) {
  auto one = manifest();
  one.test.deps = skill::Command{{"/bin/sh", "-c", "npm install"}, true};
  ServiceOptions options;
  options.deps_timeout = milliseconds(7'000);
  auto plan = make_plan(one, options);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->deps->timeout, milliseconds(7'000));
  EXPECT_TRUE(plan->deps_bridge);
  options.allow_bridge_for_deps = false;
  EXPECT_FALSE(make_plan(one, options)->deps_bridge);
}

TEST(MakePlan, RefusesDepsWherePolicyForbidsThem) {
  auto one = manifest();
  one.test.deps = skill::Command{{"true"}, false};
  ServiceOptions options;
  options.allow_deps = false;
  const auto plan = make_plan(one, options);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().id, "deps_not_allowed");
  EXPECT_EQ(plan.error().code, Errc::rejected);
}

}  // namespace
}  // namespace skill_verifier::service
