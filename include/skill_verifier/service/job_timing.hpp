#pragma once

#include <chrono>

namespace skill_verifier::service {

/// Where the time of one job went, stage by stage; what was not done is zero. Never part of a statement: two runs of
/// the same skill differ in nothing else.
struct JobTiming {
  using Time = std::chrono::microseconds;

  Time intake{0};     ///< package expanded and checked, manifest read
  Time stored{0};     ///< package and row made durable
  Time queued{0};     ///< waited for a worker, over all attempts; pauses between them included
  Time begun{0};      ///< written down as running
  Time checks{0};     ///< package read again and checked statically
  Time image{0};      ///< runtime image resolved
  Time deps{0};       ///< test_deps, or their image found
  Time container{0};  ///< until the sandbox was ready for the package
  Time package{0};    ///< package sent and unpacked
  Time command{0};    ///< the test itself
  Time examined{0};   ///< from the test's end until the checks that run something, begun beside it, were judged
  Time judged{0};     ///< from init's report to the statement's bytes
  Time quote{0};
  Time finished{0};   ///< the verdict made durable
  Time total{0};      ///< from the submission to the verdict's visibility
  bool warm = false;  ///< the container had waited for the job
};

}  // namespace skill_verifier::service
