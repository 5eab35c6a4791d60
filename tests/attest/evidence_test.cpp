#include "skill_verifier/attest/evidence.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "skill_verifier/core/json.hpp"

namespace skill_verifier::attest {
namespace {

using core::OrderedJson;

OrderedJson job_document() {
  return OrderedJson{{"jobId", "0123"},
                     {"skillId", "hello-world"},
                     {"timestamp", "2026-01-30T12:34:56.789Z"},
                     {"passed", true},
                     {"attestation",
                      {{"quote", "0x0400"},
                       {"eventLog", "[]"},
                       {"vmConfig", "{}"},
                       {"reportData", std::string(128, 'a')},
                       {"resultHash", std::string(64, 'b')},
                       {"verifier", "dstack-sdk"},
                       {"teeType", "simulated"}}},
                     {"statement", "{}"},
                     {"collateral", {{"tcb_info", "{}"}, {"fetchedAt", "2026-01-30T12:00:00Z"}}}};
}

Result<Evidence> parse(const OrderedJson& document) {
  return parse_evidence(core::dump_json(document));
}

std::string refusal(const OrderedJson& document) {
  const auto evidence = parse(document);
  return evidence ? "" : evidence.error().message;
}

TEST(ParseEvidence, TakesAJobDocumentApart) {
  const auto evidence = parse(job_document());
  ASSERT_TRUE(evidence) << evidence.error().message;
  EXPECT_EQ(evidence->kind, EvidenceKind::job_document);
  EXPECT_EQ(evidence->quote, "0x0400");
  EXPECT_EQ(evidence->event_log, "[]");
  EXPECT_EQ(evidence->vm_config, "{}");
  EXPECT_EQ(evidence->report_data, std::string(128, 'a'));
  EXPECT_EQ(evidence->claimed_hash, std::string(64, 'b'));
  EXPECT_EQ(evidence->signed_text, "{}");
  EXPECT_EQ(evidence->job_id, "0123");
  EXPECT_EQ(evidence->skill_id, "hello-world");
  EXPECT_EQ(evidence->passed, true);
  EXPECT_EQ(evidence->verifier, "dstack-sdk");
  EXPECT_EQ(evidence->tee_type, "simulated");
  ASSERT_TRUE(evidence->collateral);
  EXPECT_NE(evidence->collateral->find("2026-01-30T12:00:00Z"), std::string::npos);
}

TEST(ParseEvidence, TakesADocumentWithoutAQuote) {
  auto document = job_document();
  document["attestation"] = {
      {"quote", nullptr}, {"resultHash", std::string(64, 'b')}, {"verifier", "none"}, {"teeType", nullptr}};
  document["passed"] = nullptr;
  document.erase("collateral");
  const auto evidence = parse(document);
  ASSERT_TRUE(evidence) << evidence.error().message;
  EXPECT_FALSE(evidence->quote || evidence->event_log || evidence->tee_type || evidence->collateral);
  EXPECT_FALSE(evidence->passed);
}

TEST(ParseEvidence, RefusesADocumentWithoutOneOfItsMembersAndNamesIt) {
  for (const std::string name : {"jobId", "skillId", "timestamp", "passed", "statement"}) {
    auto document = job_document();
    document.erase(name);
    EXPECT_NE(refusal(document).find("'" + name + "'"), std::string::npos) << name << ": " << refusal(document);
  }
  for (const std::string name : {"quote", "resultHash", "verifier"}) {
    auto document = job_document();
    document["attestation"].erase(name);
    EXPECT_NE(refusal(document).find("'" + name + "'"), std::string::npos) << name << ": " << refusal(document);
  }
}

TEST(ParseEvidence, RefusesMembersOfAnotherType) {
  const std::vector<std::function<void(OrderedJson&)>> changes = {
      [](auto& json) { json["jobId"] = 1; },
      [](auto& json) { json["passed"] = "true"; },
      [](auto& json) { json["statement"] = OrderedJson::object(); },
      [](auto& json) { json["collateral"] = "text"; },
      [](auto& json) { json["attestation"]["quote"] = 4; },
      [](auto& json) { json["attestation"]["eventLog"] = OrderedJson::array(); },
      [](auto& json) { json["attestation"]["teeType"] = true; },
      [](auto& json) { json["attestation"] = "0x00"; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    auto document = job_document();
    changes[i](document);
    EXPECT_NE(refusal(document), "") << "change " << i;
  }
}

TEST(ParseEvidence, RefusesTextsBeyondTheirLimit) {
  auto document = job_document();
  document["skillId"] = std::string(2000, 'x');
  EXPECT_NE(refusal(document).find("limit"), std::string::npos);
  document = job_document();
  document["attestation"]["quote"] = std::string(200'000, '0');
  EXPECT_NE(refusal(document).find("limit"), std::string::npos);
  EXPECT_EQ(parse_evidence(std::string(kMaxEvidenceBytes + 1, ' ')).error().id, "evidence_too_large");
  EXPECT_FALSE(parse_evidence(std::string(200'000, 'a')));
}

TEST(ParseEvidence, RefusesDeepAndAmbiguousJson) {
  std::string deep;
  for (int i = 0; i < 40; ++i)
    deep += "{\"a\":";
  EXPECT_FALSE(parse_evidence(deep + "1" + std::string(40, '}')));
  EXPECT_FALSE(parse_evidence(R"({"jobId":"a","jobId":"b"})"));
  EXPECT_FALSE(parse_evidence("{}"));
  EXPECT_FALSE(parse_evidence(""));
  EXPECT_FALSE(parse_evidence("hello"));
}

TEST(ParseEvidence, PointsFromAJobsRecordToItsAttestation) {
  const auto evidence = parse_evidence(R"({"jobId":"1","status":"completed","result":{}})");
  ASSERT_FALSE(evidence);
  EXPECT_NE(evidence.error().hint.find("/attestation"), std::string::npos);
}

TEST(ParseEvidence, TakesDstacksAttestationInBothFormsInHexadecimalAndAsItIs) {
  const nlohmann::json document = {
      {"version", 1},
      {"platform", {{"kind", "tdx"}, {"data", {{"quote", {4, 0}}, {"event_log", nlohmann::json::array()}}}}},
      {"stack",
       {{"kind", "dstack"},
        {"data", {{"report_data", Bytes(64, 0)}, {"runtime_events", nlohmann::json::array()}, {"config", "{}"}}}}}};
  const auto msgpack = nlohmann::json::to_msgpack(document);
  // SCALE: form, platform, quote of two bytes, two empty lists, report data, configuration.
  Bytes scale = {0, 0, 2 << 2, 4, 0, 0, 0};
  scale.insert(scale.end(), 64, 0);
  scale.insert(scale.end(), {2 << 2, '{', '}'});
  for (const Bytes& attestation : {msgpack, scale}) {
    const auto hex = core::to_hex(attestation);
    for (const std::string& text :
         {std::string(core::as_text(attestation)), hex, "0x" + hex + "\n", R"({"attestation":")" + hex + "\"}"}) {
      const auto evidence = parse_evidence(text);
      ASSERT_TRUE(evidence) << evidence.error().message;
      EXPECT_EQ(evidence->kind, EvidenceKind::bundle);
      EXPECT_EQ(evidence->quote, "0400");
      EXPECT_TRUE(evidence->events);
      EXPECT_EQ(evidence->vm_config, "{}");
    }
  }
  EXPECT_EQ(parse_evidence("0003").error().id, "attestation_platform_unsupported");
  EXPECT_FALSE(parse_evidence("00030"));
  EXPECT_NE(parse_evidence("[]").error().hint.find("--event-log"), std::string::npos);
}

TEST(ParseEvidence, TakesAQuoteInHexadecimalWithOrWithout0xAndAsItIs) {
  for (const std::string text : {"0x0400aaBB", "0400aaBB\n", "  0x0400aaBB\r\n"}) {
    const auto evidence = parse_evidence(text);
    ASSERT_TRUE(evidence) << text;
    EXPECT_EQ(evidence->kind, EvidenceKind::quote);
    ASSERT_TRUE(evidence->quote);
    EXPECT_EQ(core::parse_hex(*evidence->quote).value(), (Bytes{4, 0, 0xaa, 0xbb}));
  }
  std::string binary("\x04\x00", 2);
  binary += std::string(100, '\x81');
  const auto evidence = parse_evidence(binary);
  ASSERT_TRUE(evidence);
  EXPECT_EQ(core::parse_hex(*evidence->quote).value().size(), 102u);
}

}  // namespace
}  // namespace skill_verifier::attest
