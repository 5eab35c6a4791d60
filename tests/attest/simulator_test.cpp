#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/asn1.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "dcap/quote_layout.hpp"
#include "dstack-simulator/key_crypto.hpp"
#include "dstack-simulator/server.hpp"
#include "skill_verifier/attest/quoter.hpp"
#include "skill_verifier/dcap/quote.hpp"
#include "skill_verifier/net/http_client.hpp"
#include "support/await.hpp"
#include "support/fake_clock.hpp"
#include "support/paths.hpp"
#include "test_pki/key.hpp"

namespace skill_verifier::attest {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using core::as_bytes;
using nlohmann::json;
using skill_verifier::test::await;
using testing::HasSubstr;

const fs::path kFixtures = skill_verifier::test::shared_fixtures();

json read_json(const fs::path& path) {
  std::ifstream file(path);
  return json::parse(file);
}

Bytes hex(const json& text) {
  return core::parse_hex(text.get<std::string>()).value();
}

Bytes concat(std::initializer_list<ByteView> parts) {
  Bytes out;
  for (const auto part : parts)
    out.insert(out.end(), part.begin(), part.end());
  return out;
}

using X509Pointer = std::unique_ptr<X509, decltype(&X509_free)>;

X509Pointer parse_der(const Bytes& der) {
  const unsigned char* at = der.data();
  return {d2i_X509(nullptr, &at, static_cast<long>(der.size())), X509_free};
}

X509Pointer parse_pem(const std::string& pem) {
  const std::unique_ptr<BIO, decltype(&BIO_vfree)> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                       BIO_vfree);
  return {PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free};
}

/// x, y of the certificate's P-256 key.
Bytes public_point(const X509& certificate) {
  const auto* key = X509_get0_pubkey_bitstr(&certificate);
  const auto* data = ASN1_STRING_get0_data(key);
  return {data + 1, data + ASN1_STRING_length(key)};
}

Bytes subject_public_key_info(const X509& certificate) {
  unsigned char* der = nullptr;
  const auto size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(&certificate), &der);
  const Bytes bytes(der, der + std::max(size, 0));
  OPENSSL_free(der);
  return bytes;
}

/// What dstack puts into an OCTET STRING inside of the extension's.
Bytes extension_bytes(const X509& certificate, const char* oid) {
  const std::unique_ptr<ASN1_OBJECT, decltype(&ASN1_OBJECT_free)> object(OBJ_txt2obj(oid, 1), ASN1_OBJECT_free);
  const int index = X509_get_ext_by_OBJ(&certificate, object.get(), -1);
  if (index < 0) return {};
  const auto* value = X509_EXTENSION_get_data(X509_get_ext(&certificate, index));
  const unsigned char* at = ASN1_STRING_get0_data(value);
  const std::unique_ptr<ASN1_OCTET_STRING, decltype(&ASN1_OCTET_STRING_free)> inner(
      d2i_ASN1_OCTET_STRING(nullptr, &at, ASN1_STRING_length(value)), ASN1_OCTET_STRING_free);
  if (!inner) return {};
  const auto* data = ASN1_STRING_get0_data(inner.get());
  return {data, data + ASN1_STRING_length(inner.get())};
}

/// The signer's compressed key, from a signature of 65 bytes.
Bytes recover(const Bytes& signature, const core::Digest256& digest) {
  const std::unique_ptr<secp256k1_context, decltype(&secp256k1_context_destroy)> context(
      secp256k1_context_create(SECP256K1_CONTEXT_VERIFY), secp256k1_context_destroy);
  secp256k1_ecdsa_recoverable_signature parsed;
  secp256k1_pubkey key;
  Bytes compressed(33);
  std::size_t size = compressed.size();
  if (signature.size() != 65 ||
      secp256k1_ecdsa_recoverable_signature_parse_compact(context.get(), &parsed, signature.data(), signature[64]) !=
          1 ||
      secp256k1_ecdsa_recover(context.get(), &key, &parsed, digest.data()) != 1) {
    return {};
  }
  secp256k1_ec_pubkey_serialize(context.get(), compressed.data(), &size, &key, SECP256K1_EC_COMPRESSED);
  return compressed;
}

/// The simulator on a Unix socket and a client of it, on one io_context.
class SimulatorTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/simulatorXXXXXX";
    folder_ = ::mkdtemp(pattern);
  }
  void TearDown() override {
    if (group_) {
      group_->cancel();
      EXPECT_TRUE(await(io_, group_->wait(10s)));
    }
    client_.reset();
    server_.reset();
    EXPECT_FALSE(fs::exists(socket())) << "the socket is removed";
    fs::remove_all(folder_);
  }
  std::string socket() const { return folder_ / "dstack.sock"; }

  void start() {
    agent_.emplace(agent_options_, clock_);
    server_.emplace(io_.get_executor(), *agent_, dstack_simulator::ServerOptions{socket(), delay_});
    ASSERT_TRUE(server_->listen());
    group_.emplace(io_.get_executor());
    group_->spawn("simulator", server_->run());
    client_.emplace(io_.get_executor(), net::parse_endpoint(socket()).value());
  }
  net::Response send(const std::string& method, const std::string& target, const std::string& content_type = {},
                     const std::string& body = {}) {
    net::Request request{.method = method, .target = target, .headers = {}, .body = body};
    if (!content_type.empty()) request.headers.emplace_back("Content-Type", content_type);
    auto response = await(io_, client_->send(std::move(request)));
    EXPECT_TRUE(response) << (response ? "" : response.error().message);
    return response ? *response : net::Response{};
  }
  net::Response post(const std::string& target, const std::string& body) {
    return send("POST", target, "application/json", body);
  }
  json call(const std::string& method, const json& fields) {
    const auto response = post("/" + method, fields.dump());
    EXPECT_EQ(response.status, 200) << response.body;
    return json::parse(response.body);
  }
  std::string refusal(const std::string& target, const std::string& body) {
    const auto response = post(target, body);
    EXPECT_EQ(response.status, 400) << response.body;
    return json::parse(response.body).at("error");
  }

  core::asio::io_context io_{1};
  fs::path folder_;
  skill_verifier::test::FakeClock clock_;
  dstack_simulator::AgentOptions agent_options_{.app_compose = R"({"name":"test"})"};
  core::Duration delay_{};
  std::optional<dstack_simulator::Agent> agent_;
  std::optional<dstack_simulator::Server> server_;
  std::optional<core::TaskGroup> group_;
  std::optional<net::HttpClient> client_;
};

TEST_F(SimulatorTest, ServesTheQuoter) {
  start();
  DstackQuoter quoter(io_.get_executor(), socket(), {});
  const auto data = report_data(kResultTag, std::string(64, 'a'));
  const auto quote = await(io_, quoter.quote(data, {}));
  ASSERT_TRUE(quote) << quote.error().message;
  EXPECT_EQ(quote->tee_type, "simulated");
  EXPECT_THAT(quote->vm_config, HasSubstr("os_image_hash"));
  const auto info = await(io_, quoter.info());
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(json::parse(*info)["compose_hash"].get<std::string>(), core::sha256_hex(R"({"name":"test"})"));
}

TEST_F(SimulatorTest, IsCaughtWhenItQuotesOtherBytes) {
  agent_options_.zero_report_data = true;
  start();
  DstackQuoter quoter(io_.get_executor(), socket(), {});
  const auto quote = await(io_, quoter.quote(report_data(kResultTag, "x"), {}));
  ASSERT_FALSE(quote);
  EXPECT_EQ(quote.error().id, "quote_mismatch");
}

TEST_F(SimulatorTest, FailsAsManyQuotesAsAsked) {
  agent_options_.fail_quotes = 2;
  start();
  DstackOptions options;
  options.backoff = 1ms;
  DstackQuoter quoter(io_.get_executor(), socket(), options);
  EXPECT_TRUE(await(io_, quoter.quote(report_data(kResultTag, "x"), {})));
}

TEST_F(SimulatorTest, TakesItsTimeForAQuoteAndServesOthersMeanwhile) {
  delay_ = 1h;
  start();
  DstackOptions options;
  options.timeout = 50ms;
  options.attempts = 1;
  DstackQuoter slow(io_.get_executor(), socket(), options);
  EXPECT_EQ(await(io_, slow.quote(report_data(kResultTag, "x"), {})).error().id, "quote_timed_out");
  EXPECT_TRUE(await(io_, slow.info()));
}

TEST_F(SimulatorTest, SignsQuotesThatHoldUnderItsOwnRootOnly) {
  start();
  const auto answer = call("GetQuote", {{"report_data", "1234"}});
  const auto bytes = hex(answer["quote"]);
  const auto layout = dcap::parse_whole_layout(bytes);
  ASSERT_TRUE(layout) << layout.error().message;
  const auto chain = dcap::parse_quote(bytes)->pck_chain;
  const auto leaf = parse_der(chain[0]);
  const auto ca = parse_der(chain[1]);
  const auto root = parse_der(chain[2]);
  ASSERT_TRUE(leaf && ca && root);
  EXPECT_EQ(X509_verify(leaf.get(), X509_get0_pubkey(ca.get())), 1);
  EXPECT_EQ(X509_verify(ca.get(), X509_get0_pubkey(root.get())), 1);
  EXPECT_EQ(X509_verify(root.get(), X509_get0_pubkey(root.get())), 1);
  const auto anchor = parse_pem(agent_->root_certificate_pem());
  ASSERT_TRUE(anchor);
  EXPECT_EQ(X509_cmp(anchor.get(), root.get()), 0);

  const auto bound = core::sha256(concat({layout->attestation_key, layout->qe_auth_data}));
  EXPECT_TRUE(std::ranges::equal(layout->qe_report.subspan(320, 32), bound));
  EXPECT_TRUE(test_pki::verify_raw(layout->attestation_key, layout->signed_bytes, layout->signature));
  const auto leaf_key = public_point(*leaf);
  EXPECT_TRUE(test_pki::verify_raw(leaf_key, layout->qe_report, layout->qe_report_signature));
  EXPECT_FALSE(test_pki::verify_raw(leaf_key, layout->signed_bytes, layout->signature));
}

TEST_F(SimulatorTest, LogsEventsThatReplayToTheRegisters) {
  start();
  const auto answer = call("GetQuote", json::object());
  const auto quote = hex(answer["quote"]);
  std::array<core::Digest384, 4> registers{};
  const auto log = json::parse(answer["event_log"].get<std::string>());
  for (const auto& event : log) {
    const auto digest = hex(event["digest"]);
    const auto payload = hex(event["event_payload"]);
    if (event["imr"] == 3) {
      const auto name = event["event"].get<std::string>();
      const auto preimage =
          concat({Bytes{0x01, 0x00, 0x00, 0x08}, as_bytes(":"), as_bytes(name), as_bytes(":"), payload});
      EXPECT_EQ(core::to_hex(core::sha384(preimage)), event["digest"].get<std::string>()) << name;
      EXPECT_EQ(event["event_type"].get<int>(), 134217729);
    }
    auto& reg = registers[event["imr"].get<std::size_t>()];
    reg = core::sha384(concat({reg, digest}));
  }
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(std::ranges::equal(registers[i], ByteView(quote).subspan(376 + 48 * i, 48))) << i;
  }
  EXPECT_EQ(log.back()["event"], "system-ready");
}

TEST_F(SimulatorTest, TakesReportDataAsTheAgentDoes) {
  const auto path = kFixtures / "dstack" / "report-data-vectors.json";
  start();
  if (!fs::exists(path)) GTEST_SKIP() << "no fixtures beside the source tree";
  const auto vectors = read_json(path);
  for (const auto& vector : vectors["padded"]) {
    const auto answer = call("GetQuote", {{"report_data", vector["request_report_data"]}});
    const auto expected = vector["quote_report_data"].get<std::string>();
    EXPECT_EQ(answer["report_data"].get<std::string>(), expected);
    EXPECT_EQ(answer["quote"].get<std::string>().substr(2 * 568, 128), expected);
  }
  for (const auto& rejected : vectors["rejected"]) {
    EXPECT_FALSE(refusal("/GetQuote", json{{"report_data", rejected}}.dump()).empty()) << rejected;
  }
}

TEST_F(SimulatorTest, SpeaksTheAgentsEncoding) {
  start();
  const std::string too_long = json{{"report_data", std::string(130, 'a')}}.dump();
  EXPECT_EQ(post("/GetQuote", too_long).body, "{\n  \"error\": \"Report data is too long\"\n}");
  EXPECT_EQ(
      call("GetQuote", {{"report_data", "0x1234"}, {"reportData", "ff"}})["report_data"].get<std::string>().substr(0,
                                                                                                                   6),
      "123400");
  EXPECT_EQ(post("/GetQuote", "").status, 200) << "an empty body is all defaults";
  EXPECT_EQ(send("GET", "/GetQuote?report_data=0xabcd").status, 200);
  EXPECT_EQ(send("GET", "/Version").status, 200);
  EXPECT_EQ(send("POST", "/Version?json").status, 200) << "the query alone asks for JSON";
  EXPECT_EQ(send("POST", "/Version", "application/json; charset=utf-8").status, 200);
  EXPECT_EQ(send("POST", "/Version").status, 400) << "protobuf";
  EXPECT_THAT(refusal("/GetQuote", "{"), HasSubstr("Failed to decode"));
  EXPECT_THAT(refusal("/GetQuote", "[]"), HasSubstr("Failed to decode"));
  EXPECT_THAT(refusal("/GetQuote", R"({"report_data":7})"), HasSubstr("report_data"));
  EXPECT_THAT(refusal("/GetTlsKey", R"({"usage_ra_tls":"true"})"), HasSubstr("usage_ra_tls"));
  EXPECT_THAT(refusal("/GetTlsKey", R"({"alt_names":"a"})"), HasSubstr("alt_names"));
  EXPECT_THAT(refusal("/GetTlsKey", R"({"not_after":-1})"), HasSubstr("not_after"));
}

TEST_F(SimulatorTest, KnowsNoOtherPathsAndMethods) {
  start();
  for (const auto* target : {"/", "/getquote", "/prpc/GetQuote", "/GetQuote/", "/EmitEvent", "/v1/Version"}) {
    const auto response = post(target, "{}");
    EXPECT_EQ(response.status, 404) << target;
    EXPECT_THAT(response.body, HasSubstr("<html")) << target;
  }
  EXPECT_EQ(send("DELETE", "/GetQuote").status, 404);
}

TEST_F(SimulatorTest, GivesKeysThatChainToTheKmsRoot) {
  start();
  const auto app_id = hex(call("Info", json::object())["app_id"]);
  const auto first = call("GetKey", {{"path", "a"}, {"purpose", "test"}});
  EXPECT_EQ(first["key"], call("GetKey", {{"path", "a"}, {"purpose", "other"}, {"algorithm", "k256"}})["key"]);
  EXPECT_NE(first["key"], call("GetKey", {{"path", "b"}})["key"]);
  for (const std::string algorithm : {"secp256k1", "ed25519"}) {
    const auto answer = call("GetKey", {{"path", "a"}, {"purpose", "test"}, {"algorithm", algorithm}});
    const auto key = hex(answer["key"]);
    ASSERT_EQ(key.size(), 32u);
    const auto public_key = algorithm == "ed25519" ? dstack_simulator::ed25519::public_key(key)
                                                   : dstack_simulator::secp256k1::public_key(key);
    const auto claim = "test:" + core::to_hex(public_key);
    const auto app_key = recover(hex(answer["signature_chain"][0]), dstack_simulator::keccak256(as_bytes(claim)));
    ASSERT_EQ(app_key.size(), 33u);
    const auto issued = concat({as_bytes("dstack-kms-issued:"), app_id, app_key});
    const auto root = recover(hex(answer["signature_chain"][1]), dstack_simulator::keccak256(issued));
    EXPECT_EQ(core::to_hex(root), agent_->kms_root_public_key());
  }
  EXPECT_THAT(refusal("/GetKey", R"({"algorithm":"rsa"})"), HasSubstr("Unsupported algorithm: rsa"));
  EXPECT_THAT(refusal("/GetKey", R"({"algorithm":"secp256k1_prehashed"})"), HasSubstr("Unsupported algorithm"));
}

TEST_F(SimulatorTest, SignsAndVerifies) {
  start();
  const auto digest = core::to_hex(core::sha256(as_bytes("data")));
  for (const auto& [algorithm, data] : std::map<std::string, std::string>{
           {"ed25519", "64617461"}, {"secp256k1", "64617461"}, {"k256", ""}, {"secp256k1_prehashed", digest}}) {
    auto signed_data = call("Sign", {{"algorithm", algorithm}, {"data", data}});
    EXPECT_EQ(signed_data["signature_chain"].size(), 3u);
    EXPECT_EQ(signed_data["signature_chain"][0], signed_data["signature"]);
    json question = {{"algorithm", algorithm},
                     {"data", data},
                     {"signature", signed_data["signature"]},
                     {"public_key", signed_data["public_key"]}};
    EXPECT_EQ(call("Verify", question), json({{"valid", true}})) << algorithm;
    auto altered = question;
    altered["data"] = core::to_hex(core::sha256(as_bytes("other")));
    EXPECT_EQ(call("Verify", altered), json({{"valid", false}})) << algorithm;
    for (const auto* field : {"signature", "public_key"}) {
      auto broken = question;
      broken[field] = "00";
      EXPECT_THAT(refusal("/Verify", broken.dump()), HasSubstr("invalid")) << algorithm << field;
    }
  }
  EXPECT_THAT(refusal("/Sign", R"({"algorithm":"secp256k1_prehashed","data":"00"})"), HasSubstr("32-byte digest"));
}

TEST_F(SimulatorTest, IssuesTlsCertificates) {
  start();
  const auto answer = call("GetTlsKey", {{"subject", "example"},
                                         {"alt_names", {"a.example", "b.example"}},
                                         {"usage_server_auth", true},
                                         {"usage_ra_tls", true},
                                         {"not_before", 1'700'000'000},
                                         {"not_after", 2'600'000'000}});
  EXPECT_THAT(answer["key"].get<std::string>(), testing::StartsWith("-----BEGIN PRIVATE KEY-----\n"));
  const auto leaf = parse_pem(answer["certificate_chain"][0]);
  const auto ca = parse_pem(answer["certificate_chain"][1]);
  ASSERT_TRUE(leaf && ca);
  EXPECT_EQ(X509_verify(leaf.get(), X509_get0_pubkey(ca.get())), 1);
  EXPECT_EQ(X509_check_host(leaf.get(), "b.example", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(leaf.get(), "c.example", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_check_purpose(leaf.get(), X509_PURPOSE_SSL_SERVER, 0), 1);
  EXPECT_EQ(X509_check_purpose(leaf.get(), X509_PURPOSE_SSL_CLIENT, 0), 0);
  const auto quote = extension_bytes(*leaf, "1.3.6.1.4.1.62397.1.1");
  const auto summary = dcap::summarize_quote(quote);
  ASSERT_TRUE(summary) << summary.error().message;
  const auto spki = subject_public_key_info(*leaf);
  EXPECT_EQ(summary->report_data, report_data("ratls-cert", core::as_text(spki)));
  EXPECT_NE(answer["key"], call("GetTlsKey", json::object())["key"]) << "fresh each time";
  EXPECT_THAT(refusal("/GetTlsKey", R"({"not_before":5,"not_after":5})"), HasSubstr("Invalid validity"));
  EXPECT_THAT(refusal("/GetTlsKey", R"({"with_app_info":true})"), HasSubstr("not simulated"));
}

TEST(SimulatorKeys, AgreeWithUpstreamsSignatureVectors) {
  const auto path = kFixtures / "dstack" / "signature_chain.json";
  if (!fs::exists(path)) GTEST_SKIP() << "no fixtures beside the source tree";
  namespace sim = dstack_simulator;
  const auto vectors = read_json(path);
  for (const auto& vector : vectors["cases"]) {
    const auto algorithm = vector["algorithm"].get<std::string>();
    const auto data = hex(vector["data"]);
    const auto key = hex(vector["public_key"]);
    const auto signature = hex(vector["signature"]);
    core::Digest256 digest = core::sha256(data);
    if (algorithm == "secp256k1_prehashed") std::copy(data.begin(), data.end(), digest.begin());
    const auto valid = algorithm == "ed25519" ? sim::ed25519::verify(key, signature, data)
                                              : sim::secp256k1::verify(key, signature, digest);
    EXPECT_TRUE(valid && *valid) << algorithm;
    const auto claim = vectors["purpose"].get<std::string>() + ":" + vector["public_key"].get<std::string>();
    EXPECT_EQ(core::to_hex(recover(hex(vector["signature_chain"][1]), sim::keccak256(as_bytes(claim)))),
              vectors["app_root_pubkey"].get<std::string>());
  }
}

TEST(SimulatorKeys, HashAsEthereumDoes) {
  const auto keccak = [](std::string_view text) { return core::to_hex(dstack_simulator::keccak256(as_bytes(text))); };
  EXPECT_EQ(keccak(""), "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
  EXPECT_EQ(keccak("abc"), "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
  // dstack's own vector, one block; and lengths around the block's end against each other.
  EXPECT_EQ(keccak("app-data:test content"), "71d9e489e5d4046e8c1a5ef5137a88d940c77db95de9a5eadcde469c4fc50c29");
  for (const std::size_t size : {135u, 136u, 137u, 272u}) {
    EXPECT_NE(keccak(std::string(size, 'a')), keccak(std::string(size + 1, 'a'))) << size;
  }
}

TEST(SimulatorKeys, DeriveByRfc5869) {
  // RFC 5869 A.1, of whose 42 bytes we take 32.
  const Bytes key(22, 0x0b);
  const Bytes salt = core::parse_hex("000102030405060708090a0b0c").value();
  const Bytes info = core::parse_hex("f0f1f2f3f4f5f6f7f8f9").value();
  EXPECT_EQ(core::to_hex(dstack_simulator::hkdf_sha256(key, core::as_text(salt), info)),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
}

}  // namespace
}  // namespace skill_verifier::attest
