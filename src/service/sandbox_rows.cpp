#include "service/sandbox_rows.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>
#include <utility>

#include "service/reported_tests.hpp"
#include "service/sandbox_judge.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::service {
namespace {

using core::Json;
using scan::Outcome;
using scan::Severity;
using Kind = PlannedCommand::Kind;
using What = sandbox::Watched::What;

constexpr std::size_t kMostText = 600;
constexpr const char* kEndedEarly = "it was ended before it could be told";
constexpr std::string_view kSyntax = "sandbox/syntax";
constexpr std::string_view kCrash = "sandbox/crash";
constexpr std::string_view kHang = "sandbox/hang";
constexpr std::string_view kWrite = "sandbox/write";
constexpr std::string_view kConnect = "sandbox/connect";
constexpr std::string_view kTest = "sandbox/test";

int weight(Outcome outcome) {
  constexpr std::array<Outcome, 4> kOrder{Outcome::passed, Outcome::skipped, Outcome::warned, Outcome::failed};
  return static_cast<int>(std::ranges::find(kOrder, outcome) - kOrder.begin());
}

/// What a row makes of its check. A single test that was skipped takes nothing from what its command showed.
Outcome share_of(const SandboxRow& row) {
  return row.outcome == Outcome::skipped && !row.test.empty() ? Outcome::passed : row.outcome;
}

class Judge {
 public:
  Judge(const scan::Profile& profile, const std::vector<std::string>& allows) : profile_(profile), allows_(allows) {}

  void look(const SandboxPlan& plan, const Result<sandbox::ExamineResult>& examined) {
    std::size_t next = 0;
    for (const auto& planned : plan.commands) {
      const bool asked = planned.skipped.empty();
      const sandbox::RunResult* run = nullptr;
      if (asked && examined && next < examined->runs.size()) run = &examined->runs[next];
      if (asked) ++next;
      if (planned.kind == Kind::probe) {
        if (run != nullptr) take_programs(run->out.text());
        continue;
      }
      auto skipped = planned.skipped;
      if (asked && run == nullptr) skipped = "not run: " + (examined ? examined->stopped : examined.error().message);
      if (asked && run != nullptr && !programs_.contains(planned.program))
        skipped = "there is no " + planned.program + " in the image";
      if (skipped.empty())
        judge(planned, *run);
      else
        skip(planned, core::shorten(skipped, kMostText));
    }
    add_single_tests();
    count_left_out(plan);
  }

  /// A check without a row was done and found nothing, or had nothing to look at.
  std::vector<SandboxRow> finish() {
    std::vector<SandboxRow> rows;
    for (const auto& check : profile_.checks()) {
      std::vector<SandboxRow> own;
      std::ranges::copy_if(rows_, std::back_inserter(own),
                           [&](const SandboxRow& row) { return row.check == check.id; });
      if (own.empty()) own.push_back(nothing_found(check));
      std::ranges::sort(own, [](const SandboxRow& a, const SandboxRow& b) {
        return std::tie(a.file, a.line, a.command, a.test, a.note) <
               std::tie(b.file, b.line, b.command, b.test, b.note);
      });
      std::ranges::move(own, std::back_inserter(rows));
    }
    return rows;
  }

 private:
  void take_programs(std::string_view lines) {
    while (!lines.empty()) {
      const auto end = std::min(lines.find('\n'), lines.size());
      programs_.emplace(lines.substr(0, end));
      lines.remove_prefix(std::min(end + 1, lines.size()));
    }
  }

  SandboxRow row_of(std::string_view check, const PlannedCommand& planned) const {
    SandboxRow row;
    row.check = check;
    row.severity = profile_.find(check)->severity;
    row.file = planned.file;
    row.command = planned.shown;
    if (planned.kind == Kind::test) row.declared = false;
    return row;
  }

  void hit(SandboxRow row) {
    row.outcome = row.severity >= Severity::high ? Outcome::failed : Outcome::warned;
    row.allowed = std::ranges::find(allows_, row.check) != allows_.end();
    if (row.allowed) row.outcome = Outcome::warned;
    rows_.push_back(std::move(row));
  }
  void hit(std::string_view check, const PlannedCommand& planned, std::string note) {
    auto row = row_of(check, planned);
    row.note = std::move(note);
    hit(std::move(row));
  }
  void skip(std::string_view check, const PlannedCommand& planned, std::string why) {
    auto row = row_of(check, planned);
    row.outcome = Outcome::skipped;
    row.note = std::move(why);
    rows_.push_back(std::move(row));
  }
  void pass(std::string_view check, const PlannedCommand& planned) { rows_.push_back(row_of(check, planned)); }

  void skip(const PlannedCommand& planned, const std::string& why) {
    if (planned.kind == Kind::syntax) return skip(kSyntax, planned, why);
    if (planned.kind == Kind::test) return skip(kTest, planned, why);
    for (const auto check : {kCrash, kHang, kWrite, kConnect})
      skip(check, planned, why);
  }

  void judge(const PlannedCommand& planned, const sandbox::RunResult& run) {
    if (planned.kind == Kind::syntax) judge_syntax(planned, run);
    if (planned.kind == Kind::smoke) judge_smoke(planned, run);
    if (planned.kind == Kind::test) judge_test(planned, run);
  }

  void judge_syntax(const PlannedCommand& planned, const sandbox::RunResult& run) {
    if (run.outcome == sandbox::Outcome::exited && run.exit_code == 0) return pass(kSyntax, planned);
    if (run.outcome != sandbox::Outcome::exited)
      return skip(kSyntax, planned, fmt::format("{} did not come to an end with it", planned.program));
    const auto output = output_of(run);
    if (planned.program == "perl" && lacks_something(output))
      return skip(kSyntax, planned, "it uses a module that is not in the image");
    auto objection = objection_of(planned.program, output);
    auto row = row_of(kSyntax, planned);
    row.line = objection.line;
    row.note = objection.message.empty() ? fmt::format("{} exited with status {}", planned.program, *run.exit_code)
                                         : std::move(objection.message);
    hit(std::move(row));
  }

  void judge_smoke(const PlannedCommand& planned, const sandbox::RunResult& run) {
    ++smoked_;
    constexpr int kLastOfHelp = 2;
    constexpr int kCannotExecute = 126;
    if (auto crash = crash_of(run)) {
      hit(kCrash, planned, std::move(*crash));
    } else if (planned.shown.ends_with(" --help") && run.exit_code && *run.exit_code > kLastOfHelp &&
               *run.exit_code < kCannotExecute) {
      auto row = row_of(kCrash, planned);
      row.severity = Severity::low;
      row.note = fmt::format("exited with status {} when it was asked for help", *run.exit_code);
      hit(std::move(row));
    }
    const bool ended = run.outcome == sandbox::Outcome::killed;
    if (run.outcome == sandbox::Outcome::timeout)
      hit(kHang, planned, fmt::format("did not end within {} s", planned.command.spec.timeout.count() / 1000));
    else if (ended)
      skip(kHang, planned, kEndedEarly);
    judge_sightings(planned, run.watched.value_or(sandbox::Watched{}), ended);
  }

  /// What was seen of a command that was ended counts; what was not seen of it is not passed.
  void judge_sightings(const PlannedCommand& planned, const sandbox::Watched& watched, bool ended) {
    constexpr const char* kBlind = "this kernel does not show PID 1 what a process asks it for";
    const auto written = asked_for(watched, What::write);
    if (!written.empty())
      hit(kWrite, planned, "wanted to change " + written);
    else if (ended)
      skip(kWrite, planned, kEndedEarly);
    else if (!watched.calls)
      skip(kWrite, planned, kBlind);
    else if (watched.unreadable > 0)
      skip(kWrite, planned, fmt::format("what it asked for could not be read {} times", watched.unreadable));
    const auto connected = asked_for(watched, What::connect);
    if (!connected.empty())
      hit(kConnect, planned, "wanted to reach " + connected);
    else if (watched.unroutable > 0)
      hit(kConnect, planned,
          fmt::format("the network counted {} attempts to reach other machines", watched.unroutable));
    else if (ended)
      skip(kConnect, planned, kEndedEarly);
    else if (!watched.calls && !watched.network)
      skip(kConnect, planned, kBlind);
  }

  void judge_test(const PlannedCommand& planned, const sandbox::RunResult& run) {
    if (run.outcome == sandbox::Outcome::timeout) {
      hit(kTest, planned, fmt::format("did not end within {} s", planned.command.spec.timeout.count() / 1000));
    } else if (auto crash = crash_of(run)) {
      hit(kTest, planned, std::move(*crash));
    } else if (run.exit_code == 0) {
      pass(kTest, planned);
    } else if (lacks_something(output_of(run))) {
      return skip(kTest, planned, "it needs something that is not in the image; only a declared test has dependencies");
    } else {
      hit(kTest, planned, fmt::format("exited with status {}", run.exit_code.value_or(-1)));
    }
    reports_.push_back({planned, reported_tests(run), rows_.size() - 1});
  }

  /// What one command says of single tests.
  struct Reported {
    const PlannedCommand& planned;
    scan::TestReport report;
    std::size_t row;  ///< of the command itself
  };

  /// All commands share the room for rows, and those that failed have theirs first: no command's passes hide another's
  /// failures.
  void add_single_tests() {
    std::size_t failed = 0;
    for (const Reported& reported : reports_)
      failed += failures(reported.report);
    failed = std::min(failed, scan::kMaxReportedTests);
    std::size_t others = scan::kMaxReportedTests - failed;
    for (const Reported& reported : reports_) {
      std::size_t more = reported.report.left_out;
      for (const scan::TestCase& test : reported.report.tests) {
        std::size_t& room = test.outcome == scan::TestOutcome::failed ? failed : others;
        if (room == 0) {
          ++more;
          continue;
        }
        --room;
        add_single_test(reported, test);
      }
      if (more == 0) continue;
      std::string& note = rows_[reported.row].note;
      note += fmt::format("{}it reports {} more tests", note.empty() ? "" : "; ", more);
    }
  }

  /// It is the skill's word: one that failed fails its row only where the command did.
  void add_single_test(const Reported& reported, const scan::TestCase& test) {
    auto row = row_of(kTest, reported.planned);
    row.test = test.name;
    if (test.outcome == scan::TestOutcome::skipped) row.outcome = Outcome::skipped;
    if (test.outcome != scan::TestOutcome::failed) return rows_.push_back(std::move(row));
    const bool command_passed = rows_[reported.row].outcome == Outcome::passed;
    row.note = command_passed ? "reported as failed by a command that passed" : "reported as failed";
    if (command_passed) row.severity = Severity::medium;
    hit(std::move(row));
  }

  void count_left_out(const SandboxPlan& plan) {
    const auto add = [&](std::string_view check, std::size_t count, std::string_view what) {
      if (count == 0) return;
      SandboxRow row;
      row.check = check;
      row.severity = profile_.find(check)->severity;
      row.outcome = Outcome::skipped;
      row.note = fmt::format("{} more {} were not looked at", count, what);
      rows_.push_back(std::move(row));
    };
    add(kSyntax, plan.more_scripts, "scripts");
    for (const auto check : {kCrash, kHang, kWrite, kConnect})
      add(check, plan.more_entries, "entries");
  }

  SandboxRow nothing_found(const scan::Check& check) const {
    SandboxRow row;
    row.check = check.id;
    row.severity = check.severity;
    const bool smoke = check.id != kSyntax && check.id != kTest;
    if (smoke && smoked_ > 0) {
      row.note = fmt::format("{} runs", smoked_);
      return row;
    }
    row.outcome = Outcome::skipped;
    row.note = check.id == kSyntax ? "the package has no script"
               : check.id == kTest ? "the package holds no test besides the declared one"
                                   : "neither SKILL.md nor package.json names a script to start";
    return row;
  }

  const scan::Profile& profile_;
  const std::vector<std::string>& allows_;
  std::set<std::string, std::less<>> programs_;
  std::vector<SandboxRow> rows_;
  std::size_t smoked_ = 0;
  std::vector<Reported> reports_;
};

Json row_json(const SandboxRow& row) {
  Json json{{"check", row.check}, {"outcome", to_string(row.outcome)}, {"severity", to_string(row.severity)}};
  const auto text = [&](const char* name, const std::string& value) {
    if (!value.empty()) json[name] = core::shorten(value, kMostText);
  };
  text("file", row.file);
  text("command", row.command);
  text("test", row.test);
  text("note", row.note);
  if (row.line > 0) json["line"] = row.line;
  if (row.allowed) json["allowed"] = true;
  if (row.declared) json["declared"] = *row.declared;
  return json;
}

}  // namespace

std::size_t SandboxReport::count(Outcome outcome) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(rows, [&](const SandboxRow& row) { return row.outcome == outcome; }));
}

std::vector<std::string> SandboxReport::checks(Outcome outcome) const {
  std::vector<std::string> ids;
  for (auto row = rows.begin(); row != rows.end();) {
    const auto end = std::find_if(row, rows.end(), [&](const SandboxRow& other) { return other.check != row->check; });
    const auto worst = std::max_element(
        row, end, [](const SandboxRow& a, const SandboxRow& b) { return weight(share_of(a)) < weight(share_of(b)); });
    if (share_of(*worst) == outcome) ids.push_back(row->check);
    row = end;
  }
  return ids;
}

std::vector<std::string> SandboxReport::allowed() const {
  std::vector<std::string> ids;
  for (const auto& row : rows)
    if (row.allowed && (ids.empty() || ids.back() != row.check)) ids.push_back(row.check);
  return ids;
}

std::vector<std::string> SandboxReport::single_tests(bool passed) const {
  std::vector<std::string> good;
  std::vector<std::string> bad;
  for (const auto& row : rows) {
    if (row.test.empty() || row.outcome == Outcome::skipped) continue;
    auto& names = row.outcome == Outcome::passed ? good : bad;
    names.push_back(fmt::format("{}/{}/{}", row.check, core::shorten(row.command, kMostText), row.test));
  }
  if (!passed) return bad;
  const std::set<std::string, std::less<>> failed(bad.begin(), bad.end());
  std::erase_if(good, [&](const std::string& name) { return failed.contains(name); });
  return good;
}

SandboxReport judge_sandbox(const SandboxPlan& plan, const Result<sandbox::ExamineResult>& examined,
                            const scan::Profile& profile, const std::vector<std::string>& allows) {
  Judge judge(profile, allows);
  judge.look(plan, examined);
  SandboxReport report;
  report.profile = profile.name();
  report.profile_digest = profile.digest();
  if (examined && !examined->runs.empty()) report.image = examined->image;
  report.rows = judge.finish();
  report.repeatable =
      examined && examined->stopped.empty() && std::ranges::all_of(examined->runs, [](const sandbox::RunResult& run) {
        return run.outcome == sandbox::Outcome::exited && !run.memory_killed;
      });
  return report;
}

std::string rows_json(const SandboxReport& report) {
  Json rows = Json::array();
  for (const auto& row : report.rows)
    rows.push_back(row_json(row));
  return core::canonical_json(rows).value_or("[]");
}

}  // namespace skill_verifier::service
