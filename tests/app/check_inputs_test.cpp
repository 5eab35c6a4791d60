#include "app/check_inputs.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "app/check_output.hpp"
#include "support/paths.hpp"
#include "support/pccs_stub.hpp"
#include "support/scripted_server.hpp"
#include "test_pki/world.hpp"

namespace skill_verifier::app {
namespace {

namespace fs = std::filesystem;
using test::Reply;
using test::ScriptedServer;

constexpr core::Time kNow{std::chrono::milliseconds(1'770'000'000'500)};

TEST(ParseInstant, TakesNowSecondsAndIsoTimes) {
  EXPECT_EQ(parse_instant("now", kNow).value(), 1'770'000'000);
  EXPECT_EQ(parse_instant("0", kNow).value(), 0);
  EXPECT_EQ(parse_instant("1750329147", kNow).value(), 1'750'329'147);
  EXPECT_EQ(parse_instant("2025-06-19T10:32:27Z", kNow).value(), 1'750'329'147);
  EXPECT_EQ(parse_instant("2025-06-19T12:32:27.9+02:00", kNow).value(), 1'750'329'147);
  // Where no zone is named it is UTC: the answer must not depend on the machine.
  EXPECT_EQ(parse_instant("2025-06-19T10:32:27", kNow).value(), 1'750'329'147);
  EXPECT_EQ(parse_instant("2025-06-19", kNow).value(), 1'750'291'200);
}

TEST(ParseInstant, RefusesWhatIsNoTime) {
  for (const char* const text : {"", "-1", "12x", "2025-06-31", "2025-06", "2025-06-19T", "2025-06-19 10", "yesterday",
                                 "99999999999999", "0x10"})
    EXPECT_FALSE(parse_instant(text, kNow)) << text;
}

TEST(ParseAddress, NamesTheDocumentThatMustBeBehindIt) {
  using attest::EvidenceKind;
  for (const std::string path : {"/verify/0123/attestation", "/verify/0123/attestation?x=/y/z", "/attestation/0123",
                                 "/verify/0123/%61ttestation", "/%76erify/01%323/attestation", "/verify/0123",
                                 "/prefix/verify/0123/attestation/", "//verify//0123//attestation#/x"}) {
    const auto address = parse_address("https://a.example" + path);
    ASSERT_TRUE(address) << path;
    EXPECT_EQ(address->kind, EvidenceKind::job_document) << path;
    EXPECT_EQ(address->job_id, "0123") << path;
  }
  for (const std::string path : {"/attestation", "/attestation/", "/%61ttestation", "/prefix/attestation?nonce=1"}) {
    const auto address = parse_address("https://a.example" + path);
    ASSERT_TRUE(address) << path;
    EXPECT_EQ(address->kind, EvidenceKind::service_document) << path;
    EXPECT_FALSE(address->job_id) << path;
  }
  for (const std::string path : {"", "/", "/other/0123", "?x=/verify/0123/attestation", "/quote.json"}) {
    const auto address = parse_address("https://a.example" + path);
    ASSERT_TRUE(address) << path;
    EXPECT_FALSE(address->kind || address->job_id) << path;
  }
  EXPECT_EQ(parse_address("https://a.example/verify/%zz/attestation").error().id, "url_invalid");
}

TEST(ParseAddress, TakesTheNonceOfTheQuery) {
  const auto nonce = [](const std::string& query) { return parse_address("http://a/attestation" + query)->nonce; };
  EXPECT_EQ(nonce("?nonce=abc"), "abc");
  EXPECT_EQ(nonce("?a=b&%6eonce=a%20b#nonce=c"), "a b");
  EXPECT_EQ(nonce("?nonce"), "");
  EXPECT_EQ(nonce("?once=abc"), std::nullopt);
  EXPECT_EQ(nonce(""), std::nullopt);
  EXPECT_FALSE(parse_address("http://a/attestation?nonce=a&nonce=b"));
}

TEST(Fetch, GivesTheBodyOfA200) {
  const ScriptedServer server(test::routes({{"GET /verify/1/attestation?a=b", Reply::json(200, "{}")}}));
  EXPECT_EQ(fetch(server.url() + "/verify/1/attestation?a=b#part").value(), "{}");
  EXPECT_EQ(server.requests().front().method, "GET");
}

TEST(Fetch, SaysWhatElseWasAnsweredAndFollowsNoRedirect) {
  const ScriptedServer server(test::in_order(
      {Reply::json(404, "{}"), Reply::with(302, "", {{"Location", "/elsewhere"}}), Reply::with(200, "")}));
  EXPECT_EQ(fetch(server.url() + "/x").error().id, "fetch_failed");
  const auto moved = fetch(server.url() + "/x");
  ASSERT_FALSE(moved);
  EXPECT_NE(moved.error().hint.find("redirect"), std::string::npos);
  EXPECT_EQ(server.requests().size(), 2u);
}

TEST(Fetch, RefusesAnAnswerOverTheLimitAndAUrlThatIsNone) {
  const ScriptedServer server(test::in_order({Reply::with(200, std::string(2000, 'x'))}));
  EXPECT_FALSE(fetch(server.url() + "/x", 1000));
  EXPECT_EQ(fetch("https://").error().id, "url_invalid");
  EXPECT_EQ(fetch("http://user@host/x").error().id, "url_invalid");
}

TEST(Fetch, DoesNotTrustAServerWhoseCertificateIsNot) {
  const ScriptedServer server(test::in_order({Reply::json(200, "{}")}), ScriptedServer::Transport::tls);
  EXPECT_FALSE(fetch(server.url() + "/x"));
  EXPECT_TRUE(server.requests().empty());
}

/// A world whose collateral is good today.
test_pki::World world_of_today() {
  const auto today = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
  const auto text = [](std::chrono::sys_seconds time) { return core::to_rfc3339(time).substr(0, 19) + "Z"; };
  test_pki::WorldSpec spec;
  spec.chain.not_before = spec.crl_begin = today - std::chrono::days(1);
  spec.chain.not_after = spec.crl_end = today + std::chrono::days(20);
  spec.tcb_info.issue_date = spec.qe_identity.issue_date = text(spec.crl_begin);
  spec.tcb_info.next_update = spec.qe_identity.next_update = text(spec.crl_end);
  return test_pki::make_world(spec);
}

std::string bytes_of(const std::string& hex) {
  const auto bytes = core::parse_hex(hex).value();
  return {bytes.begin(), bytes.end()};
}

TEST(FetchCollateral, GivesWhatAQuoteIsVerifiedWith) {
  const auto world = world_of_today();
  const auto& texts = world.collateral;
  test::PccsBodies bodies;
  bodies.tcb_info = texts.tcb_info;
  bodies.tcb_signature = texts.tcb_info_signature;
  bodies.qe_identity = texts.qe_identity;
  bodies.qe_signature = texts.qe_identity_signature;
  bodies.pck_crl = bytes_of(texts.pck_crl);
  bodies.root_crl = bytes_of(texts.root_ca_crl);
  bodies.chain = texts.tcb_info_issuer_chain;
  const ScriptedServer server(test::routes(bodies.replies()));
  const auto quote = core::to_hex(world.quote());
  const auto collateral = fetch_collateral(quote, server.url());
  ASSERT_TRUE(collateral) << collateral.error().message;

  attest::Expectations expected;
  expected.trust_root = world.chain.root.der;
  expected.collateral = *collateral;
  const auto now =
      std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()).time_since_epoch().count();
  const auto report = attest::check(attest::parse_evidence(quote).value(), expected, now);
  EXPECT_EQ(report.verdict, attest::CheckVerdict::valid) << to_text(report, false);
  EXPECT_LE(std::abs(report.at - now), 60);
}

TEST(FetchCollateral, SaysWhatDidNotAnswer) {
  const ScriptedServer server(test::routes({}));
  const auto refused = fetch_collateral(core::to_hex(world_of_today().quote()), server.url());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().id, "collateral_unavailable");
  EXPECT_FALSE(fetch_collateral("0400", server.url()));
}

TEST(ReadInput, HasALimitAndNamesWhatCannotBeRead) {
  const fs::path file = fs::temp_directory_path() / ("skill-verifier-input-" + std::to_string(getpid()));
  std::ofstream(file) << std::string(100, 'x');
  EXPECT_EQ(read_input(file.string(), 100).value().size(), 100u);
  EXPECT_EQ(read_input(file.string(), 99).error().id, "input_too_large");
  fs::remove(file);
  EXPECT_EQ(read_input(file.string()).error().id, "input_unreadable");
  EXPECT_EQ(read_input(fs::temp_directory_path().string()).error().id, "input_unreadable");
}

TEST(PackageDigests, AreTheSameForAFolderAndLeaveNothingBehind) {
  const auto example = test::source_dir() / "examples" / "hello-world";
  const auto digests = package_digests(example.string());
  ASSERT_TRUE(digests) << digests.error().message;
  EXPECT_EQ(digests->tree_digest.size(), 64u);
  EXPECT_FALSE(digests->archive_sha256);
  EXPECT_EQ(package_digests("/nowhere/at/all").error().id, "input_unreadable");
}

}  // namespace
}  // namespace skill_verifier::app
