#include "skill_verifier/scan/test_report.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "scan/test_report_parts.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::scan {
namespace {

constexpr std::size_t kMaxName = 160;
/// Deeper groups are named without the ones above.
constexpr std::size_t kMaxDepth = 32;

/// A line with ESC [ … letter taken out.
std::string without_colours(std::string_view line) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\x1B' || i + 1 >= line.size() || line[i + 1] != '[') {
      out.push_back(line[i]);
      continue;
    }
    i += 2;
    while (i < line.size() && !(line[i] >= '@' && line[i] <= '~'))
      ++i;
  }
  return out;
}

/// All that failed before any other, but in their order. A test without a name has a number.
void select(TestReport& report, std::vector<TestCase> tests) {
  std::size_t failed = static_cast<std::size_t>(std::ranges::count(tests, TestOutcome::failed, &TestCase::outcome));
  std::size_t others = kMaxReportedTests - std::min(failed, kMaxReportedTests);
  failed = std::min(failed, kMaxReportedTests);
  std::size_t number = 0;
  for (TestCase& test : tests) {
    ++number;
    std::size_t& room = test.outcome == TestOutcome::failed ? failed : others;
    if (room == 0) {
      ++report.left_out;
      continue;
    }
    --room;
    test.name = test.name.empty() ? "#" + std::to_string(number) : core::shorten(test.name, kMaxName);
    report.tests.push_back(std::move(test));
  }
}

}  // namespace

std::string_view to_string(TestOutcome outcome) {
  constexpr std::array<std::string_view, 3> names{"passed", "failed", "skipped"};
  return names[static_cast<std::size_t>(outcome)];
}

void TestTree::open(std::size_t depth, std::string name) {
  if (depth > kMaxDepth) return;
  levels_.resize(depth);
  levels_.push_back({.name = std::move(name)});
}

void TestTree::close(std::size_t depth, std::string name, TestOutcome outcome) {
  if (depth > kMaxDepth) return;
  const bool group = depth < levels_.size() && levels_[depth].members;
  const bool explained = group && (outcome != TestOutcome::failed || levels_[depth].failed_member);
  levels_.resize(depth);
  for (Level& above : levels_) {
    above.members = true;
    above.failed_member = above.failed_member || outcome == TestOutcome::failed;
  }
  if (explained || tests_.size() >= kMaxParsedTests) return;
  std::string path;
  for (const Level& above : levels_)
    if (!above.name.empty()) path += above.name + " > ";
  tests_.push_back({path + name, outcome});
}

void for_each_line(std::string_view text, const std::function<bool(std::string_view line)>& line) {
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    std::string_view raw = text.substr(at, end - at);
    at = end + 1;
    if (raw.ends_with('\r')) raw.remove_suffix(1);
    const bool go_on = raw.find('\x1B') == std::string_view::npos ? line(raw) : line(without_colours(raw));
    if (!go_on) return;
  }
}

TestReport read_test_report(std::string_view output) {
  using Reader = std::vector<TestCase> (*)(std::string_view);
  // The most exact one first: some frameworks write two.
  constexpr std::array<std::pair<const char*, Reader>, 4> readers{
      {{"junit", read_junit}, {"pytest", read_pytest}, {"node", read_node_spec}, {"tap", read_tap}}};
  TestReport report;
  for (const auto& [format, read] : readers) {
    std::vector<TestCase> tests = read(output);
    if (tests.empty()) continue;
    report.format = format;
    select(report, std::move(tests));
    break;
  }
  return report;
}

}  // namespace skill_verifier::scan
