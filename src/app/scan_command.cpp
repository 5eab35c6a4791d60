#include <cstdio>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "app/commands.hpp"
#include "app/program.hpp"
#include "app/scan_paths.hpp"
#include "skill_verifier/scan/format.hpp"

namespace skill_verifier::app {
namespace {

class ScanRun {
 public:
  ScanRun(const ScanOptions& options, const scan::Profile& profile, std::optional<scan::Severity> fail_on)
      : options_(options), profile_(profile), fail_on_(fail_on) {}

  void path(const std::string& path) {
    auto report = scan_path(path, profile_);
    if (!report) {
      std::fprintf(stderr, "skill-verifier: %s: %s [%s]\n", path.c_str(), report.error().message.c_str(),
                   report.error().id.c_str());
      unreadable_ = true;
      return;
    }
    for (const scan::Row& row : report->rows) {
      const bool hit = row.outcome == scan::Outcome::failed || row.outcome == scan::Outcome::warned;
      const bool excused = row.allowed && row.severity != scan::Severity::critical;
      failed_ = failed_ || (fail_on_ && hit && !excused && row.severity >= *fail_on_);
    }
    scan::Scanned scanned{path, std::move(*report)};
    if (options_.format == "sarif") {
      all_.push_back(std::move(scanned));
    } else {
      std::cout << (options_.format == "json" ? to_json(scanned, profile_) : to_text(scanned, profile_)) << "\n";
    }
  }

  int finish() {
    if (options_.format == "sarif") std::cout << scan::to_sarif(all_, profile_, program_version()) << "\n";
    std::cout.flush();
    return unreadable_ ? exit_error : failed_ ? exit_failed : exit_ok;
  }

 private:
  const ScanOptions& options_;
  const scan::Profile& profile_;
  const std::optional<scan::Severity> fail_on_;
  std::vector<scan::Scanned> all_;
  bool failed_ = false;
  bool unreadable_ = false;
};

int usage(const std::string& message) {
  std::fprintf(stderr, "skill-verifier: %s\n", message.c_str());
  return exit_usage;
}

}  // namespace

int scan_command(const ScanOptions& options) {
  if (options.format != "text" && options.format != "json" && options.format != "sarif")
    return usage("--format is text, json or sarif, not '" + core::shorten(options.format) + "'");
  std::optional<scan::Severity> fail_on;
  if (options.fail_on != "never") {
    const auto severity = scan::parse_severity(options.fail_on);
    if (!severity) return usage("--fail-on: " + severity.error().message + ", or never");
    fail_on = *severity;
  }
  const auto profile = scan::standard_profile();
  if (!profile) return usage(profile.error().message);
  ScanRun run(options, *profile, fail_on);
  for (const std::string& path : options.paths) {
    if (path != "-") {
      run.path(path);
      continue;
    }
    for (std::string line; std::getline(std::cin, line);)
      if (!line.empty()) run.path(line);
  }
  return run.finish();
}

}  // namespace skill_verifier::app
