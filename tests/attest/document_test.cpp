#include "skill_verifier/attest/document.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace skill_verifier::attest {
namespace {

const std::string kHash(64, 'a');

Quote quote() {
  return {.quote_hex = "0400", .event_log = R"([{"imr":3}])", .vm_config = "{}", .tee_type = "simulated"};
}

TEST(AttestationJson, HasThePredecessorsMembersInOrder) {
  EXPECT_EQ(core::dump_json(attestation_json(kHash, quote(), "")),
            R"({"quote":"0x0400","eventLog":"[{\"imr\":3}]","vmConfig":"{}","reportData":")" +
                core::to_hex(report_data(kResultTag, kHash)) + R"(","resultHash":")" + kHash +
                R"(","verifier":"dstack-sdk","teeType":"simulated"})");
}

TEST(AttestationJson, SaysWhyThereIsNoQuote) {
  EXPECT_EQ(
      core::dump_json(attestation_json(kHash, std::nullopt, "No TEE available")),
      R"({"quote":null,"resultHash":")" + kHash + R"(","verifier":"none","teeType":null,"note":"No TEE available"})");
}

TEST(AttestationDocument, CarriesTheStatementAsText) {
  const std::string statement = R"({"_type":"x","a":"ż\n"})";
  const auto attestation = core::dump_json(attestation_json(kHash, quote(), "a note"));
  const auto document =
      attestation_document("0123", "hello-world@1.0.0", "2026-01-30T12:34:56.789Z", true, statement, attestation);
  EXPECT_EQ(core::dump_json(document),
            R"({"jobId":"0123","skillId":"hello-world@1.0.0","timestamp":"2026-01-30T12:34:56.789Z","passed":true,)"
            R"("attestation":)" +
                attestation + R"(,"statement":"{\"_type\":\"x\",\"a\":\"ż\\n\"}"})");
  EXPECT_EQ(document["statement"].get<std::string>(), statement);
}

TEST(AttestationDocument, TellsUntestedFromFailed) {
  EXPECT_TRUE(attestation_document("", "", "", std::nullopt, "", "{}")["passed"].is_null());
  EXPECT_FALSE(attestation_document("", "", "", false, "", "{}")["passed"].get<bool>());
}

}  // namespace
}  // namespace skill_verifier::attest
