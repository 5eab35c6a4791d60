#include "skill_verifier/dcap/quote.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "support/paths.hpp"
#include "test_pki/quote.hpp"

namespace skill_verifier::dcap {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const fs::path kFixtures = test::shared_fixtures();

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

Bytes read_bytes(const fs::path& path) {
  const auto text = read_text(path);
  return {text.begin(), text.end()};
}

const test_pki::PckChain& chain() {
  static const auto kChain = [] {
    test_pki::PckChainSpec spec;
    spec.not_before = std::chrono::sys_days(std::chrono::year{2024} / 1 / 1);
    spec.not_after = std::chrono::sys_days(std::chrono::year{2049} / 12 / 31);
    return test_pki::make_pck_chain(spec);
  }();
  return kChain;
}

Bytes build(const test_pki::QuoteSpec& spec) {
  static const auto kKey = test_pki::SigningKey::generate();
  return test_pki::build_quote(spec, kKey, chain());
}

test_pki::QuoteSpec v4() {
  test_pki::QuoteSpec spec;
  for (std::size_t i = 0; i < 64; ++i)
    spec.td.report_data[i] = static_cast<std::uint8_t>(i + 1);
  return spec;
}

test_pki::QuoteSpec v5(std::uint16_t body_type) {
  auto spec = v4();
  spec.version = 5;
  spec.body_type = body_type;
  return spec;
}

std::string refusal(const test_pki::QuoteSpec& spec) {
  const auto summary = summarize_quote(build(spec));
  if (summary) return "accepted";
  EXPECT_EQ(summary.error().id, "quote_invalid");
  EXPECT_EQ(summary.error().code, Errc::invalid_argument);
  return summary.error().message;
}

TEST(SummarizeQuote, ReadsEveryLayout) {
  for (const auto& spec : {v4(), v5(2), v5(3)}) {
    const auto summary = summarize_quote(build(spec));
    ASSERT_TRUE(summary) << summary.error().message;
    EXPECT_EQ(summary->version, spec.version);
    EXPECT_EQ(summary->report_data, spec.td.report_data);
    EXPECT_EQ(summary->root_certificate_sha256, core::sha256(chain().root.der));
  }
}

TEST(SummarizeQuote, ToleratesWhatRealHostsAdd) {
  auto spec = v4();
  spec.trailing_zeros = 3065;
  EXPECT_EQ(refusal(spec), "accepted");
  spec.trailing_zeros = 0;
  EXPECT_EQ(refusal(spec), "accepted");

  const auto text = chain().pck.pem() + chain().ca.pem() + chain().root.pem();
  spec.certification_data = Bytes(text.begin(), text.end());
  EXPECT_EQ(refusal(spec), "accepted") << "no NUL";
  std::string crlf;
  for (const char c : text)
    crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  spec.certification_data = Bytes(crlf.begin(), crlf.end());
  EXPECT_EQ(refusal(spec), "accepted") << "CRLF";
}

TEST(SummarizeQuote, AcceptsAnyLengthOfQeAuthData) {
  auto spec = v4();
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1000}}) {
    spec.qe_auth_data = Bytes(size, 7);
    EXPECT_EQ(refusal(spec), "accepted") << size;
  }
}

TEST(SummarizeQuote, RefusesEveryTruncation) {
  for (const auto& spec : {v4(), v5(2), v5(3)}) {
    auto exact = spec;
    exact.trailing_zeros = 0;
    const auto quote = build(exact);
    for (std::size_t size = 0; size < quote.size(); ++size) {
      // A copy of its own, so that a read beyond the end is one that the address sanitizer sees.
      const Bytes cut(quote.begin(), quote.begin() + static_cast<std::ptrdiff_t>(size));
      ASSERT_FALSE(summarize_quote(cut)) << size << " of " << quote.size();
    }
  }
}

TEST(SummarizeQuote, NamesTheHeaderFieldThatIsWrong) {
  auto spec = v4();
  spec.version = 3;
  EXPECT_EQ(refusal(spec), "quote version is 3, not 4 or 5");
  spec = v4();
  spec.key_type = 3;
  EXPECT_EQ(refusal(spec), "attestation key type is 3, not 2 (P-256)");
  spec = v4();
  spec.tee_type = 0;
  EXPECT_EQ(refusal(spec), "tee type is 0x0, not 0x81 (TDX)");
  spec = v4();
  spec.vendor[0] ^= 1;
  EXPECT_THAT(refusal(spec), HasSubstr("qe vendor is 929a7233f79c4ca9940a0db3957f0607, not Intel's 939a"));
}

TEST(SummarizeQuote, HoldsVersion5ToItsBodyDescriptor) {
  EXPECT_THAT(refusal(v5(1)), HasSubstr("body type is 1"));
  EXPECT_THAT(refusal(v5(4)), HasSubstr("body type is 4"));
  for (const std::uint32_t size : {0u, 583u, 584u, 649u, 0xffffffffu}) {
    auto spec = v5(3);
    spec.body_size = size;
    EXPECT_THAT(refusal(spec), HasSubstr("but type 3 has 648 bytes")) << size;
  }
}

TEST(SummarizeQuote, LeavesNoByteUnaccountedFor) {
  const auto sizes = [](auto change) {
    auto spec = v4();
    change(spec);
    return refusal(spec);
  };
  EXPECT_THAT(sizes([](auto& s) { s.outer_size = 0; }), HasSubstr("qe certification data's length field is 0"));
  EXPECT_THAT(sizes([](auto& s) { s.outer_size = 0xffffffff; }), HasSubstr("length field is 4294967295"));
  EXPECT_THAT(sizes([](auto& s) { s.inner_size = 1; }), HasSubstr("certificate chain's length field is 1"));
  EXPECT_THAT(sizes([](auto& s) { s.auth_size = 0xffffffff; }), HasSubstr("ends within its authentication data"));
  EXPECT_THAT(sizes([](auto& s) { s.auth_size = 100; }), HasSubstr("bytes other than zero follow the quote"));
  EXPECT_THAT(sizes([](auto& s) { s.outer_type = 5; }), HasSubstr("outer certification data type is 5, not 6"));
  EXPECT_THAT(sizes([](auto& s) { s.inner_type = 4; }), HasSubstr("inner certification data type is 4, not 5"));
}

TEST(SummarizeQuote, RefusesBytesThatNobodySigned) {
  auto quote = build(v4());
  quote.back() = 1;
  const auto summary = summarize_quote(quote);
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().message, "bytes other than zero follow the quote");
}

TEST(SummarizeQuote, RefusesOversizedInput) {
  auto spec = v4();
  spec.trailing_zeros = 64 << 10;
  EXPECT_THAT(refusal(spec), HasSubstr("the limit is 65536"));
  spec = v4();
  spec.certification_data = Bytes((32 << 10) + 1, '\n');
  EXPECT_THAT(refusal(spec), HasSubstr("the limit is 32768"));
}

TEST(SummarizeQuote, RefusesAChainThatIsNotThreeCertificatesAndNothingElse) {
  const auto with_chain = [](const std::string& text) {
    auto spec = v4();
    spec.certification_data = Bytes(text.begin(), text.end());
    return refusal(spec);
  };
  const auto leaf = chain().pck.pem();
  const auto ca = chain().ca.pem();
  const auto root = chain().root.pem();
  EXPECT_THAT(with_chain(""), HasSubstr("has 0 certificates, not 3"));
  EXPECT_THAT(with_chain(leaf + ca), HasSubstr("has 2 certificates, not 3"));
  EXPECT_THAT(with_chain(leaf + ca + root + root), HasSubstr("has 4 certificates, not 3"));
  EXPECT_THAT(with_chain("x" + leaf + ca + root), HasSubstr("text outside of a certificate"));
  EXPECT_THAT(with_chain(leaf + "x\n" + ca + root), HasSubstr("text outside of a certificate"));
  EXPECT_THAT(with_chain(leaf + ca + root + "x"), HasSubstr("text outside of a certificate"));
  EXPECT_THAT(with_chain(leaf + std::string(1, '\0') + ca + root), HasSubstr("text outside of a certificate"));
  EXPECT_THAT(with_chain(leaf + ca + "-----BEGIN CERTIFICATE-----\nAAAA\n"), HasSubstr("has no end"));
  EXPECT_THAT(with_chain(leaf + ca + "-----BEGIN CERTIFICATE-----\nA*AA\n-----END CERTIFICATE-----\n"),
              HasSubstr("is not base64"));
  EXPECT_THAT(with_chain(leaf + ca + "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"),
              HasSubstr("is not base64"));
}

TEST(IntelRoot, IsTheDigestOfTheCertificate) {
  const auto path = kFixtures / "dcap" / "certs" / "intel_sgx_root_ca.der";
  if (!fs::exists(path)) GTEST_SKIP() << "no fixtures beside the source tree";
  EXPECT_EQ(core::to_hex(intel_root_sha256()), core::to_hex(core::sha256(read_bytes(path))));
}

TEST(SummarizeQuote, AgreesWithEveryDstackFixture) {
  const auto folder = kFixtures / "dstack";
  if (!fs::exists(folder)) GTEST_SKIP() << "no fixtures beside the source tree";
  const auto expected = nlohmann::json::parse(read_text(folder / "expected.json"));
  const auto quote_of = [&](const std::string& name) -> Result<Bytes> {
    const auto path = folder / name;
    if (name.ends_with(".hex")) {
      auto text = read_text(path);
      text.erase(text.find_last_not_of(" \r\n") + 1);
      return core::parse_hex(text);
    }
    if (name.ends_with(".json"))
      return core::parse_hex(nlohmann::json::parse(read_text(path)).at("quote").get<std::string>());
    return read_bytes(path);
  };
  int compared = 0;
  for (const auto& [name, facts] : expected.items()) {
    if (!facts.contains("quote_fields") || name.find("attestation") != std::string::npos) continue;
    const auto quote = quote_of(name.substr(0, name.find(' ')));  // "quote.hex + eventlog.json"
    ASSERT_TRUE(quote) << name;
    const auto summary = summarize_quote(*quote);
    ASSERT_TRUE(summary) << name << ": " << summary.error().message;
    EXPECT_EQ(core::to_hex(summary->report_data), facts["quote_fields"]["report_data"].get<std::string>()) << name;
    EXPECT_EQ(summary->root_certificate_sha256, intel_root_sha256()) << name;
    ++compared;
  }
  EXPECT_GE(compared, 5);
}

/// Verdicts of the full verification: those about structure are ours, all others must not stop the summary.
TEST(SummarizeQuote, AgreesWithTheStructuralVerdictsOfAllCases) {
  const auto folder = kFixtures / "dcap";
  if (!fs::exists(folder)) GTEST_SKIP() << "no fixtures beside the source tree";
  const auto is_structural = [](const std::string& code) {
    return (code.starts_with("QUOTE_") && code != "QUOTE_SIGNATURE") || code == "PCK_PEM" || code == "PCK_CHAIN_LENGTH";
  };
  std::map<bool, int> count;
  for (const auto& test : nlohmann::json::parse(read_text(folder / "cases.json"))) {
    const auto quote = read_bytes(folder / test.at("quote").get<std::string>());
    const bool refused = is_structural(test.at("expect").value("code", ""));
    const auto summary = summarize_quote(quote);
    EXPECT_EQ(!summary, refused) << test.at("name") << ": " << (summary ? "accepted" : summary.error().message);
    ++count[refused];
  }
  EXPECT_GT(count[true], 50);
  EXPECT_GT(count[false], 200);
}

}  // namespace
}  // namespace skill_verifier::dcap
