#include "skill_verifier/core/metrics.hpp"

#include <gtest/gtest.h>

namespace skill_verifier::core {
namespace {

using namespace std::chrono_literals;

TEST(MetricsText, WritesFamiliesWithTheirSamples) {
  MetricsText text;
  text.counter("things_total", "Things, so far.");
  text.sample({}, 12);
  text.gauge("temperature_celsius", "Now.");
  text.sample({{"room", "a"}, {"floor", "2"}}, -1.5);
  EXPECT_EQ(text.text(),
            "# HELP things_total Things, so far.\n# TYPE things_total counter\nthings_total 12\n"
            "# HELP temperature_celsius Now.\n# TYPE temperature_celsius gauge\n"
            "temperature_celsius{room=\"a\",floor=\"2\"} -1.5\n");
}

TEST(MetricsText, EscapesLabelValuesAndHelp) {
  MetricsText text;
  text.gauge("a", "one\\two\n\"three\"");
  text.sample({{"l", "a\"b\\c\nd"}}, 1);
  EXPECT_EQ(text.text(), "# HELP a one\\\\two\\n\"three\"\n# TYPE a gauge\na{l=\"a\\\"b\\\\c\\nd\"} 1\n");
}

TEST(MetricsText, WritesLargeCountersExactly) {
  MetricsText text;
  text.counter("n_total", "n");
  text.sample({}, 123456789012345.0);
  EXPECT_NE(text.text().find("n_total 123456789012345\n"), std::string::npos) << text.text();
}

TEST(Histogram, CountsEachDurationInTheSmallestBucketThatHoldsIt) {
  Histogram histogram;
  for (const auto duration : {std::chrono::nanoseconds(1ms), std::chrono::nanoseconds(1001us),
                              std::chrono::nanoseconds(3s), std::chrono::nanoseconds(1h)})
    histogram.observe(duration);
  EXPECT_EQ(histogram.at_most(0), 1u);
  EXPECT_EQ(histogram.at_most(1), 2u);
  EXPECT_EQ(histogram.at_most(Histogram::kBounds.size() - 1), 3u);
  EXPECT_EQ(histogram.count(), 4u);
  EXPECT_NEAR(histogram.sum(), 3603.002, 0.001);
}

TEST(Histogram, IsWrittenWithCumulativeBuckets) {
  Histogram histogram;
  histogram.observe(2ms);
  histogram.observe(1h);
  MetricsText text;
  text.histogram("h_seconds", "h");
  text.sample({{"stage", "x"}}, histogram);
  for (const char* line :
       {"h_seconds_bucket{stage=\"x\",le=\"0.001\"} 0\n", "h_seconds_bucket{stage=\"x\",le=\"0.0025\"} 1\n",
        "h_seconds_bucket{stage=\"x\",le=\"600\"} 1\n", "h_seconds_bucket{stage=\"x\",le=\"+Inf\"} 2\n",
        "h_seconds_sum{stage=\"x\"} 3600.002\n", "h_seconds_count{stage=\"x\"} 2\n"})
    EXPECT_NE(text.text().find(line), std::string::npos) << line << text.text();
}

}  // namespace
}  // namespace skill_verifier::core
