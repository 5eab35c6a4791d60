#include "skill_verifier/store/job_state.hpp"

#include <gtest/gtest.h>

#include <set>
#include <utility>

namespace skill_verifier::store {
namespace {

constexpr JobState kAll[] = {JobState::pending, JobState::running, JobState::completed, JobState::failed,
                             JobState::cancelled};

TEST(JobState, AllowsExactlyTheArrowsOfTheDiagram) {
  const std::set<std::pair<JobState, JobState>> arrows{
      {JobState::pending, JobState::running},   {JobState::pending, JobState::failed},
      {JobState::pending, JobState::cancelled}, {JobState::running, JobState::pending},
      {JobState::running, JobState::completed}, {JobState::running, JobState::failed},
      {JobState::running, JobState::cancelled},
  };
  for (const JobState from : kAll)
    for (const JobState to : kAll)
      EXPECT_EQ(may_become(from, to), arrows.contains({from, to})) << to_string(from) << " to " << to_string(to);
}

TEST(JobState, NeverLeavesAFinalState) {
  for (const JobState from : kAll) {
    if (!is_final(from)) continue;
    for (const JobState to : kAll)
      EXPECT_FALSE(may_become(from, to)) << to_string(from) << " to " << to_string(to);
  }
}

TEST(JobState, IsReadBackFromItsName) {
  for (const JobState state : kAll) {
    const auto parsed = parse_job_state(to_string(state));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(*parsed, state);
  }
}

TEST(JobState, RefusesANameThatIsNone) {
  for (const char* text : {"", "Pending", "done", "pending "}) {
    const auto parsed = parse_job_state(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().id, "job_state_invalid");
    EXPECT_EQ(parsed.error().code, Errc::invalid_argument);
  }
}

TEST(JobState, NamesBothStatesOfARefusedTransition) {
  const auto refused = check_transition("abc", JobState::completed, JobState::running);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::conflict);
  EXPECT_EQ(refused.error().message, "job abc is completed and cannot become running");
}

}  // namespace
}  // namespace skill_verifier::store
