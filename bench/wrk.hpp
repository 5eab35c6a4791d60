#pragma once

#include <cstdint>
#include <string>

#include "process.hpp"

namespace skill_verifier::bench {

/// What one run of wrk saw of a server, and what it cost the server.
struct WrkLoad {
  double requests_per_second = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  double cpu_microseconds = 0;  ///< of the server, per request
};

struct WrkRun {
  std::string path;
  int connections = 32;
  int seconds = 2;
  fs::path script;       ///< Lua, may be empty
  std::string argument;  ///< for the script
};

/// Loads `server` with one thread of wrk. Throws when wrk is missing or an answer was not 2xx.
WrkLoad run_wrk(const Process& server, std::uint16_t port, const WrkRun& run);

}  // namespace skill_verifier::bench
