#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace skill_verifier::bench {

/// When requests are due, from the begin of a run, ascending. They are sent then whether or not earlier ones were
/// answered: a server that stalls is charged for everybody who had to wait (no coordinated omission).
using Arrivals = std::vector<std::chrono::nanoseconds>;

/// Independent arrivals at `per_second` on average for `length`. The same seed gives the same arrivals.
Arrivals poisson(double per_second, std::chrono::nanoseconds length, std::uint64_t seed);
/// All at once.
Arrivals burst(std::size_t count);

}  // namespace skill_verifier::bench
