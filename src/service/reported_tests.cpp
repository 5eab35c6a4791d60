#include "service/reported_tests.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

namespace skill_verifier::service {
namespace {

/// The middle of a long output is missing: the lines next to the gap are not whole.
std::string whole_lines(const sandbox::Output& output) {
  if (!output.truncated) return output.kept();
  const auto last = output.head.rfind('\n');
  const auto first = output.tail.find('\n');
  std::string text = last == std::string::npos ? std::string() : output.head.substr(0, last + 1);
  if (first != std::string::npos) text += output.tail.substr(first + 1);
  return text;
}

}  // namespace

scan::TestReport reported_tests(const sandbox::RunResult& run) {
  scan::TestReport report = scan::read_test_report(whole_lines(run.out));
  return report.tests.empty() ? scan::read_test_report(whole_lines(run.err)) : report;
}

std::size_t failures(const scan::TestReport& report) {
  return static_cast<std::size_t>(
      std::ranges::count(report.tests, scan::TestOutcome::failed, &scan::TestCase::outcome));
}

void add_reported_tests(attest::StatementInput& made, const scan::TestReport& report) {
  std::set<std::string_view> failed;
  for (const scan::TestCase& test : report.tests)
    if (test.outcome == scan::TestOutcome::failed) failed.insert(test.name);
  for (const scan::TestCase& test : report.tests) {
    if (test.outcome == scan::TestOutcome::failed) made.failed_tests.push_back("test_command/" + test.name);
    if (test.outcome == scan::TestOutcome::passed && !failed.contains(test.name))
      made.passed_tests.push_back("test_command/" + test.name);
  }
}

core::OrderedJson reported_tests_json(const scan::TestReport& report) {
  core::OrderedJson json;
  json["format"] = report.format;
  json["leftOut"] = report.left_out;
  json["cases"] = core::OrderedJson::array();
  for (const scan::TestCase& test : report.tests) {
    core::OrderedJson one;
    one["name"] = test.name;
    one["outcome"] = to_string(test.outcome);
    json["cases"].push_back(std::move(one));
  }
  return json;
}

}  // namespace skill_verifier::service
