#pragma once

#include <vector>

#include "load.hpp"

namespace skill_verifier::bench {

Summary summary_of(const LoadReport& report, double JobSample::* member);
Json to_json(const LoadReport& report);
/// One line of the table, and its head.
void print_load_header();
void print_load(const LoadReport& report);

/// Writes latency.svg/.png (share of jobs that have their verdict after so long, per scenario) and throughput.svg/.png
/// (finished against offered jobs per second) with gnuplot into the folder. Throws when gnuplot is missing.
void draw_plots(const fs::path& folder, const std::vector<LoadReport>& reports, double docker_run_ms);

}  // namespace skill_verifier::bench
