#include "skill_verifier/auth/access.hpp"

#include <gtest/gtest.h>

namespace skill_verifier::auth {
namespace {

constexpr Operation kAll[] = {Operation::open,   Operation::read,   Operation::list,
                              Operation::submit, Operation::cancel, Operation::admin};

Caller caller(const std::string& id, const char* scopes) {
  auto key = std::make_shared<ApiKey>();
  key->id = id;
  key->scopes = *parse_scopes(scopes);
  return {{}, std::move(key)};
}

TEST(Decide, ByDefaultAnybodyReadsAndNobodyElseDoesAnything) {
  const AccessPolicy policy;
  for (const Operation operation : kAll) {
    const bool reads = operation == Operation::open || operation == Operation::read;
    EXPECT_EQ(decide(policy, false, operation, std::nullopt), reads ? Decision::allowed : Decision::needs_key);
    const bool administers = operation == Operation::admin;
    EXPECT_EQ(decide(policy, true, operation, std::nullopt), administers ? Decision::needs_key : Decision::allowed)
        << "on a loopback listener";
  }
}

TEST(Decide, AKeyMayDoWhatItsScopesSay) {
  AccessPolicy policy;
  policy.read = Openness::key;
  const auto with = [&](const char* scopes, Operation operation) {
    return decide(policy, false, operation, *parse_scopes(scopes));
  };
  EXPECT_EQ(with("read", Operation::read), Decision::allowed);
  EXPECT_EQ(with("read", Operation::list), Decision::allowed);
  EXPECT_EQ(with("read", Operation::submit), Decision::needs_scope);
  EXPECT_EQ(with("submit", Operation::submit), Decision::allowed);
  EXPECT_EQ(with("submit", Operation::read), Decision::needs_scope);
  EXPECT_EQ(with("submit", Operation::cancel), Decision::needs_scope);
  EXPECT_EQ(with("read,submit,cancel", Operation::admin), Decision::needs_scope);
  for (const Operation operation : kAll)
    EXPECT_EQ(with("admin", operation), Decision::allowed);
}

TEST(Decide, AKeyTakesNothingAwayThatEverybodyHas) {
  EXPECT_EQ(decide({}, false, Operation::read, *parse_scopes("submit")), Decision::allowed);
  EXPECT_EQ(decide({}, true, Operation::cancel, *parse_scopes("read")), Decision::allowed);
}

TEST(Caller, SeesPublicJobsAndItsOwn) {
  const Caller nobody, mine = caller("mine", "read"), admin = caller("boss", "admin");
  const store::JobAccess open{"mine", false}, secret{"mine", true}, theirs{"theirs", true};
  for (const Caller* one : {&nobody, &mine, &admin})
    EXPECT_TRUE(one->may_see(open));
  EXPECT_FALSE(nobody.may_see(secret));
  EXPECT_TRUE(mine.may_see(secret));
  EXPECT_FALSE(mine.may_see(theirs));
  EXPECT_TRUE(admin.may_see(theirs));
  EXPECT_EQ(nobody.viewer(), "");
  EXPECT_EQ(mine.viewer(), "mine");
  EXPECT_EQ(admin.viewer(), std::nullopt);
}

TEST(Caller, CancelsItsOwnJobsOnly) {
  const Caller nobody, mine = caller("mine", "cancel"), admin = caller("boss", "admin");
  const store::JobAccess own{"mine", false}, theirs{"theirs", false}, anonymous{"", false};
  for (const bool anonymous_may : {false, true}) {
    EXPECT_FALSE(nobody.may_cancel(own, anonymous_may));
    EXPECT_EQ(nobody.may_cancel(anonymous, anonymous_may), anonymous_may);
    EXPECT_TRUE(mine.may_cancel(own, anonymous_may));
    EXPECT_FALSE(mine.may_cancel(theirs, anonymous_may));
    EXPECT_EQ(mine.may_cancel(anonymous, anonymous_may), anonymous_may);
    EXPECT_TRUE(admin.may_cancel(theirs, anonymous_may));
    EXPECT_TRUE(admin.may_cancel(anonymous, anonymous_may));
  }
}

}  // namespace
}  // namespace skill_verifier::auth
