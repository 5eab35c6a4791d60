#include "stats.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace skill_verifier::bench {
namespace {

double quantile(const std::vector<double>& sorted, double share) {
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted.at(std::max<std::size_t>(rank, 1) - 1);
}

}  // namespace

double milliseconds_since(SteadyTime begin) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

Summary summarize(std::vector<double> samples) {
  std::ranges::sort(samples);
  Summary summary;
  summary.count = samples.size();
  summary.min = samples.front();
  summary.median = quantile(samples, 0.5);
  summary.p90 = quantile(samples, 0.9);
  summary.p99 = quantile(samples, 0.99);
  summary.max = samples.back();
  return summary;
}

double median(std::vector<double> samples) {
  return summarize(std::move(samples)).median;
}

double rounded(double value) {
  return std::round(value * 1000) / 1000;
}

nlohmann::ordered_json to_json(const Summary& summary) {
  return {{"count", summary.count},      {"min", rounded(summary.min)}, {"median", rounded(summary.median)},
          {"p90", rounded(summary.p90)}, {"p99", rounded(summary.p99)}, {"max", rounded(summary.max)}};
}

}  // namespace skill_verifier::bench
