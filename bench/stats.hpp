#pragma once

#include <chrono>
#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <vector>

namespace skill_verifier::bench {

using SteadyTime = std::chrono::steady_clock::time_point;

/// Milliseconds since `begin`.
double milliseconds_since(SteadyTime begin);

/// Order statistics of samples. A quantile is the smallest sample that is not below that share of all of them.
struct Summary {
  std::size_t count = 0;
  double min = 0;
  double median = 0;
  double p90 = 0;
  double p99 = 0;
  double max = 0;
};
/// `samples` is not empty.
Summary summarize(std::vector<double> samples);
double median(std::vector<double> samples);

/// Values with three decimals; the unit is in the name of the member that they are put under.
nlohmann::ordered_json to_json(const Summary& summary);
double rounded(double value);

}  // namespace skill_verifier::bench
