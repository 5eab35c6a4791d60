#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "arrivals.hpp"
#include "service_process.hpp"
#include "stats.hpp"

namespace skill_verifier::bench {

/// Jobs to be sent to a server, and when.
struct Plan {
  std::string name;
  Arrivals arrivals;
  /// The request of the n-th job.
  std::function<net::Request(std::size_t)> request;
  /// Sends a job only when the one before has its verdict; `arrivals` then only says how many.
  bool one_at_a_time = false;
  /// Connections that meanwhile read a finished job again and again.
  int readers = 0;
  /// Jobs due per second, as asked for; 0 for a burst.
  double offered = 0;
};

/// One job, seen from outside. Milliseconds since it was due.
struct JobSample {
  double accepted = 0;                   ///< the 202 is here
  double verdict = 0;                    ///< the long poll is answered
  std::map<std::string, double> stages;  ///< durations as the service itself reports them (`?timing=1`)
};

struct LoadReport {
  std::string name;
  std::size_t jobs = 0;
  std::size_t failed = 0;     ///< refused, or without a verdict of `passed`
  std::string first_failure;  ///< why
  double offered = 0;         ///< Plan::offered
  double seconds = 0;         ///< from the first arrival to the last verdict
  double jobs_per_second = 0;
  double service_cpu_ms = 0;     ///< a job, the service's own process
  double machine_cpu_ms = 0;     ///< a job, everything that ran on the machine, the engine and this program too
  std::uint64_t peak_bytes = 0;  ///< largest resident size of the service since its start
  double reads_per_second = 0;
  std::vector<JobSample> samples;  ///< of the jobs that passed, in order of arrival
};

/// Any server with the service's API. `process` may be null: then CPU and memory of the service are not known.
struct Target {
  net::Endpoint endpoint;
  const Process* process = nullptr;
};

LoadReport run_load(Loop& loop, const Target& target, const Plan& plan);

}  // namespace skill_verifier::bench
