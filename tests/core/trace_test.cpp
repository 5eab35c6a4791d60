#include "skill_verifier/core/trace.hpp"

#include <gtest/gtest.h>

namespace skill_verifier::core {
namespace {

const std::string kTrace = "0af7651916cd43dd8448eb211c80319c";
const std::string kParent = "b7ad6b7169203331";

TEST(ParseTraceparent, ReadsWhatTheStandardShows) {
  const auto context = parse_traceparent("00-" + kTrace + "-" + kParent + "-01");
  ASSERT_TRUE(context);
  EXPECT_EQ(context->trace_id, kTrace);
  EXPECT_EQ(context->parent_id, kParent);
  EXPECT_EQ(context->flags, "01");
}

TEST(ParseTraceparent, TakesTheKnownPartOfALaterVersion) {
  EXPECT_TRUE(parse_traceparent("cc-" + kTrace + "-" + kParent + "-01"));
  EXPECT_TRUE(parse_traceparent("cc-" + kTrace + "-" + kParent + "-01-what-comes-then"));
  EXPECT_FALSE(parse_traceparent("cc-" + kTrace + "-" + kParent + "-01.what"));
}

TEST(ParseTraceparent, RefusesWhatBreaksARule) {
  const std::string good = "00-" + kTrace + "-" + kParent + "-01";
  for (std::size_t length = 0; length < good.size(); ++length)
    EXPECT_FALSE(parse_traceparent(good.substr(0, length))) << length;
  for (const std::string& bad :
       {good + "-", good + "-00", good + "0", " " + good, "ff" + good.substr(2), "0G" + good.substr(2),
        "00-" + std::string(32, '0') + "-" + kParent + "-01", "00-" + kTrace + "-" + std::string(16, '0') + "-01",
        "00-" + std::string("0AF7651916CD43DD8448EB211C80319C") + "-" + kParent + "-01", "00_" + good.substr(3),
        "00-" + kTrace + "-" + kParent + "-0x", "00-" + kTrace + kParent + "--01"})
    EXPECT_FALSE(parse_traceparent(bad)) << bad;
}

TEST(OwnSpan, StaysInTheTraceUnderASpanOfItsOwn) {
  const auto parent = parse_traceparent("00-" + kTrace + "-" + kParent + "-03");
  const TraceContext own = own_span(parent);
  EXPECT_EQ(own.trace_id, kTrace);
  EXPECT_NE(own.parent_id, kParent);
  EXPECT_EQ(own.flags, "01") << "only the flag that we know is passed on";
  EXPECT_TRUE(parse_traceparent(to_traceparent(own)));
}

TEST(OwnSpan, BeginsATraceWhereThereIsNone) {
  const TraceContext one = own_span(std::nullopt), two = own_span(std::nullopt);
  EXPECT_NE(one.trace_id, two.trace_id);
  EXPECT_TRUE(parse_traceparent(to_traceparent(one)));
}

TEST(TraceBinding, HoldsWhileItLives) {
  EXPECT_EQ(bound_trace("r1"), "");
  {
    const TraceBinding binding("r1", "t1");
    EXPECT_EQ(bound_trace("r1"), "t1");
    EXPECT_EQ(bound_trace("r"), "");
    TraceBinding moved;
    {
      TraceBinding second("r1", "t2");
      EXPECT_EQ(bound_trace("r1"), "t1") << "the first holds";
      moved = std::move(second);
    }
    EXPECT_EQ(bound_trace("r1"), "t1");
  }
  EXPECT_EQ(bound_trace("r1"), "");
}

TEST(TraceBinding, BindsNothingToNobody) {
  const TraceBinding none("", "t"), empty("r2", "");
  EXPECT_EQ(bound_trace(""), "");
  EXPECT_EQ(bound_trace("r2"), "");
}

}  // namespace
}  // namespace skill_verifier::core
