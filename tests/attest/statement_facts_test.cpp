#include "attest/check/statement_facts.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "skill_verifier/core/json.hpp"
#include "support/paths.hpp"

namespace skill_verifier::attest {
namespace {

using core::Json;

std::string vector_text(const std::string& name) {
  std::ifstream file(skill_verifier::test::source_dir() / ("tests/attest/vectors/" + name + "/statement.json"));
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(ReadStatement, ReadsEveryVector) {
  const auto passed = read_statement(vector_text("passed-archive"));
  ASSERT_TRUE(passed) << passed.error().message;
  EXPECT_EQ(passed->result, "PASSED");
  EXPECT_TRUE(passed->has_run);
  EXPECT_EQ(passed->exit_code, 0);
  EXPECT_EQ(passed->nonce, "relying-party nonce 0001");
  EXPECT_TRUE(passed->archive_sha256);
  EXPECT_EQ(passed->verifier, "skill-verifier 0.1.0");
  const auto failed = read_statement(vector_text("failed-directory"));
  ASSERT_TRUE(failed) << failed.error().message;
  EXPECT_EQ(failed->result, "FAILED");
  EXPECT_FALSE(failed->archive_sha256);
  const auto untested = read_statement(vector_text("untested"));
  ASSERT_TRUE(untested) << untested.error().message;
  EXPECT_EQ(untested->result, "WARNED");
  EXPECT_FALSE(untested->has_run);
  EXPECT_TRUE(read_statement(vector_text("escapes")));
}

TEST(ReadStatement, RefusesWhatTheFormatHasNoPlaceFor) {
  const std::vector<std::function<void(Json&)>> changes = {
      [](Json& json) { json["_type"] = "https://in-toto.io/Statement/v2"; },
      [](Json& json) { json["predicateType"] = "other"; },
      [](Json& json) { json["predicate"]["result"] = "GREAT"; },
      [](Json& json) { json["predicate"].erase("configuration"); },
      [](Json& json) { json["predicate"] = 1; },
      [](Json& json) { json["subject"] = Json::array(); },
      [](Json& json) { json["subject"].push_back(json["subject"][0]); },
      [](Json& json) { json["subject"].back()["digest"]["dirHash1"] = "00"; },
      [](Json& json) { json["subject"].back()["name"] = "no slash"; },
      [](Json& json) { json["subject"].front()["digest"] = Json::object(); },
      [](Json& json) {
        auto& entries = json["predicate"]["configuration"];
        entries.push_back(entries[0]);
      },
      [](Json& json) { json["predicate"]["configuration"].push_back(Json::object()); },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    auto json = Json::parse(vector_text("passed-archive"));
    changes[i](json);
    const auto facts = read_statement(core::canonical_json(json).value());
    EXPECT_FALSE(facts) << "change " << i;
  }
}

TEST(ReadStatement, RefusesATextThatIsNotCanonical) {
  EXPECT_FALSE(read_statement(vector_text("passed-archive") + "\n"));
  EXPECT_FALSE(read_statement(" " + vector_text("passed-archive")));
  EXPECT_FALSE(read_statement(""));
}

}  // namespace
}  // namespace skill_verifier::attest
