#include "skill_verifier/core/clock.hpp"

#include <gtest/gtest.h>

namespace skill_verifier::core {
namespace {

TEST(Rfc3339, WritesMillisecondsAndZ) {
  EXPECT_EQ(to_rfc3339(Time{std::chrono::milliseconds(0)}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(Time{std::chrono::milliseconds(1769776496789)}), "2026-01-30T12:34:56.789Z");
  EXPECT_EQ(to_rfc3339(Time{std::chrono::milliseconds(-1)}), "1969-12-31T23:59:59.999Z");
}

TEST(Rfc3339, ReadsWhatItWrites) {
  for (const std::int64_t ms : {0LL, 951'782'400'000LL, 1'769'776'496'789LL, 4'102'444'799'999LL}) {
    const Time time{std::chrono::milliseconds(ms)};
    const auto parsed = parse_rfc3339(to_rfc3339(time));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(*parsed, time);
  }
}

TEST(Rfc3339, AppliesOffsetsAndCutsLongFractions) {
  EXPECT_EQ(to_rfc3339(*parse_rfc3339("2026-01-30T14:34:56.78912+02:00")), "2026-01-30T12:34:56.789Z");
  EXPECT_EQ(to_rfc3339(*parse_rfc3339("2026-01-30t12:34:56z")), "2026-01-30T12:34:56.000Z");
  EXPECT_EQ(to_rfc3339(*parse_rfc3339("2026-01-30 12:34:56.5-01:30")), "2026-01-30T14:04:56.500Z");
}

TEST(Rfc3339, RefusesWhatIsNoTime) {
  for (const char* text : {"", "2026", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-01-01T24:00:00Z",
                           "2026-01-01T00:60:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z",
                           "2026-01-01T00:00:00Zx", "2026-01-01T00:00:00+24:00", "26-01-01T00:00:00Z"})
    EXPECT_FALSE(parse_rfc3339(text)) << text;
}

TEST(SystemClock, IsAfterThisCodeWasWritten) {
  EXPECT_GT(SystemClock().now(), *parse_rfc3339("2026-01-01T00:00:00Z"));
}

}  // namespace
}  // namespace skill_verifier::core
