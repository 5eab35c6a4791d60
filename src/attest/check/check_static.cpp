#include "attest/check/check_static.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::attest {
namespace {

using Made = Expectations::Package::Checks;

/// What is compared, in one text: the first difference is then what a reader sees.
std::string listing(std::string_view group, const std::vector<std::string>& failed,
                    const std::vector<std::string>& warned, const std::vector<std::string>& passed,
                    const std::vector<std::string>& skipped, const std::vector<std::string>& allowed, bool flagged) {
  std::string text = flagged ? "flagged" : "not flagged";
  const auto add = [&](std::string_view name, const std::vector<std::string>& tests) {
    text += fmt::format("; {}:", name);
    for (const auto& test : tests)
      if (test.starts_with(group)) text += " " + test.substr(group.size());
  };
  add("failed", failed);
  add("warned", warned);
  add("skipped", skipped);
  add("allowed", allowed);
  add("passed", passed);
  return text;
}

/// The texts from a little before where they part.
std::string from_difference(const std::string& text, const std::string& other) {
  constexpr std::ptrdiff_t kBefore = 40;
  const auto at = std::ranges::mismatch(text, other).in1 - text.begin();
  return (at > kBefore ? "…" : "") +
         core::shorten(text.substr(static_cast<std::size_t>(std::max(at - kBefore, std::ptrdiff_t{0}))), 160);
}

}  // namespace

std::string group_of(std::string_view profile) {
  return std::string(profile.substr(0, profile.rfind("-v"))) + "/";
}

void check_static_checks(const StatementFacts& facts, const Expectations& expected, Rows& rows) {
  if (!facts.checks) return rows.skip("checks", "the statement has none");
  const auto& said = *facts.checks;
  if (!expected.package) return rows.skip("checks", "give --package to make them again on the skill in hand");
  if (!expected.package->checks) return rows.skip("checks", "they were not made again");
  const Made& made = *expected.package->checks;
  if (made.profile_sha256 != said.profile_sha256) {
    return rows.skip("checks",
                     fmt::format("made with {} sha256 {}, this program has {} sha256 {}", core::shorten(said.profile),
                                 said.profile_sha256, made.profile, made.profile_sha256));
  }
  const std::string group = group_of(made.profile);
  const auto stated = listing(group, facts.failed_tests, facts.warned_tests, facts.passed_tests, said.skipped,
                              said.allowed, said.flagged);
  const auto found = listing(group, made.failed, made.warned, made.passed, made.skipped, made.allowed, made.flagged);
  if (stated != found) {
    return rows.fail("checks", "the files in hand give other outcomes", from_difference(stated, found),
                     from_difference(found, stated));
  }
  rows.compare(
      "checks", said.rows_sha256, made.rows_sha256,
      fmt::format("{} on the files in hand gives the same rows{}", made.profile, made.flagged ? ": flagged" : ""),
      "the files in hand give other rows");
}

}  // namespace skill_verifier::attest
