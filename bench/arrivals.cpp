#include "arrivals.hpp"

#include <random>

namespace skill_verifier::bench {

Arrivals poisson(double per_second, std::chrono::nanoseconds length, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::exponential_distribution<double> gap(per_second);
  Arrivals arrivals;
  for (double seconds = gap(random);; seconds += gap(random)) {
    const auto due = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(seconds));
    if (due >= length) return arrivals;
    arrivals.push_back(due);
  }
}

Arrivals burst(std::size_t count) {
  return Arrivals(count, std::chrono::nanoseconds(0));
}

}  // namespace skill_verifier::bench
