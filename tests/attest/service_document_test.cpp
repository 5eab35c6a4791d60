#include "skill_verifier/attest/service_document.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

namespace skill_verifier::attest {
namespace {

using nlohmann::json;
using testing::HasSubstr;

ServiceDocument sample() {
  ServiceDocument document;
  document.nonce_root = std::string(64, 'a');
  document.policy_sha256 = std::string(64, 'b');
  document.program = {"skill-verifier", "0.1.0", std::string(64, 'c'), std::string(40, 'd')};
  document.public_keys = {"ed25519:AAAA"};
  document.runtimes = {{"python:3.12-alpine", "sha256:" + std::string(64, 'f')},
                       {"node:20", "sha256:" + std::string(64, 'e')}};
  return document;
}

std::string built(const ServiceDocument& document = sample()) {
  auto text = build_service_document(document);
  EXPECT_TRUE(text) << text.error().message;
  return text ? *text : std::string();
}

TEST(ServiceDocument, HasTheBytesOfTheTrustProtocol) {
  const auto times = [](char c, std::size_t n) { return std::string(n, c); };
  EXPECT_EQ(built(), R"({"nonceRoot":")" + times('a', 64) + R"(","policy":{"sha256":")" + times('b', 64) +
                         R"("},"program":{"name":"skill-verifier","sha256":")" + times('c', 64) +
                         R"(","sourceCommit":")" + times('d', 40) +
                         R"(","version":"0.1.0"},"publicKeys":["ed25519:AAAA"],"runtimes":[{"imageId":"sha256:)" +
                         times('e', 64) + R"(","name":"node:20"},{"imageId":"sha256:)" + times('f', 64) +
                         R"(","name":"python:3.12-alpine"}],"type":"skill-verifier-service-v1"})");
}

TEST(ServiceDocument, AnUnknownCommitIsNull) {
  auto document = sample();
  document.program.source_commit.reset();
  const std::string text = built(document);
  EXPECT_THAT(text, HasSubstr(R"("sourceCommit":null)"));
  EXPECT_EQ(parse_service_document(text)->program.source_commit, std::nullopt);
}

TEST(ServiceDocument, ReportDataIsOverTagAndHash) {
  const std::string text = built();
  EXPECT_EQ(service_report_data(text),
            core::sha512(core::as_bytes("skill-verifier-service-v1:" + core::sha256_hex(text))));
}

TEST(ServiceDocument, ComesBackFromItsBytes) {
  const auto parsed = parse_service_document(built());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->program.version, "0.1.0");
  ASSERT_EQ(parsed->runtimes.size(), 2u);
  EXPECT_EQ(parsed->runtimes[0].name, "node:20");
  EXPECT_EQ(parsed->public_keys, std::vector<std::string>{"ed25519:AAAA"});
  EXPECT_EQ(built(*parsed), built());
}

TEST(ServiceDocument, IsNotBuiltFromValuesWithoutAPlaceInIt) {
  const std::vector<std::pair<const char*, std::function<void(ServiceDocument&)>>> cases = {
      {"nonceRoot", [](auto& d) { d.nonce_root = "abc"; }},
      {"policy.sha256", [](auto& d) { d.policy_sha256 = std::string(64, 'B'); }},
      {"program.name", [](auto& d) { d.program.name.clear(); }},
      {"program.version", [](auto& d) { d.program.version = std::string(1025, 'v'); }},
      {"program.sha256", [](auto& d) { d.program.sha256 = std::string(63, 'c'); }},
      {"sourceCommit", [](auto& d) { d.program.source_commit = "main"; }},
      {"publicKeys", [](auto& d) { d.public_keys.emplace_back(); }},
      {"publicKeys", [](auto& d) { d.public_keys.assign(65, "k"); }},
      {"runtimes.name", [](auto& d) { d.runtimes[0].name.clear(); }},
      {"runtimes.name", [](auto& d) { d.runtimes[0].name = "node\033[2J"; }},
      {"runtimes.name", [](auto& d) { d.runtimes[0].name = "node\nVALID"; }},
      {"runtimes.imageId", [](auto& d) { d.runtimes[0].image_id = std::string(64, 'e'); }},
      {"twice", [](auto& d) { d.runtimes[1].name = d.runtimes[0].name; }},
      {"1024", [](auto& d) { d.runtimes.resize(1025); }},
  };
  for (const auto& [words, change] : cases) {
    auto document = sample();
    change(document);
    const auto text = build_service_document(document);
    ASSERT_FALSE(text) << words;
    EXPECT_EQ(text.error().id, "service_document_invalid");
    EXPECT_THAT(text.error().message, HasSubstr(words));
  }
}

TEST(ServiceDocument, OtherBytesThanTheBuildersAreRefused) {
  const auto changed = [](const std::function<void(json&)>& change) {
    json document = json::parse(built());
    change(document);
    return document.dump();
  };
  const std::vector<std::string> cases = {
      "",
      "[]",
      "null",
      "{}",
      built() + " ",
      " " + built(),
      json::parse(built()).dump(2),
      built().substr(0, built().size() - 1) + R"(,"type":"skill-verifier-service-v1"})",
      changed([](json& d) { d["extra"] = 1; }),
      changed([](json& d) { d["program"]["extra"] = nullptr; }),
      changed([](json& d) { d["policy"]["sha256"] = 1; }),
      changed([](json& d) { d["policy"] = json::array(); }),
      changed([](json& d) { d["type"] = "skill-verifier-service-v2"; }),
      changed([](json& d) { d["program"].erase("sourceCommit"); }),
      changed([](json& d) { d["program"]["sourceCommit"] = 7; }),
      changed([](json& d) { d["publicKeys"] = json::object(); }),
      changed([](json& d) { d["publicKeys"][0] = nullptr; }),
      changed([](json& d) { d["runtimes"][0] = "node:20"; }),
      changed([](json& d) { std::swap(d["runtimes"][0], d["runtimes"][1]); }),
      changed([](json& d) { d["runtimes"][1] = d["runtimes"][0]; }),
      std::string(100, '['),
      R"({"type":")" + std::string(2u << 20, 'x') + "\"}",
  };
  for (const auto& text : cases) {
    const auto parsed = parse_service_document(text);
    ASSERT_FALSE(parsed) << text.substr(0, 200);
    EXPECT_EQ(parsed.error().id, "service_document_invalid");
  }
  for (const char* name : {"nonceRoot", "policy", "program", "publicKeys", "runtimes", "type"})
    EXPECT_FALSE(parse_service_document(changed([&](json& d) { d.erase(name); }))) << name;
}

TEST(CheckNonce, TakesPrintableAsciiOfTheRightLength) {
  for (const auto& nonce : {std::string("a"), std::string(128, '~'), std::string("with space")})
    EXPECT_TRUE(check_nonce(nonce)) << nonce;
  for (const auto& nonce : {std::string(), std::string(129, 'a'), std::string("a\n"), std::string(1, '\0'),
                            std::string("\x7f"), std::string("\xc3\xa4")}) {
    const auto checked = check_nonce(nonce);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().id, "nonce_invalid");
  }
}

}  // namespace
}  // namespace skill_verifier::attest
