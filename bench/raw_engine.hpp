#pragma once

#include <string>

#include "service_process.hpp"
#include "stats.hpp"

namespace skill_verifier::bench {

/// Milliseconds from the begin of the sequence to the end of each step.
struct RawSample {
  double created = 0;
  double attached = 0;  ///< the wait for the exit is subscribed to as well
  double started = 0;
  double output = 0;  ///< the command's output is here
  double ended = 0;   ///< the output is at its end
  double exited = 0;  ///< the wait is answered
  double removed = 0;
};

/// The container that the service would make for a job (the strict profile), with `sh -c` and the greeting in the place
/// of init. Nothing removes it but the sequence itself.
std::string raw_body(const std::string& image_id);
/// Create, attach, wait, start, read the output to its end, await the exit, remove.
awaitable<Result<RawSample>> raw_sequence(sandbox::Engine& engine, std::string body);

}  // namespace skill_verifier::bench
