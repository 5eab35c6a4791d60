#include "app/check_output.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace skill_verifier::app {
namespace {

using attest::CheckReport;
using attest::CheckVerdict;
using attest::Outcome;
using attest::Row;

Row row(std::string id, Outcome outcome, bool demanded, std::string expected = {}, std::string actual = {}) {
  Row made;
  made.id = id;
  made.title = "Title of " + std::move(id);
  made.outcome = outcome;
  made.demanded = demanded;
  made.detail = "a detail";
  made.expected = std::move(expected);
  made.actual = std::move(actual);
  return made;
}

CheckReport report(CheckVerdict verdict) {
  CheckReport made;
  made.kind = attest::EvidenceKind::job_document;
  made.verdict = verdict;
  made.at = 1'750'329'147;
  made.says = {{"result", "PASSED"}, {"skill", "hello"}};
  made.rows = {row("one", Outcome::passed, true, "aa", "aa")};
  return made;
}

std::string last_line(const std::string& text) {
  const auto end = text.size() - 1;
  return text.substr(text.rfind('\n', end - 1) + 1, end - text.rfind('\n', end - 1) - 1);
}

TEST(CheckText, HasOneLineForEachRowWithItsMarkAndBothValues) {
  auto made = report(CheckVerdict::invalid);
  made.rows.push_back(row("two", Outcome::failed, true, "bb", "cc"));
  made.rows.push_back(row("three", Outcome::not_checked, false));
  const auto text = to_text(made, false);
  EXPECT_NE(text.find("✓ Title of one"), std::string::npos) << text;
  EXPECT_NE(text.find("✗ Title of two           a detail: expected bb, found cc\n"), std::string::npos) << text;
  EXPECT_NE(text.find("– Title of three"), std::string::npos) << text;
  EXPECT_NE(text.find("2025-06-19T10:32:27"), std::string::npos) << text;
  EXPECT_EQ(last_line(text), "INVALID, as of 2025-06-19T10:32:27.000Z; failed: Title of two");
  EXPECT_EQ(text.find('\033'), std::string::npos);
  EXPECT_NE(to_text(made, true).find("\033[31m✗"), std::string::npos);
}

TEST(CheckText, EndsWithTheVerdictAndTheResultThatItIsAbout) {
  auto made = report(CheckVerdict::valid);
  EXPECT_EQ(last_line(to_text(made, false)), "VALID, as of 2025-06-19T10:32:27.000Z; the attested result is PASSED");
  made.not_pinned = {"app compose", "nonce"};
  EXPECT_EQ(last_line(to_text(made, false)),
            "VALID, as of 2025-06-19T10:32:27.000Z; the attested result is PASSED; not pinned: app compose, nonce");
  made.verdict = CheckVerdict::incomplete;
  made.rows.push_back(row("two", Outcome::not_checked, true));
  made.missing = {"two"};
  EXPECT_EQ(last_line(to_text(made, false)),
            "INCOMPLETE, as of 2025-06-19T10:32:27.000Z; not checked: Title of two; not pinned: app compose, nonce");
}

TEST(CheckText, SaysSimulatedWhateverTheVerdict) {
  for (const auto verdict : {CheckVerdict::valid, CheckVerdict::invalid, CheckVerdict::incomplete}) {
    auto made = report(verdict);
    made.simulated = true;
    const auto line = last_line(to_text(made, false));
    EXPECT_EQ(line.find(std::string(attest::to_string(verdict)) + ", SIMULATED"), 0u) << line;
  }
}

TEST(CheckText, LetsNoControlCharacterOfTheEvidenceThrough) {
  auto made = report(CheckVerdict::valid);
  made.says = {{"skill", "evil\033[2J\nVALID"}, {"result", "\r\b"}, {"runtime \033[8m\nVALID\n", "x"}};
  made.rows.push_back(row("two", Outcome::failed, true, "\033[1m", "a\nb"));
  const auto text = to_text(made, false);
  EXPECT_EQ(text.find('\033'), std::string::npos);
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_EQ(text.find("\nVALID\n"), std::string::npos);
  EXPECT_EQ(text.find("a\nb"), std::string::npos);
}

TEST(CheckJson, HasTheSameRows) {
  auto made = report(CheckVerdict::incomplete);
  made.simulated = true;
  made.rows.push_back(row("two", Outcome::not_checked, true));
  made.missing = {"two"};
  made.not_pinned = {"nonce"};
  const auto json = nlohmann::json::parse(to_json(made));
  EXPECT_EQ(json["verdict"], "incomplete");
  EXPECT_EQ(json["simulated"], true);
  EXPECT_EQ(json["kind"], "job document");
  EXPECT_EQ(json["says"]["skill"], "hello");
  ASSERT_EQ(json["rows"].size(), 2u);
  EXPECT_EQ(json["rows"][0]["outcome"], "passed");
  EXPECT_EQ(json["rows"][0]["expected"], "aa");
  EXPECT_EQ(json["rows"][1]["outcome"], "not_checked");
  EXPECT_EQ(json["rows"][1]["demanded"], true);
  EXPECT_FALSE(json["rows"][1].contains("expected"));
  EXPECT_EQ(json["missing"][0], "two");
  EXPECT_EQ(json["notPinned"][0], "nonce");
}

}  // namespace
}  // namespace skill_verifier::app
