#include <re2/re2.h>

#include <set>

#include "scan/test_report_parts.hpp"

namespace skill_verifier::scan {
namespace {

re2::StringPiece piece(std::string_view text) {
  return {text.data(), text.size()};
}

/// What pytest writes behind a test; nothing for other words.
TestOutcome pytest_outcome(std::string_view word) {
  if (word == "PASSED" || word == "XPASS") return TestOutcome::passed;
  return word == "FAILED" || word == "ERROR" ? TestOutcome::failed : TestOutcome::skipped;
}

/// `a.py::test[x - y] - assert 1 == 2`: the reason comes after the brackets.
std::string pytest_name(const std::string& rest) {
  auto from = rest.find("::");
  if (const auto bracket = rest.find('[', from); bracket != std::string::npos && bracket < rest.find(" - ", from)) {
    if (const auto close = rest.find("] - ", bracket); close != std::string::npos) return rest.substr(0, close + 1);
  }
  return rest.substr(0, rest.find(" - ", from));
}

/// The reader of TAP: one line at a time.
class Tap {
 public:
  bool line(std::string_view line) {
    const auto indent = std::min(line.find_first_not_of(' '), line.size());
    const std::string_view text = line.substr(indent);
    if (in_yaml_) {
      in_yaml_ = !(text == "..." && indent == yaml_indent_);
      return true;
    }
    if (text == "---") {
      in_yaml_ = true;
      yaml_indent_ = indent;
      return true;
    }
    point(indent, text);
    return true;
  }
  std::vector<TestCase> take() { return announced_ ? tree_.take() : std::vector<TestCase>{}; }

 private:
  void point(std::size_t indent, std::string_view text) {
    static const RE2 announcement(R"(TAP version 1[34]|1\.\.[0-9]+(?:\s.*)?)");
    static const RE2 test(R"((not )?ok\b(?:\s+[0-9]+)?(?:\s+-)?\s*(.*))");
    if (indent % 4 != 0) return;
    const std::size_t depth = indent / 4;
    if (RE2::FullMatch(piece(text), announcement)) {
      announced_ = true;
      return;
    }
    constexpr std::string_view subtest = "# Subtest: ";
    if (text.starts_with(subtest) && depth <= tree_.depth()) {
      tree_.open(depth, unescape(text.substr(subtest.size())));
      return;
    }
    std::string negated, name;
    if (depth > tree_.depth() || !RE2::FullMatch(piece(text), test, &negated, &name)) return;
    TestOutcome outcome = negated.empty() ? TestOutcome::passed : TestOutcome::failed;
    if (const auto hash = directive_at(name); hash != std::string::npos) {
      outcome = TestOutcome::skipped;
      name.erase(hash);
      while (name.ends_with(' '))
        name.pop_back();
    }
    tree_.close(depth, unescape(name), outcome);
  }

  /// Where `# skip` or `# todo` begins, in any case; a hash of the name has a backslash before it.
  static std::size_t directive_at(const std::string& name) {
    static const RE2 word(R"((?i)#\s*(?:skip|todo).*)");
    for (auto at = name.find('#'); at != std::string::npos; at = name.find('#', at + 1)) {
      if (at > 0 && name[at - 1] == '\\') continue;
      return RE2::FullMatch(piece(std::string_view(name).substr(at)), word) ? at : std::string::npos;
    }
    return std::string::npos;
  }

  static std::string unescape(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '#' || text[i + 1] == '\\')) ++i;
      out.push_back(text[i]);
    }
    return out;
  }

  TestTree tree_;
  bool announced_ = false;
  bool in_yaml_ = false;
  std::size_t yaml_indent_ = 0;
};

}  // namespace

std::vector<TestCase> read_pytest(std::string_view text) {
  if (text.find("test session starts") == std::string_view::npos &&
      text.find("short test summary info") == std::string_view::npos)
    return {};
  static const RE2 heading(R"(={3,} (.+?) ={3,})");
  static const RE2 verbose(
      R"((?:\[gw[0-9]+\] )?(\S.*?::.+?) (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)(?: \(.*\))?\s*(?:\[ *[0-9]+%\])?)");
  static const RE2 spread(R"(\[gw[0-9]+\] \[ *[0-9]+%\] (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS) (\S+::.+?)\s*)");
  static const RE2 summary(R"((PASSED|FAILED|ERROR|XFAIL|XPASS) (\S+?::.+))");
  enum class Part { before, session, summary, other } part = Part::before;
  std::vector<TestCase> tests;
  std::set<std::string> known;
  const auto add = [&](std::string name, std::string_view outcome) {
    if (tests.size() < kMaxParsedTests && known.insert(name).second)
      tests.push_back({std::move(name), pytest_outcome(outcome)});
  };
  for_each_line(text, [&](std::string_view line) {
    std::string title, name, outcome;
    if (line.starts_with("===") && RE2::FullMatch(piece(line), heading, &title)) {
      part = title == "test session starts"       ? Part::session
             : title == "short test summary info" ? Part::summary
                                                  : Part::other;
    } else if (part == Part::session) {
      if (RE2::FullMatch(piece(line), spread, &outcome, &name) || RE2::FullMatch(piece(line), verbose, &name, &outcome))
        add(std::move(name), outcome);
    } else if (part == Part::summary && RE2::FullMatch(piece(line), summary, &outcome, &name)) {
      add(pytest_name(name), outcome);
    }
    return true;
  });
  return tests;
}

std::vector<TestCase> read_node_spec(std::string_view text) {
  if (text.find("ℹ tests ") == std::string_view::npos) return {};
  static const RE2 result(R"(( *)(✔|✖|﹣|▶) (.+) \([0-9.]+ms\)(?: # (.*))?)");
  static const RE2 group(R"(( *)▶ (.+))");
  static const RE2 sum(R"(ℹ tests [0-9]+)");
  static const RE2 directive(R"((?i)(?:todo|skip)\b.*)");
  TestTree tree;
  bool finished = false;
  for_each_line(text, [&](std::string_view line) {
    std::string indent, mark, name, note;
    if (RE2::FullMatch(piece(line), result, &indent, &mark, &name, &note)) {
      const std::size_t depth = indent.size() / 2;
      // A line of an error's text stands deeper than any test can; a group ends where it began.
      const bool end = depth + 1 == tree.depth() && name == tree.innermost();
      if (indent.size() % 2 != 0 || (depth != tree.depth() && !end)) return true;
      const bool expected = RE2::FullMatch(piece(note), directive);
      const TestOutcome outcome = mark == "﹣" || expected ? TestOutcome::skipped
                                  : mark == "✖"            ? TestOutcome::failed
                                                           : TestOutcome::passed;
      tree.close(depth, std::move(name), outcome);
    } else if (RE2::FullMatch(piece(line), group, &indent, &name)) {
      if (indent.size() == 2 * tree.depth()) tree.open(tree.depth(), std::move(name));
    } else if (RE2::FullMatch(piece(line), sum)) {
      // What follows repeats those that failed.
      finished = true;
      return false;
    }
    return true;
  });
  return finished ? tree.take() : std::vector<TestCase>{};
}

std::vector<TestCase> read_tap(std::string_view text) {
  if (text.find("TAP version 1") == std::string_view::npos && text.find("1..") == std::string_view::npos) return {};
  Tap tap;
  for_each_line(text, [&](std::string_view line) { return tap.line(line); });
  return tap.take();
}

}  // namespace skill_verifier::scan
