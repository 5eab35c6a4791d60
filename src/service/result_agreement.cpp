#include "service/result_agreement.hpp"

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "service/verdict.hpp"
#include "skill_verifier/attest/statement.hpp"
#include "skill_verifier/core/sha2.hpp"

namespace skill_verifier::service {
namespace {

using core::Json;
using Names = std::vector<std::string>;

constexpr std::string_view kImagePrefix = "sha256:";
constexpr std::string_view kReported = "test_command/";

/// What stands there; null where nothing does.
Json at(const Json& json, const std::string& pointer) {
  const Json::json_pointer place(pointer);
  return json.contains(place) ? json[place] : Json();
}

std::string text(const Json& json) {
  return json.is_string() ? json.get<std::string>() : std::string();
}

/// The entry of predicate.configuration; null without one.
Json entry(const Json& statement, std::string_view name) {
  for (const Json& one : at(statement, "/predicate/configuration"))
    if (at(one, "/name") == name) return one;
  return {};
}

/// An image's id without the prefix that a statement's digest does not have; null stays null.
Json bare_id(const Json& id) {
  const std::string known = text(id);
  return known.starts_with(kImagePrefix) ? Json(known.substr(kImagePrefix.size())) : id;
}

Names names(const Json& statement, const char* pointer) {
  Names found;
  for (const Json& one : at(statement, pointer))
    found.push_back(text(one));
  return found;
}

bool holds(const Names& list, std::string_view name) {
  return std::ranges::find(list, name) != list.end();
}

Json rows_digest(const Json& rows) {
  const auto bytes = core::canonical_json(rows);
  return bytes ? Json(core::sha256_hex(*bytes)) : Json();
}

std::size_t rows_with(const Json& rows, std::string_view outcome) {
  return static_cast<std::size_t>(
      std::ranges::count_if(rows, [&](const Json& row) { return at(row, "/outcome") == outcome; }));
}

class Comparison {
 public:
  Comparison(const Json& result, const Json& statement)
      : result_(result),
        statement_(statement),
        passed_(names(statement, "/predicate/passedTests")),
        warned_(names(statement, "/predicate/warnedTests")),
        failed_(names(statement, "/predicate/failedTests")) {}

  std::optional<std::string> first() {
    compare_verdict();
    compare_subject();
    compare_run();
    compare_reported_tests();
    compare_checks();
    compare_sandbox_checks();
    return std::move(first_);
  }

 private:
  void expect(const std::string& member, bool equal) {
    if (!equal && !first_) first_ = member;
  }
  void expect(const std::string& member, const Json& expected) {
    expect(member, at(result_, "/" + as_path(member)) == expected);
  }
  static std::string as_path(std::string member) {
    std::ranges::replace(member, '.', '/');
    return member;
  }

  void compare_verdict() {
    const Json said = at(statement_, "/predicate/result");
    const Json verdict = at(result_, "/verdict");
    const bool is_weakened = std::ranges::any_of(
        at(result_, "/warnings"), [](const Json& warning) { return weakens(text(at(warning, "/code"))); });
    if (said == "FAILED")
      expect("verdict", verdict == "failed");
    else if (said == "PASSED")
      expect("verdict", verdict == "passed");
    else
      expect("verdict", verdict == "untested" || verdict == "passed");
    if (verdict == "passed") expect("warnings", is_weakened == (said == "WARNED"));
  }

  void compare_subject() {
    Json skill, tree, archive;
    for (const Json& subject : at(statement_, "/subject")) {
      const Json digest = at(subject, "/digest/dirHash1");
      if (digest.is_null()) {
        archive = at(subject, "/digest/sha256");
        continue;
      }
      tree = digest;
      skill = at(subject, "/name");
    }
    expect("skillId", text(at(result_, "/skillId")) + "/" == text(skill));
    expect("subject.treeDigest", tree);
    expect("subject.archiveSha256", archive);
    const Json manifest = at(entry(statement_, "manifest"), "/annotations");
    expect("declared", Json(at(manifest, "/declared") == true && manifest.contains("test_command")));
  }

  void compare_run() {
    const Json run = entry(statement_, "run"), image = entry(statement_, "image");
    const Json about = at(run, "/annotations");
    const std::string phase = text(at(result_, "/phase"));
    expect("phase", run.is_null() == phase.empty());
    Json test_passed;
    if (holds(failed_, phase)) test_passed = false;
    if (holds(passed_, phase) || holds(warned_, phase)) test_passed = true;
    expect("result.passed", test_passed);
    expect("result.exitCode", at(about, "/exitCode"));
    expect("outcome", at(about, "/outcome"));
    expect("truncated", Json(at(about, "/truncated") == true));
    if (!run.is_null()) expect("attempt", at(about, "/attempt"));
    const std::string out = text(at(result_, "/result/stdout")), err = text(at(result_, "/result/stderr"));
    const bool same =
        run.is_null() ? out.empty() && err.empty() : at(run, "/digest/sha256") == attest::output_digest(out, err);
    expect("result.stdout or result.stderr", same);
    expect("image.reference", at(image, "/uri"));
    expect("image.id", bare_id(at(result_, "/image/id")) == at(image, "/digest/sha256"));
    expect("image.preparedId", bare_id(at(result_, "/image/preparedId")) == bare_id(at(about, "/preparedImage")));
  }

  /// As add_reported_tests has them.
  void compare_reported_tests() {
    const Json cases = at(result_, "/tests/cases");
    std::multiset<std::string> failed, passed;
    for (const Json& one : cases)
      if (at(one, "/outcome") == "failed") failed.insert(std::string(kReported) + text(at(one, "/name")));
    for (const Json& one : cases) {
      const std::string name = std::string(kReported) + text(at(one, "/name"));
      if (at(one, "/outcome") == "passed" && !failed.contains(name)) passed.insert(name);
    }
    const auto reported = [](const Names& list) {
      std::multiset<std::string> found;
      std::ranges::copy_if(list, std::inserter(found, found.end()),
                           [](const std::string& name) { return name.starts_with(kReported); });
      return found;
    };
    expect("tests", failed == reported(failed_) && passed == reported(passed_));
  }

  /// Both kinds of checks: `profile` is the statement's entry, `list` and `figures` are the result's members.
  void compare_profile(const Json& profile, const std::string& list, const std::string& figures,
                       std::initializer_list<const char*> counted) {
    const Json rows = at(result_, "/" + list);
    expect(list, profile.is_null() ? rows.is_null() : at(profile, "/annotations/rowsSha256") == rows_digest(rows));
    expect(figures + ".profile", at(profile, "/uri"));
    expect(figures + ".digest", at(profile, "/digest/sha256"));
    if (profile.is_null()) return;
    for (const std::string outcome : counted)
      expect(figures, at(result_, "/" + as_path(figures) + "/" + outcome) == rows_with(rows, outcome));
  }

  void compare_checks() {
    const Json profile = entry(statement_, "profile");
    compare_profile(profile, "checkRows", "result.checks", {"failed", "warned", "skipped"});
    expect("result.checks.flagged", at(profile, "/annotations/flagged"));
    if (profile.is_null()) return;
    // Rows that passed are not among those that are kept: each is its whole check.
    const auto passed = std::ranges::count_if(passed_, [](const std::string& name) {
      return !name.starts_with("test_command") && name != "test_deps" && !name.starts_with("sandbox/");
    });
    expect("result.checks.passed", Json(passed));
  }

  void compare_sandbox_checks() {
    const Json profile = entry(statement_, "sandbox-checks");
    compare_profile(profile, "sandboxRows", "result.checks.sandbox", {"passed", "warned", "failed", "skipped"});
    expect("result.checks.sandbox.image", at(profile, "/annotations/image"));
    expect("result.checks.sandbox.imageId",
           bare_id(at(result_, "/result/checks/sandbox/imageId")) == at(profile, "/annotations/imageSha256"));
  }

  const Json& result_;
  const Json& statement_;
  const Names passed_, warned_, failed_;
  std::optional<std::string> first_;
};

}  // namespace

std::optional<std::string> disagreement(const Json& result, const Json& statement) {
  return Comparison(result, statement).first();
}

}  // namespace skill_verifier::service
