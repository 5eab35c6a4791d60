#include <gtest/gtest.h>

#include "skill_verifier/sandbox/sandbox.hpp"

namespace skill_verifier::sandbox {
namespace {

TEST(Output, IsItsHeadWhenNothingWasCut) {
  const Output output{.head = "one\ntwo\n", .tail = "", .total = 8, .truncated = false};
  EXPECT_EQ(output.text(), "one\ntwo\n");
  EXPECT_EQ(output.kept(), "one\ntwo\n");
}

TEST(Output, SaysHowManyBytesWereCut) {
  const Output output{.head = "one\n", .tail = "nine\n", .total = 109, .truncated = true};
  EXPECT_EQ(output.text(), "one\n[… 100 bytes omitted …]\nnine\n");
  EXPECT_EQ(output.kept(), "one\nnine\n");
}

TEST(Output, PutsTheMarkOnALineOfItsOwn) {
  const Output output{.head = "on", .tail = "e\n", .total = 10, .truncated = true};
  EXPECT_EQ(output.text(), "on\n[… 6 bytes omitted …]\ne\n");
}

TEST(Outcome, HasStableNames) {
  EXPECT_EQ(to_string(Outcome::exited), "exited");
  EXPECT_EQ(to_string(Outcome::timeout), "timeout");
  EXPECT_EQ(to_string(Outcome::oom), "oom");
  EXPECT_EQ(to_string(Outcome::killed), "killed");
}

}  // namespace
}  // namespace skill_verifier::sandbox
