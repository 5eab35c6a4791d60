#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/scan/test_report.hpp"

namespace skill_verifier::scan {

/// Bounds what a report made of nothing but tests may take before the rest is only counted.
constexpr std::size_t kMaxParsedTests = 20'000;

/// Tests in groups, as they are reported: a group after its members.
class TestTree {
 public:
  /// A group begins at `depth`, or a test of that name: which of the two turns out with the next line.
  void open(std::size_t depth, std::string name);
  /// The outcome of a test or group at `depth`.
  void close(std::size_t depth, std::string name, TestOutcome outcome);
  /// How deep the next test may be.
  std::size_t depth() const { return levels_.size(); }
  /// The name of what was opened last; empty where nothing is open.
  std::string_view innermost() const { return levels_.empty() ? std::string_view{} : levels_.back().name; }
  std::vector<TestCase> take() { return std::move(tests_); }

 private:
  struct Level {
    std::string name;
    bool members = false;
    bool failed_member = false;
  };
  std::vector<Level> levels_;
  std::vector<TestCase> tests_;
};

/// Lines without the sequences that colour them; stops when `line` returns false.
void for_each_line(std::string_view text, const std::function<bool(std::string_view line)>& line);

std::vector<TestCase> read_junit(std::string_view text);
std::vector<TestCase> read_pytest(std::string_view text);
std::vector<TestCase> read_node_spec(std::string_view text);
std::vector<TestCase> read_tap(std::string_view text);

}  // namespace skill_verifier::scan
