#pragma once

#include <optional>
#include <string>
#include <vector>

#include "service_process.hpp"

namespace skill_verifier::bench {

/// One line of the table: a value, and the bounds that it should keep.
struct Row {
  std::string what;
  double value = 0;
  std::string unit;
  std::optional<double> least;
  std::optional<double> most;

  bool has_target() const { return least || most; }
  bool reached() const { return (!least || value >= *least) && (!most || value <= *most); }
};

struct Figure {
  std::vector<Row> rows;
  Json details;      ///< everything that was measured
  std::string text;  ///< printed below the rows
};

/// What the service adds to the bare engine calls for one job.
Figure measure_cold_path(Setup& setup);
/// Where a job's time goes, stage by stage: with the pool switched off, and when a container waits for it.
Figure measure_stages(Setup& setup);
/// How long POST /verify takes while eight jobs run.
Figure measure_submit_latency(Setup& setup);
/// How many durable submissions a second the service takes.
Figure measure_throughput(Setup& setup);
/// What 100,000 finished jobs cost in memory and time, against 1,000.
Figure measure_stored(Setup& setup);
/// A burst of 200 jobs, then thousands: what is left of them in the engine and in the service.
Figure measure_soak(Setup& setup);
/// GET /verify/{id} against a bare Beast server. `hello` is the program of hello_server.cpp.
Figure measure_read_rate(Setup& setup, const fs::path& hello);
/// Resident memory of the idle service before and after many jobs.
Figure measure_memory(Setup& setup);

/// The verification of a TDX quote against the signatures that it contains, and against npm's dcap-qvl where that can
/// be installed. Asks nothing of the engine.
Figure measure_dcap(Setup& setup);

/// Jobs that find a container waiting, one at a time and sixteen at once, against `docker run`.
Figure measure_warm(Setup& setup);
/// Jobs by the hundred at set times: the scenarios of README.md, against what the engine does alone.
Figure measure_load(Setup& setup);
/// The same kind of load against any server with the same API. It has to allow archives.
Figure measure_other_server(Setup& setup, const std::string& url);

}  // namespace skill_verifier::bench
