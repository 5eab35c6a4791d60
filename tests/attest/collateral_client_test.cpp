#include "skill_verifier/attest/collateral_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>

#include "attest/pcs_answer.hpp"
#include "support/await.hpp"
#include "support/fake_clock.hpp"
#include "support/paths.hpp"
#include "support/pccs_stub.hpp"

namespace skill_verifier::attest {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using nlohmann::json;
using skill_verifier::test::PccsBodies;
using skill_verifier::test::Reply;
using skill_verifier::test::ScriptedServer;
using testing::HasSubstr;

const fs::path kFixtures = skill_verifier::test::shared_fixtures() / "dcap";
constexpr auto kTcb = "GET /tdx/certification/v4/tcb";
constexpr auto kQe = "GET /tdx/certification/v4/qe/identity";
constexpr auto kPckCrl = "GET /sgx/certification/v4/pckcrl";
constexpr auto kRootCrl = "GET /sgx/certification/v4/rootcacrl";

std::string read(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class CollateralClientTest : public testing::Test {
 protected:
  using Table = std::map<std::string, Reply>;

  Result<FetchedCollateral> fetch(Table table, const dcap::CollateralKey& key = {"90c06f000000", "platform"}) {
    server_.emplace(skill_verifier::test::routes(std::move(table)));
    CollateralClient client(io_.get_executor(), clock_, {server_->url(), request_});
    return skill_verifier::test::await(io_, client.fetch(key));
  }
  Error refusal(Table table) {
    auto result = fetch(std::move(table));
    return result ? Error{Errc::internal, "accepted", "accepted"} : result.error();
  }
  std::chrono::sys_seconds in(std::chrono::seconds time) const {
    return std::chrono::floor<std::chrono::seconds>(clock_.now()) + time;
  }
  PccsBodies bodies() const { return PccsBodies::until(in(24h)); }

  core::asio::io_context io_{1};
  skill_verifier::test::FakeClock clock_;
  core::Duration request_ = 10s;
  std::optional<ScriptedServer> server_;
};

TEST_F(CollateralClientTest, PutsTheFourAnswersTogetherByteForByte) {
  const auto served = bodies();
  const auto fetched = fetch(served.replies());
  ASSERT_TRUE(fetched) << fetched.error().message;
  const auto made = json::parse(fetched->json);
  EXPECT_EQ(made["tcb_info"], served.tcb_info);
  EXPECT_EQ(made["tcb_info_signature"], served.tcb_signature);
  EXPECT_EQ(made["tcb_info_issuer_chain"], served.chain);
  EXPECT_EQ(made["qe_identity"], served.qe_identity);
  EXPECT_EQ(made["qe_identity_signature"], served.qe_signature);
  EXPECT_EQ(made["qe_identity_issuer_chain"], served.chain);
  EXPECT_EQ(made["pck_crl"], core::to_hex(core::as_bytes(served.pck_crl)));
  EXPECT_EQ(made["pck_crl_issuer_chain"], served.chain);
  EXPECT_EQ(made["root_ca_crl"], core::to_hex(core::as_bytes(served.root_crl)));
  EXPECT_EQ(made["fetchedAt"], core::to_rfc3339(clock_.now()));
  EXPECT_EQ(fetched->until, in(24h));
  const auto requests = server_->requests();
  ASSERT_EQ(requests.size(), 4u);
  EXPECT_EQ(requests[0].target, "/tdx/certification/v4/tcb?fmspc=90c06f000000");
  EXPECT_EQ(requests[1].target, "/tdx/certification/v4/qe/identity?update=standard");
  EXPECT_EQ(requests[2].target, "/sgx/certification/v4/pckcrl?ca=platform&encoding=der");
  EXPECT_EQ(requests[3].target, "/sgx/certification/v4/rootcacrl");
}

TEST_F(CollateralClientTest, ReadsWhatIntelServed) {
  if (!fs::exists(kFixtures)) GTEST_SKIP() << "no fixtures at " << kFixtures;
  clock_.set(*core::parse_rfc3339("2025-10-14T12:00:00Z"));
  PccsBodies served = bodies();
  served.pck_crl = read(kFixtures / "crls" / "00806f_2025-10.pck_crl.der");
  served.root_crl = read(kFixtures / "crls" / "00806f_2025-10.root_ca_crl.der");
  auto table = served.replies();
  std::ifstream headers(kFixtures / "pcs" / "issuer_chain_headers_2023.txt");
  std::string chain;
  for (std::string line; std::getline(headers, line);)
    if (line.starts_with("SGX-PCK-CRL-Issuer-Chain: ")) chain = line.substr(line.find(' ') + 1);
  ASSERT_FALSE(chain.empty());
  if (chain.ends_with('\r')) chain.pop_back();
  table.insert_or_assign(kTcb, Reply::with(200, read(kFixtures / "pcs" / "tcbInfo_00806f_2025-10.json"),
                                           {{"SGX-TCB-Info-Issuer-Chain", chain}}));
  table.insert_or_assign(kQe, Reply::with(200, read(kFixtures / "pcs" / "qeIdentity_td_2025-10.json"),
                                          {{"SGX-Enclave-Identity-Issuer-Chain", chain}}));
  const auto fetched = fetch(table, {"00806F050000", "platform"});
  ASSERT_TRUE(fetched) << fetched.error().message;
  const auto made = json::parse(fetched->json);
  const auto recorded = json::parse(read(kFixtures / "collateral" / "00806f_2025-10.json"));
  for (const char* name : {"tcb_info", "tcb_info_signature", "qe_identity", "qe_identity_signature", "pck_crl"})
    EXPECT_EQ(made[name], recorded[name]) << name;
  EXPECT_THAT(made["tcb_info_issuer_chain"].get<std::string>(), HasSubstr("MIICljCCAj2gAwIBAgIVAJVvXc29G+HpQEnJ1PQz"));
}

TEST_F(CollateralClientTest, SaysWhichItemFailedAndWhy) {
  for (const auto& [route, name] : {std::pair(kTcb, "TCB info"), std::pair(kQe, "QE identity"),
                                    std::pair(kPckCrl, "PCK CRL"), std::pair(kRootCrl, "root CRL")}) {
    for (const auto& [reply, words] :
         {std::pair(Reply::with(404, "no"), "404"), std::pair(Reply::with(500), "500"), std::pair(Reply::closed(), ""),
          std::pair(Reply::raw("garbage\r\n\r\n"), ""), std::pair(Reply::with(301, "", {{"Location", "/x"}}), "301")}) {
      auto table = bodies().replies();
      table.insert_or_assign(route, reply);
      const Error error = refusal(table);
      EXPECT_EQ(error.id, "collateral_unavailable") << name;
      EXPECT_EQ(error.code, Errc::unavailable);
      EXPECT_THAT(error.message, HasSubstr(name));
      EXPECT_THAT(error.message, HasSubstr(words));
    }
  }
}

TEST_F(CollateralClientTest, RefusesAnswersThatAreNotWhatWasAskedFor) {
  const auto chain = skill_verifier::test::Headers{{"TCB-Info-Issuer-Chain", "-----BEGIN%20CERTIFICATE-----"}};
  const auto with_tcb = [&](std::string body, skill_verifier::test::Headers headers) {
    auto table = bodies().replies();
    table.insert_or_assign(kTcb, Reply::with(200, std::move(body), std::move(headers)));
    return refusal(table);
  };
  const std::string good = R"({"tcbInfo":)" + bodies().tcb_info + R"(,"signature":")" + std::string(128, 'a') + "\"}";
  const std::vector<std::string> broken = {
      "",
      "[]",
      "{}",
      "null",
      good + "x",
      good.substr(0, good.size() - 1),
      R"({"tcbInfo":[],"signature":""})",
      R"({"tcbInfo":{},"signature":")" + std::string(128, 'a') + "\"}",
      R"({"tcbInfo":)" + bodies().tcb_info + R"(,"signature":")" + std::string(127, 'a') + "\"}",
      R"({"tcbInfo":)" + bodies().tcb_info + R"(,"signature":")" + std::string(128, 'g') + "\"}",
      R"({"\u0074cbInfo":)" + bodies().tcb_info + R"(,"signature":")" + std::string(128, 'a') + "\"}",
      R"({"tcbInfo":)" + PccsBodies::until(in(1h), "00806F050000").tcb_info + R"(,"signature":")" +
          std::string(128, 'a') + "\"}",
      R"({"tcbInfo":)" + bodies().qe_identity + R"(,"signature":")" + std::string(128, 'a') + "\"}",
      R"({"tcbInfo":{"id":"TDX","fmspc":"90c06f000000","nextUpdate":"soon"},"signature":")" + std::string(128, 'a') +
          "\"}",
      std::string(100, '['),
  };
  for (const auto& body : broken)
    EXPECT_EQ(with_tcb(body, chain).id, "collateral_malformed") << body.substr(0, 100);
  for (const char* header : {"", "%zz", "plain text", "-----BEGIN%20CERTIFICATE-----%01"})
    EXPECT_EQ(with_tcb(good, {{"TCB-Info-Issuer-Chain", header}}).id, "collateral_malformed") << header;
  EXPECT_EQ(with_tcb(good, {{"TCB-Info-Issuer-Chain", std::string(40'000, 'a')}}).id, "collateral_malformed");
  EXPECT_EQ(with_tcb(good, chain).id, "accepted");
}

TEST_F(CollateralClientTest, RefusesListsThatAreNoCrl) {
  const std::string der = bodies().pck_crl;
  for (const std::string& body : {std::string(), std::string(" "), std::string("zz"), std::string("303"),
                                  der.substr(0, der.size() - 1), der + "x", std::string("\x30\x03\x02\x01\x01"),
                                  std::string("-----BEGIN X509 CRL-----\n*\n-----END X509 CRL-----")}) {
    auto table = bodies().replies();
    table.insert_or_assign(kRootCrl, Reply::with(200, body));
    EXPECT_EQ(refusal(table).id, "collateral_malformed") << body.size();
  }
}

TEST_F(CollateralClientTest, ReadsAListInEveryFormThatServicesUse) {
  const std::string der = bodies().root_crl;
  const std::string hex = core::to_hex(core::as_bytes(der));
  for (const std::string& body :
       {der, hex, hex + "\n",
        "-----BEGIN X509 CRL-----\n" + core::to_base64(core::as_bytes(der)) + "\n-----END X509 CRL-----\n"}) {
    auto table = bodies().replies();
    table.insert_or_assign(kRootCrl, Reply::with(200, body));
    const auto fetched = fetch(table);
    ASSERT_TRUE(fetched) << fetched.error().message;
    EXPECT_EQ(json::parse(fetched->json)["root_ca_crl"], hex);
  }
}

TEST_F(CollateralClientTest, EndsWithTheItemThatEndsFirst) {
  for (int item = 0; item < 4; ++item) {
    auto served = bodies();
    const auto early = PccsBodies::until(in(1h));
    if (item == 0) served.tcb_info = early.tcb_info;
    if (item == 1) served.qe_identity = early.qe_identity;
    if (item == 2) served.pck_crl = early.pck_crl;
    if (item == 3) served.root_crl = early.root_crl;
    const auto fetched = fetch(served.replies());
    ASSERT_TRUE(fetched) << fetched.error().message;
    EXPECT_EQ(fetched->until, in(1h)) << item;
  }
  EXPECT_EQ(refusal(PccsBodies::until(in(-1h)).replies()).id, "collateral_ended");
}

TEST_F(CollateralClientTest, GivesUpOnASilentService) {
  request_ = 50ms;
  auto table = bodies().replies();
  table.insert_or_assign(kQe, Reply::silent());
  const Error error = refusal(table);
  EXPECT_EQ(error.id, "collateral_unavailable");
  EXPECT_THAT(error.message, HasSubstr("QE identity"));
}

TEST_F(CollateralClientTest, RefusesAnEndlessAnswer) {
  auto table = bodies().replies();
  table.insert_or_assign(kTcb, Reply::with(200, std::string(300u << 10, ' ')));
  EXPECT_EQ(refusal(table).id, "collateral_unavailable");
}

TEST_F(CollateralClientTest, AsksNothingForAKeyThatIsNone) {
  for (const dcap::CollateralKey& key :
       {dcap::CollateralKey{"90c06f00000", "platform"}, dcap::CollateralKey{"90c06f00000g", "platform"},
        dcap::CollateralKey{"90c06f000000", "platform&x=1"}, dcap::CollateralKey{"", ""}}) {
    const auto fetched = fetch(bodies().replies(), key);
    ASSERT_FALSE(fetched);
    EXPECT_EQ(fetched.error().id, "platform_invalid");
    EXPECT_TRUE(server_->requests().empty());
  }
}

TEST_F(CollateralClientTest, TrustsNoServerWithoutAKnownCertificate) {
  ScriptedServer server(skill_verifier::test::routes(bodies().replies()), ScriptedServer::Transport::tls);
  CollateralClient client(io_.get_executor(), clock_, {server.url(), request_});
  const auto fetched = skill_verifier::test::await(io_, client.fetch({"90c06f000000", "platform"}));
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().id, "collateral_unavailable");
  EXPECT_TRUE(server.requests().empty());
}

}  // namespace
}  // namespace skill_verifier::attest
