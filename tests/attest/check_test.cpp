#include "skill_verifier/attest/check.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "attest/check_world.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::attest {
namespace {

using test::check_document;
using test::Document;
using test::failures;
using test::job_document;
using test::made_at;
using test::pinned;
using test::row;
using test::service_document;
using test::trusting;

bool failed(const CheckReport& report, const std::string& id) {
  return report.verdict == CheckVerdict::invalid && row(report, id).outcome == Outcome::failed;
}

TEST(Check, CallsADocumentValidUnderItsRootAndSaysThatItIsSimulated) {
  const auto report = check_document(job_document(), trusting());
  EXPECT_EQ(report.verdict, CheckVerdict::valid) << failures(report);
  EXPECT_TRUE(report.simulated);
  EXPECT_TRUE(report.missing.empty());
  for (const char* const id :
       {"document", "statement", "quote", "time", "trust-root", "certificates", "collateral", "quoting-enclave",
        "signature", "tcb", "td-attributes", "report-data", "event-log", "rtmr0", "rtmr1", "rtmr2", "rtmr3"}) {
    EXPECT_EQ(row(report, id).outcome, Outcome::passed) << id;
    EXPECT_TRUE(row(report, id).demanded) << id;
  }
}

TEST(Check, NamesWhatTheCallerDidNotPin) {
  const auto loose = check_document(job_document(), trusting());
  EXPECT_EQ(loose.not_pinned, (std::vector<std::string>{"app compose", "OS image", "package", "time"}));
  for (const char* const id :
       {"compose-hash", "app-id", "key-provider", "os-image", "measurements", "subject", "nonce"}) {
    EXPECT_EQ(row(loose, id).outcome, Outcome::not_checked) << id;
    EXPECT_FALSE(row(loose, id).demanded) << id;
  }
  auto everything = pinned();
  everything.at = made_at();
  const auto strict = check_document(job_document(), everything);
  EXPECT_EQ(strict.verdict, CheckVerdict::valid) << failures(strict);
  EXPECT_TRUE(strict.not_pinned.empty());
  for (const auto& one : strict.rows) {
    if (one.id == "checks") continue;  // its statement has none
    EXPECT_EQ(one.outcome, Outcome::passed) << one.id << ": " << one.detail;
  }
}

TEST(Check, RefusesTheSimulatorsRootWhereItWasNotGiven) {
  const auto report = check_document(job_document(), {});
  EXPECT_EQ(report.verdict, CheckVerdict::invalid);
  EXPECT_TRUE(report.simulated);
  EXPECT_TRUE(failed(report, "trust-root")) << failures(report);
}

TEST(Check, TellsWhatTheStatementSays) {
  const auto report = check_document(job_document(), trusting());
  const auto says = [&](const std::string& name) {
    const auto found = std::ranges::find(report.says, name, &std::pair<std::string, std::string>::first);
    return found == report.says.end() ? "" : found->second;
  };
  EXPECT_EQ(says("result"), "PASSED");
  EXPECT_EQ(says("skill"), "hello-world@1.0.0");
  EXPECT_EQ(says("app id"), core::to_hex(test::platform().app_id()));
  EXPECT_NE(says("unsigned").find("jobId 0123"), std::string::npos);
}

/// One character of one member exchanged for another of its kind, and the row that has to refuse it.
struct Mutation {
  std::string pointer;
  std::size_t at;
  std::string row;
};

char other(char c) {
  if (c >= '0' && c <= '9') return c == '0' ? '1' : '0';
  return c == 'a' ? 'b' : 'a';
}

void expect_refused(const Document& original, const Expectations& expected, const Mutation& mutation) {
  auto document = original;
  auto& member = document[Document::json_pointer(mutation.pointer)];
  auto text = member.get<std::string>();
  ASSERT_LT(mutation.at, text.size()) << mutation.pointer;
  text[mutation.at] = other(text[mutation.at]);
  member = text;
  const auto report = check_document(document, expected);
  EXPECT_TRUE(failed(report, mutation.row)) << mutation.pointer << " at " << mutation.at << ": " << failures(report);
}

std::size_t find(const Document& document, const std::string& pointer, const std::string& text) {
  return document.at(Document::json_pointer(pointer)).get<std::string>().find(text);
}

TEST(Check, RefusesEveryMutatedMemberOfAJobDocumentByItsRow) {
  const auto document = job_document();
  const auto quote = [](std::size_t byte) { return 2 + 2 * byte; };  // "0x", then two digits a byte
  const std::vector<Mutation> mutations = {
      {"/jobId", 1, "document"},
      {"/skillId", 0, "document"},
      {"/timestamp", 4, "document"},
      {"/statement", find(document, "/statement", "PASSED"), "statement"},
      {"/statement", find(document, "/statement", "bbbb"), "statement"},
      {"/attestation/resultHash", 63, "statement"},
      {"/attestation/reportData", 0, "report-data"},
      {"/attestation/verifier", 0, "document"},
      {"/attestation/teeType", 0, "document"},
      {"/attestation/vmConfig", find(document, "/attestation/vmConfig", "\":\"") + 4, "os-image"},
      {"/attestation/quote", quote(0), "quote"},
      {"/attestation/quote", quote(50), "signature"},                     // TEE_TCB_SVN
      {"/attestation/quote", quote(168), "signature"},                    // TDATTRIBUTES
      {"/attestation/quote", quote(568), "report-data"},                  // REPORTDATA
      {"/attestation/quote", quote(640), "signature"},                    // the signature itself
      {"/attestation/quote", quote(700), "quoting-enclave"},              // attestation key: bound by the QE's report
      {"/attestation/quote", quote(636 + 134 + 130), "quoting-enclave"},  // MRSIGNER of the QE
      {"/attestation/quote", quote(376), "rtmr0"},
      {"/attestation/quote", quote(520), "rtmr3"},
      {"/attestation/quote", quote(184), "measurements"},
      {"/attestation/quote", quote(233), "mr-config-id"},
      {"/collateral/root_ca_crl", 100, "certificates"},
      {"/collateral/pck_crl", 100, "certificates"},
      {"/collateral/tcb_info", find(document, "/collateral/tcb_info", "pcesvn") + 8, "collateral"},
      {"/collateral/tcb_info_signature", 7, "collateral"},
      {"/collateral/tcb_info_issuer_chain", 400, "collateral"},
      {"/collateral/qe_identity", find(document, "/collateral/qe_identity", "mrsigner") + 12, "collateral"},
      {"/collateral/qe_identity_signature", 7, "collateral"},
      {"/collateral/qe_identity_issuer_chain", 400, "collateral"},
      {"/collateral/fetchedAt", 4, "time"},
  };
  for (const auto& mutation : mutations)
    expect_refused(document, pinned(), mutation);
}

TEST(Check, RefusesAnyChangeOfTheCertificatesInTheQuote) {
  const auto document = job_document();
  const auto text = document["attestation"]["quote"].get<std::string>();
  for (std::size_t at = 2 + 2 * 1400; at + 400 < text.size() - 2 * 70; at += 700) {
    auto changed = document;
    auto quote = text;
    quote[at] = other(quote[at]);
    changed["attestation"]["quote"] = quote;
    const auto report = check_document(changed, pinned());
    EXPECT_EQ(report.verdict, CheckVerdict::invalid) << at;
  }
}

TEST(Check, RefusesEveryMutatedEventOfTheLog) {
  const auto document = job_document();
  const auto events = Document::parse(document["attestation"]["eventLog"].get<std::string>());
  ASSERT_GT(events.size(), 10u);
  for (std::size_t i = 0; i < events.size(); ++i) {
    const int imr = events[i]["imr"];
    for (const std::string member : {"digest", "event_payload", "event"}) {
      auto text = events[i][member].get<std::string>();
      // What firmware events were about is told by their digests alone.
      if (text.empty() || (imr != 3 && member != "digest")) continue;
      text[0] = other(text[0]);
      auto changed = events;
      changed[i][member] = text;
      auto copy = document;
      copy["attestation"]["eventLog"] = changed.dump();
      const auto report = check_document(copy, pinned());
      EXPECT_EQ(report.verdict, CheckVerdict::invalid) << i << " " << member;
      const bool by_log = row(report, "event-log").outcome == Outcome::failed;
      EXPECT_TRUE(by_log || failed(report, "rtmr" + std::to_string(imr))) << i << " " << member << failures(report);
    }
  }
}

TEST(Check, RefusesAReorderedRepeatedOrShortenedLog) {
  const auto document = job_document();
  const auto events = Document::parse(document["attestation"]["eventLog"].get<std::string>());
  const auto with = [&](const Document& changed) {
    auto copy = document;
    copy["attestation"]["eventLog"] = changed.dump();
    return check_document(copy, trusting());
  };
  auto swapped = events;
  std::swap(swapped[swapped.size() - 2], swapped[swapped.size() - 3]);
  EXPECT_EQ(with(swapped).verdict, CheckVerdict::invalid);
  auto repeated = events;
  repeated.push_back(events.back());
  EXPECT_EQ(with(repeated).verdict, CheckVerdict::invalid);
  auto shortened = events;
  shortened.erase(shortened.size() - 1);
  EXPECT_EQ(with(shortened).verdict, CheckVerdict::invalid);
  EXPECT_NE(with(Document::array()).verdict, CheckVerdict::valid);
}

TEST(Check, RefusesAStatementThatAnotherQuoteSpeaksFor) {
  auto document = job_document();
  document["attestation"] = job_document(test::statement_of(StatementInput::Verdict::failed))["attestation"];
  EXPECT_TRUE(failed(check_document(document, trusting()), "report-data"));
}

TEST(Check, ComparesPassedWithTheStatement) {
  auto document = job_document(test::statement_of(StatementInput::Verdict::failed));
  EXPECT_TRUE(failed(check_document(document, trusting()), "document"));
  document["passed"] = false;
  EXPECT_EQ(check_document(document, trusting()).verdict, CheckVerdict::valid);
  document["passed"] = nullptr;
  EXPECT_TRUE(failed(check_document(document, trusting()), "document"));
}

TEST(Check, RefusesWhatTheCallerExpectedOtherwise) {
  const auto document = job_document();
  const std::vector<std::pair<std::string, std::function<void(Expectations&)>>> changes = {
      {"subject", [](auto& e) { e.package->tree_digest[0] = '0'; }},
      {"document", [](auto& e) { e.job_id = "4567"; }},
      {"document", [](auto& e) { e.kind = EvidenceKind::service_document; }},
      {"tcb", [](auto& e) { e.min_evaluation = 1'000'000; }},
      {"nonce", [](auto& e) { e.nonce = "another"; }},
      {"compose-hash", [](auto& e) { e.app_compose = "{}"; }},
      {"compose-hash", [](auto& e) { e.compose_hash = std::string(64, '0'); }},
      {"app-id", [](auto& e) { e.app_id = std::string(40, '0'); }},
      {"key-provider", [](auto& e) { e.key_provider = "local-sgx"; }},
      {"key-provider", [](auto& e) { e.key_provider = "kms:00"; }},
      {"os-image", [](auto& e) { e.os_image = std::string(64, '0'); }},
      {"measurements", [](auto& e) { e.measurements->replace(e.measurements->find("rtmr1") + 10, 1, "g"); }},
      {"measurements", [](auto& e) { e.measurements = "[]"; }},
  };
  for (const auto& [id, change] : changes) {
    auto expected = pinned();
    change(expected);
    const auto report = check_document(document, expected);
    EXPECT_TRUE(failed(report, id)) << id << failures(report);
  }
}

TEST(Check, TakesTheSameFilesFromAnotherArchive) {
  auto expected = pinned();
  expected.package->archive_sha256 = std::string(64, '9');
  EXPECT_EQ(check_document(job_document(), expected).verdict, CheckVerdict::valid);
}

TEST(Check, IsIncompleteWithoutCollateralAndSaysWhatIsMissing) {
  auto document = job_document();
  document["collateral"] = nullptr;
  const auto report = check_document(document, trusting());
  EXPECT_EQ(report.verdict, CheckVerdict::incomplete) << failures(report);
  EXPECT_NE(std::ranges::find(report.missing, "signature"), report.missing.end());
  EXPECT_NE(row(report, "collateral").detail.find("--collateral"), std::string::npos);
  auto expected = trusting();
  expected.collateral = job_document()["collateral"].dump();
  EXPECT_EQ(check_document(document, expected).verdict, CheckVerdict::valid);
}

TEST(Check, IsIncompleteWithoutAQuoteHoweverGoodTheRest) {
  auto document = job_document();
  document["attestation"] = {{"quote", nullptr},
                             {"resultHash", document["attestation"]["resultHash"]},
                             {"verifier", "none"},
                             {"teeType", nullptr}};
  const auto report = check_document(document, trusting());
  EXPECT_EQ(report.verdict, CheckVerdict::incomplete) << failures(report);
  EXPECT_EQ(row(report, "statement").outcome, Outcome::passed);
  document["attestation"]["verifier"] = "dstack-sdk";
  EXPECT_EQ(check_document(document, trusting()).verdict, CheckVerdict::invalid);
}

TEST(Check, ChecksAsOfTheTimeOfTheCollateralUnlessAnotherIsAskedFor) {
  EXPECT_EQ(check_document(job_document(), trusting()).at, made_at());
  auto expected = trusting();
  expected.at = made_at() + 100;
  EXPECT_EQ(check_document(job_document(), expected).at, made_at() + 100);
  expected.at = made_at() + 86'400 * 40;
  const auto late = check_document(job_document(), expected);
  EXPECT_EQ(late.verdict, CheckVerdict::invalid);
  expected.at = 0;
  EXPECT_EQ(check_document(job_document(), expected).verdict, CheckVerdict::invalid);
  auto document = job_document();
  document["collateral"].erase("fetchedAt");
  EXPECT_EQ(check_document(document, trusting()).at, made_at() + 60);
  document["collateral"]["fetchedAt"] = core::to_rfc3339(core::Time(std::chrono::seconds(made_at() + 3600)));
  EXPECT_TRUE(failed(check_document(document, trusting()), "time"));
}

TEST(Check, TakesAServiceDocumentWithTheCallersNonce) {
  const auto document = service_document("my nonce");
  auto expected = pinned();
  expected.package.reset();
  expected.job_id.reset();
  expected.nonce = "my nonce";
  const auto report = check_document(document, expected);
  EXPECT_EQ(report.verdict, CheckVerdict::valid) << failures(report);
  EXPECT_EQ(row(report, "nonce").outcome, Outcome::passed);
  EXPECT_EQ(row(report, "service-document").outcome, Outcome::passed);
  const auto loose = check_document(document, trusting());
  EXPECT_EQ(loose.verdict, CheckVerdict::valid) << failures(loose);
  EXPECT_EQ(loose.not_pinned, (std::vector<std::string>{"app compose", "OS image", "nonce", "time"}));
  EXPECT_EQ(loose.at, made_at());
  // Whoever gives a nonce asks for today's answer.
  EXPECT_EQ(report.at, made_at() + 60);
  EXPECT_TRUE(report.not_pinned.empty());
}

TEST(Check, RefusesEveryMutatedMemberOfAServiceDocumentByItsRow) {
  const auto document = service_document("my nonce");
  auto expected = pinned();
  expected.package.reset();
  expected.job_id.reset();
  expected.nonce = "my nonce";
  const std::vector<Mutation> mutations = {
      {"/timestamp", 4, "document"},
      {"/document", find(document, "/document", "eeee"), "service-document"},
      {"/document", find(document, "/document", "nonceRoot") + 14, "nonce"},
      {"/attestation/documentHash", 0, "service-document"},
      {"/attestation/reportData", 0, "report-data"},
      {"/nonce/value", 0, "nonce"},
      {"/nonce/path/0", 5, "nonce"},
      {"/nonce/path/1", 5, "nonce"},
      {"/policy", 3, "document"},
      {"/appCompose", 3, "document"},
  };
  for (const auto& mutation : mutations)
    expect_refused(document, expected, mutation);
  for (const auto& [name, value] : {std::pair{"index", 0u}, std::pair{"index", 5u}, std::pair{"treeSize", 2u}}) {
    auto changed = document;
    changed["nonce"][name] = value;
    EXPECT_TRUE(failed(check_document(changed, expected), "nonce")) << name;
  }
  auto without = document;
  without["nonce"] = nullptr;
  EXPECT_TRUE(failed(check_document(without, expected), "nonce"));
}

TEST(Check, DoesNotTakeAJobsQuoteForAService) {
  auto document = service_document("my nonce");
  const auto hash = document["attestation"]["documentHash"].get<std::string>();
  const auto data = report_data(kResultTag, hash);
  document["attestation"]["quote"] = test::quote_hex(data);
  document["attestation"]["reportData"] = core::to_hex(data);
  EXPECT_TRUE(failed(check_document(document, trusting()), "report-data"));
}

TEST(Check, DemandsOnlyItsOwnRowsOfABareQuote) {
  const auto data = report_data(kResultTag, "x");
  auto expected = trusting();
  expected.collateral = job_document()["collateral"].dump();
  const auto evidence = parse_evidence("0x" + test::quote_hex(data));
  ASSERT_TRUE(evidence);
  auto report = check(*evidence, expected, made_at());
  EXPECT_EQ(report.verdict, CheckVerdict::valid) << failures(report);
  // MRCONFIGID carries the compose hash; the app id stands in the log alone.
  expected.compose_hash = core::to_hex(test::platform().compose_hash());
  report = check(*evidence, expected, made_at());
  EXPECT_EQ(report.verdict, CheckVerdict::valid) << failures(report);
  expected.app_id = core::to_hex(test::platform().app_id());
  report = check(*evidence, expected, made_at());
  EXPECT_EQ(report.verdict, CheckVerdict::incomplete);
  EXPECT_EQ(report.missing, std::vector<std::string>{"app-id"});
}

TEST(Check, TakesAGetQuoteResponse) {
  const auto data = report_data("another-tag", "x");
  const Document response{{"quote", test::quote_hex(data)},
                          {"event_log", test::platform().event_log()},
                          {"report_data", core::to_hex(data)},
                          {"vm_config", test::platform().vm_config()}};
  auto expected = trusting();
  expected.collateral = job_document()["collateral"].dump();
  auto report = check_document(response, expected);
  EXPECT_EQ(report.kind, EvidenceKind::bundle);
  EXPECT_EQ(report.verdict, CheckVerdict::valid) << failures(report);
  auto changed = response;
  changed["report_data"] = std::string(128, '0');
  EXPECT_TRUE(failed(check_document(changed, expected), "report-data"));
  changed = response;
  changed.erase("report_data");
  EXPECT_EQ(check_document(changed, expected).verdict, CheckVerdict::valid);
}

TEST(Check, RefusesAnotherKindOfEvidenceThanItsAddressNames) {
  const auto data = report_data(kResultTag, "x");
  const Document response{{"quote", test::quote_hex(data)}, {"event_log", test::platform().event_log()}};
  const std::vector<std::string> answers = {response.dump(), test::quote_hex(data),
                                            core::dump_json(service_document("my nonce"))};
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const auto evidence = parse_evidence(answers[i]);
    ASSERT_TRUE(evidence);
    auto expected = trusting();
    expected.collateral = job_document()["collateral"].dump();
    EXPECT_EQ(check(*evidence, expected, made_at()).verdict, CheckVerdict::valid) << i;
    expected.job_id = "0123";
    EXPECT_TRUE(failed(check(*evidence, expected, made_at()), "document")) << i;
    expected.job_id.reset();
    expected.kind = EvidenceKind::job_document;
    const auto report = check(*evidence, expected, made_at());
    EXPECT_TRUE(failed(report, "document")) << i;
    EXPECT_EQ(report.missing, std::vector<std::string>{"statement"}) << i;
  }
  auto expected = trusting();
  expected.kind = EvidenceKind::service_document;
  const auto job = check_document(job_document(), expected);
  EXPECT_TRUE(failed(job, "document"));
  EXPECT_EQ(job.missing, std::vector<std::string>{"service-document"});
  EXPECT_EQ(check_document(service_document("n"), expected).verdict, CheckVerdict::valid);
}

TEST(Check, IsIncompleteWithoutAnEventLogAndNamesTheRows) {
  const auto data = report_data(kResultTag, "x");
  auto expected = trusting();
  expected.collateral = job_document()["collateral"].dump();
  for (const Document& log : {Document(), Document("")}) {
    const Document response{{"quote", test::quote_hex(data)}, {"event_log", log}};
    const auto report = check_document(response, expected);
    EXPECT_EQ(report.verdict, CheckVerdict::incomplete) << failures(report);
    EXPECT_EQ(report.missing, (std::vector<std::string>{"event-log", "rtmr3"}));
    auto document = job_document();
    document["attestation"]["eventLog"] = log;
    EXPECT_EQ(check_document(document, trusting()).missing, (std::vector<std::string>{"event-log", "rtmr3"}));
  }
  const auto absent = check_document(Document{{"quote", test::quote_hex(data)}}, expected);
  EXPECT_EQ(absent.verdict, CheckVerdict::incomplete) << failures(absent);
}

TEST(Check, ComparesMrConfigIdOfFormThreeWithItsDocument) {
  const auto& platform = test::platform();
  const auto text = Document{{"app_id", core::to_hex(platform.app_id())},
                             {"compose_hash", core::to_hex(platform.compose_hash())},
                             {"key_provider", "kms"}}
                        .dump();
  const auto id = "03" + core::sha256_hex(std::string("dstack-mr-config-v3:\0", 21) + text) + std::string(30, '0');
  auto document = job_document();
  auto quote = document["attestation"]["quote"].get<std::string>();
  document["attestation"]["quote"] = quote.replace(2 + 2 * 232, id.size(), id);
  const auto absent = row(check_document(document, trusting()), "mr-config-id");
  EXPECT_EQ(absent.outcome, Outcome::not_checked);
  EXPECT_NE(absent.detail.find("mr_config"), std::string::npos) << absent.detail;
  auto config = Document::parse(platform.vm_config());
  config["mr_config"] = text;
  document["attestation"]["vmConfig"] = config.dump();
  const auto same = row(check_document(document, trusting()), "mr-config-id");
  EXPECT_EQ(same.outcome, Outcome::passed) << same.detail;
  config["mr_config"] = text + " ";
  document["attestation"]["vmConfig"] = config.dump();
  EXPECT_TRUE(failed(check_document(document, trusting()), "mr-config-id"));

  // The caller's own copy comes before the one that came along.
  auto expected = trusting();
  expected.mr_config = text;
  EXPECT_EQ(row(check_document(document, expected), "mr-config-id").outcome, Outcome::passed);
  expected.mr_config = text + " ";
  EXPECT_EQ(row(check_document(document, expected), "mr-config-id").outcome, Outcome::failed);
  EXPECT_EQ(row(check_document(job_document(), expected), "mr-config-id").outcome, Outcome::failed);
}

TEST(ParseAccepted, AlwaysHasUpToDateAndNeverRevoked) {
  EXPECT_EQ(parse_accepted({}).value(), std::vector<std::string>{"UpToDate"});
  EXPECT_EQ(parse_accepted({"OutOfDate"}).value(), (std::vector<std::string>{"UpToDate", "OutOfDate"}));
  const auto all = parse_accepted({"all"}).value();
  EXPECT_EQ(all.size(), 8u);
  EXPECT_EQ(std::ranges::find(all, "Revoked"), all.end());
  EXPECT_FALSE(parse_accepted({"Revoked"}));
  EXPECT_FALSE(parse_accepted({"uptodate"}));
}

TEST(ParseTrustRoot, TakesOneCertificateInPemOrDer) {
  const auto& root = test::platform().root_certificate();
  EXPECT_EQ(parse_trust_root(root.pem()).value(), root.der);
  EXPECT_EQ(parse_trust_root(core::as_text(root.der)).value(), root.der);
  EXPECT_FALSE(parse_trust_root(root.pem() + root.pem()));
  EXPECT_FALSE(parse_trust_root("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"));
  EXPECT_FALSE(parse_trust_root(""));
  EXPECT_FALSE(parse_trust_root(std::string(20'000, '0')));
}

}  // namespace
}  // namespace skill_verifier::attest
