#include "plot.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <stdexcept>

namespace skill_verifier::bench {
namespace {

constexpr std::string_view kCurve = "load-";
constexpr int kColours = 8;  ///< gnuplot repeats them after so many lines

Summary summarize_or_nothing(std::vector<double> values) {
  return values.empty() ? Summary{} : summarize(std::move(values));
}

Json stages_json(const LoadReport& report) {
  std::set<std::string> names;
  for (const auto& sample : report.samples)
    for (const auto& [name, value] : sample.stages)
      names.insert(name);
  Json stages = Json::object();
  for (const auto& name : names) {
    std::vector<double> values;
    for (const auto& sample : report.samples)
      if (const auto stage = sample.stages.find(name); stage != sample.stages.end()) values.push_back(stage->second);
    stages[name] = to_json(summarize(std::move(values)));
  }
  return stages;
}

std::ofstream writable(const fs::path& file) {
  std::ofstream out(file, std::ios::trunc);
  if (!out) throw std::runtime_error("cannot write " + file.string());
  return out;
}

bool is_curve(const LoadReport& report) {
  return report.name.starts_with(kCurve);
}

/// One file a scenario: milliseconds, share of jobs.
void write_latencies(const fs::path& file, const LoadReport& report) {
  std::vector<double> values;
  for (const auto& sample : report.samples)
    values.push_back(sample.verdict);
  std::ranges::sort(values);
  auto out = writable(file);
  for (std::size_t i = 0; i < values.size(); ++i)
    out << fmt::format("{} {}\n", values[i], static_cast<double>(i + 1) / static_cast<double>(values.size()));
}

/// The same drawing twice: for pages that scale and for those that do not.
std::string terminals(const std::string& name, const std::string& commands) {
  return fmt::format(
      "set terminal svg size 900,540 font 'sans,13' background '#ffffff'; set output '{0}.svg'; {1}\n"
      "set terminal pngcairo size 900,540 font 'sans,11'; set output '{0}.png'; {1}\n",
      name, commands);
}

std::string latency_commands(const std::vector<LoadReport>& reports, double docker_run_ms) {
  std::string curves;
  int index = 0;
  for (const auto& report : reports) {
    if (is_curve(report) || report.name.find('/') != std::string::npos || report.samples.empty()) continue;
    curves += fmt::format("{}'latency-{}.dat' using 1:2 with lines linewidth 2 dashtype {} title '{}'",
                          curves.empty() ? "" : ", ", index, 1 + index / kColours, report.name);
    ++index;
  }
  return fmt::format(
      "set logscale x; set grid; set key bottom right; set yrange [0:1]; set xlabel 'milliseconds from due to "
      "verdict'; "
      "set ylabel 'share of jobs'; set arrow 1 from {0},0 to {0},1 nohead dashtype 2; "
      "set label 1 'docker run --rm' at {0},0.03 rotate by 90 offset -0.8,0; plot {1}",
      docker_run_ms, curves);
}

constexpr const char* kThroughputCommands =
    "unset logscale; unset arrow 1; unset label 1; set grid; set key top left; set yrange [0:*]; set xrange [0:*]; "
    "set xlabel 'offered jobs/s'; set ylabel 'finished jobs/s'; set y2label 'p99, ms'; set y2tics; set ytics nomirror; "
    "set y2range [0:*]; plot 'throughput.dat' using 1:2 with linespoints linewidth 2 title 'finished', "
    "x with lines dashtype 2 title 'all of them', "
    "'throughput.dat' using 1:3 axes x1y2 with linespoints title 'p99 (right axis)'";

}  // namespace

Summary summary_of(const LoadReport& report, double JobSample::* member) {
  std::vector<double> values;
  for (const auto& sample : report.samples)
    values.push_back(sample.*member);
  return summarize_or_nothing(std::move(values));
}

Json to_json(const LoadReport& report) {
  Json json{{"name", report.name},
            {"jobs", report.jobs},
            {"failed", report.failed},
            {"offeredPerSecond", rounded(report.offered)},
            {"seconds", rounded(report.seconds)},
            {"jobsPerSecond", rounded(report.jobs_per_second)},
            {"acceptedMs", to_json(summary_of(report, &JobSample::accepted))},
            {"verdictMs", to_json(summary_of(report, &JobSample::verdict))},
            {"stagesMs", stages_json(report)},
            {"serviceCpuMsPerJob", rounded(report.service_cpu_ms)},
            {"machineCpuMsPerJob", rounded(report.machine_cpu_ms)},
            {"peakRssBytes", report.peak_bytes},
            {"readsPerSecond", rounded(report.reads_per_second)}};
  if (!report.first_failure.empty()) json["firstFailure"] = report.first_failure;
  return json;
}

void print_load_header() {
  fmt::print("\n{:<30} {:>5} {:>4} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>7}\n", "Scenario (verdict in ms)",
             "jobs", "bad", "p50", "p90", "p99", "max", "jobs/s", "cpu/job", "all cpu", "RSS MB");
}

void print_load(const LoadReport& report) {
  const auto verdict = summary_of(report, &JobSample::verdict);
  fmt::print("  {:<28} {:>5} {:>4} {:>8.1f} {:>8.1f} {:>8.1f} {:>8.1f} {:>8.1f} {:>8.2f} {:>8.1f} {:>7.1f}\n",
             report.name, report.jobs, report.failed, verdict.median, verdict.p90, verdict.p99, verdict.max,
             report.jobs_per_second, report.service_cpu_ms, report.machine_cpu_ms,
             static_cast<double>(report.peak_bytes) / 1e6);
  if (!report.first_failure.empty()) fmt::print("    first failure: {}\n", report.first_failure);
  std::fflush(stdout);
}

void draw_plots(const fs::path& folder, const std::vector<LoadReport>& reports, double docker_run_ms) {
  fs::create_directories(folder);
  int index = 0;
  auto throughput = writable(folder / "throughput.dat");
  for (const auto& report : reports) {
    if (is_curve(report))
      throughput << fmt::format("{} {} {}\n", report.offered, report.jobs_per_second,
                                summary_of(report, &JobSample::verdict).p99);
    else if (report.name.find('/') == std::string::npos && !report.samples.empty())
      write_latencies(folder / fmt::format("latency-{}.dat", index++), report);
  }
  throughput.close();
  writable(folder / "plots.gnuplot") << terminals("latency", latency_commands(reports, docker_run_ms))
                                     << terminals("throughput", kThroughputCommands);
  const auto command = fmt::format("cd '{}' && gnuplot plots.gnuplot", folder.string());
  if (std::system(command.c_str()) != 0)
    throw std::runtime_error("gnuplot failed (is gnuplot-nox installed?); the data are in " + folder.string());
}

}  // namespace skill_verifier::bench
