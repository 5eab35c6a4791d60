#include "wrk.hpp"

#include <fmt/core.h>

#include <cstdio>
#include <memory>
#include <sstream>
#include <stdexcept>

namespace skill_verifier::bench {
namespace {

std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "re"), &pclose);
  if (!pipe) throw std::runtime_error("cannot run " + command);
  std::string output;
  for (char buffer[4096]; const auto count = std::fread(buffer, 1, sizeof buffer, pipe.get());)
    output.append(buffer, count);
  return output;
}

/// The number that stands before `word`.
double number_before(const std::string& text, const std::string& word) {
  const auto end = text.find(word);
  if (end == std::string::npos)
    throw std::runtime_error("wrk did not say what was expected (is it installed?): " + text);
  const auto begin = text.find_last_not_of("0123456789.", end - 1);
  return std::stod(text.substr(begin + 1, end - begin - 1));
}

/// The milliseconds of the line `  50%   1.23ms`.
double percentile(const std::string& text, const std::string& name) {
  const auto line = text.find("\n     " + name);
  if (line == std::string::npos) throw std::runtime_error("wrk names no " + name + ": " + text);
  std::istringstream words(text.substr(line));
  std::string label, unit;
  double value = 0;
  words >> label >> value >> unit;
  if (unit == "us") return value / 1000;
  return unit == "s" ? value * 1000 : value;
}

}  // namespace

WrkLoad run_wrk(const Process& server, std::uint16_t port, const WrkRun& run) {
  std::string command = fmt::format("wrk -t1 -c{} -d{}s --latency", run.connections, run.seconds);
  if (!run.script.empty()) command += fmt::format(" -s '{}'", run.script.string());
  command += fmt::format(" 'http://127.0.0.1:{}{}'", port, run.path);
  if (!run.argument.empty()) command += fmt::format(" -- '{}'", run.argument);
  const double cpu = server.cpu_seconds();
  const std::string said = output_of(command + " 2>&1");
  const double used = server.cpu_seconds() - cpu;
  for (const char* trouble : {"Non-2xx", "Socket errors"})
    if (said.find(trouble) != std::string::npos) throw std::runtime_error("requests failed: " + said);
  const double requests = number_before(said, " requests in ");
  const auto after = said.substr(said.find(" requests in ") + 1);
  WrkLoad load;
  load.requests_per_second = requests / number_before(after, "s,");
  load.p50_ms = percentile(said, "50%");
  load.p99_ms = percentile(said, "99%");
  load.cpu_microseconds = used * 1e6 / requests;
  return load;
}

}  // namespace skill_verifier::bench
