#include "dcap/evidence_fixture.hpp"
#include "skill_verifier/dcap/key_chain.hpp"
#include "skill_verifier/dcap/report_data.hpp"

namespace skill_verifier::dcap {
namespace {

using nlohmann::json;

KeyChain chain_of(const json& file, const json& entry) {
  const auto& links = entry["signature_chain"];
  return {.purpose = file["purpose"],
          .public_key = hex_bytes(entry["public_key"].get<std::string>()),
          .app_id = hex_bytes(file["app_id"].get<std::string>()),
          .signatures = {hex_bytes(links[1].get<std::string>()), hex_bytes(links[2].get<std::string>())}};
}
Bytes member(const json& object, const char* name) {
  return hex_bytes(object[name].get<std::string>());
}

TEST(Keccak, IsTheOneFromBeforeSha3) {
  EXPECT_EQ(core::to_hex(keccak256({})), "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
  EXPECT_EQ(core::to_hex(keccak256(core::as_bytes("abc"))),
            "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
}

TEST(KeyChain, RefusesShapesBeforeAnyArithmetic) {
  const auto check = check_key_chain({}, {});
  EXPECT_FALSE(check.ok());
  EXPECT_EQ(check.findings.size(), 5u);
  EXPECT_TRUE(check.root_public_key.empty());
}

TEST(KeyChain, RefusesZeroSignatures) {
  const KeyChain chain{
      .purpose = "signing", .public_key = Bytes(33, 2), .app_id = Bytes(20), .signatures = {Bytes(65), Bytes(65)}};
  EXPECT_EQ(codes(check_key_chain(chain, Bytes(33, 2)).findings), "key_chain_signature_invalid");
  auto recovery = chain;
  recovery.signatures[0][64] = 4;
  EXPECT_EQ(codes(check_key_chain(recovery, Bytes(33, 2)).findings), "key_chain_signature_invalid");
}

TEST(KeySignature, RefusesUnknownAlgorithmsAndShapes) {
  EXPECT_EQ(verify_key_signature("rsa", {}, {}, Bytes(64)).error().code, Errc::unsupported);
  EXPECT_FALSE(verify_key_signature("ed25519", Bytes(31), {}, Bytes(64)));
  EXPECT_FALSE(verify_key_signature("ed25519", Bytes(32), {}, Bytes(65)));
  EXPECT_FALSE(verify_key_signature("secp256k1", Bytes(33), {}, Bytes(64)));
  EXPECT_FALSE(verify_key_signature("secp256k1_prehashed", Bytes(33), Bytes(31), Bytes(64)));
}

TEST(KeyChainFixtures, RecoverTheAppAndTheRoot) {
  SKIP_WITHOUT_DSTACK_FIXTURES();
  const auto file = fixture_json("signature_chain.json");
  const auto root = member(file, "kms_root_pubkey");
  int count = 0;
  for (const auto& entry : file["cases"]) {
    SCOPED_TRACE(entry["algorithm"]);
    const auto chain = chain_of(file, entry);
    const auto check = check_key_chain(chain, root);
    EXPECT_EQ(codes(check.findings), "");
    EXPECT_EQ(check.app_public_key, member(file, "app_root_pubkey"));
    EXPECT_EQ(check.root_public_key, root);
    EXPECT_EQ(codes(check_key_chain(chain, member(file, "wrong_kms_root_pubkey")).findings),
              "key_chain_untrusted_root");
    EXPECT_TRUE(verify_key_signature(entry["algorithm"].get<std::string>(), chain.public_key, member(entry, "data"),
                                     member(entry, "signature"))
                    .value());
    for (auto change : {0, 1, 2}) {
      auto changed = chain;
      if (change == 0) changed.purpose += "x";
      if (change == 1) changed.app_id[0] ^= 1;
      if (change == 2) changed.public_key[5] ^= 1;
      EXPECT_FALSE(check_key_chain(changed, root).ok()) << change;
    }
    ++count;
  }
  EXPECT_EQ(count, 3);
}

TEST(KeyChainFixtures, InvalidSignaturesAreRefused) {
  SKIP_WITHOUT_DSTACK_FIXTURES();
  const auto file = fixture_json("signature_chain.json");
  ASSERT_EQ(file["invalid_cases"].size(), 3u);
  for (const auto& entry : file["invalid_cases"]) {
    EXPECT_FALSE(verify_key_signature(entry["algorithm"].get<std::string>(), member(entry, "public_key"),
                                      member(entry, "data"), member(entry, "signature"))
                     .value())
        << entry["name"];
  }
}

TEST(KeyChainFixtures, AHighSInTheChainIsRefused) {
  SKIP_WITHOUT_DSTACK_FIXTURES();
  const auto file = fixture_json("signature_chain.json");
  auto chain = chain_of(file, file["cases"][1]);
  // n - s, and the other parity: the same signature in its second form.
  constexpr std::string_view kOrder = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
  const auto order = hex_bytes(kOrder);
  auto& signature = chain.signatures[1];
  int borrow = 0;
  for (std::size_t i = 32; i-- > 0;) {
    const int digit = order[i] - signature[32 + i] - borrow;
    borrow = digit < 0 ? 1 : 0;
    signature[32 + i] = static_cast<std::uint8_t>(digit);
  }
  signature[64] ^= 1;
  EXPECT_EQ(codes(check_key_chain(chain, member(file, "kms_root_pubkey")).findings), "key_chain_high_s");
}

TEST(ReportData, IsTheUpstreamConstant) {
  EXPECT_EQ(core::to_hex(*tagged_report_data("app-data", core::as_bytes("test content"))),
            "7ea0b744ed5e9c0c83ff9f575668e1697652cd349f2027cdf26f918d4c53e8cd50b5ea9b449b4c3d50e20ae00ec29688d5a214e8da"
            "ff8a1004"
            "1f5d624dae8a01");
  EXPECT_EQ(tagged_report_data("a", {}, "md5").error().code, Errc::unsupported);
}

TEST(ReportDataFixtures, AllVectorsHold) {
  SKIP_WITHOUT_DSTACK_FIXTURES();
  const auto file = fixture_json("report-data-vectors.json");
  for (const auto& vector : file["tagged"]) {
    const auto data = tagged_report_data(vector["tag"].get<std::string>(), member(vector, "content_hex"),
                                         vector["hash"].get<std::string>());
    ASSERT_TRUE(data);
    EXPECT_EQ(core::to_hex(*data), vector["report_data"].get<std::string>());
  }
  for (const auto& vector : file["padded"]) {
    const auto data = padded_report_data(vector["request_report_data"].get<std::string>());
    EXPECT_EQ(core::to_hex(*data), vector["quote_report_data"].get<std::string>());
  }
  for (const auto& text : file["rejected"])
    EXPECT_FALSE(padded_report_data(text.get<std::string>())) << text;
  EXPECT_EQ(file["tagged"].size() + file["padded"].size() + file["rejected"].size(), 17u);
}

}  // namespace
}  // namespace skill_verifier::dcap
