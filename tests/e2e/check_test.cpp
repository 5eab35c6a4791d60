#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "e2e/harness.hpp"
#include "e2e/offline.hpp"
#include "e2e/simulator.hpp"

namespace skill_verifier::e2e {
namespace {

/// Ids of the rows with that outcome.
std::vector<std::string> rows(const Json& report, const std::string& outcome) {
  std::vector<std::string> ids;
  for (const Json& row : report.at("rows"))
    if (row.at("outcome") == outcome) ids.push_back(row.at("id"));
  return ids;
}

bool contains(const std::vector<std::string>& ids, const std::string& id) {
  return std::ranges::find(ids, id) != ids.end();
}

/// One character of a text exchanged for another of its kind, so that the document keeps its form.
std::string changed(std::string text, std::size_t at) {
  char& c = text.at(at);
  c = c == '0' ? '1' : c == 'a' ? 'b' : std::isdigit(static_cast<unsigned char>(c)) ? '0' : 'a';
  return text;
}

/// A service with a simulated guest agent, one verified skill, and its document as curl fetched it.
class CheckedJob {
 public:
  CheckedJob() : daemon_("", {{"DSTACK_SOCKET", simulator_.socket()}}) {
    const std::string id = daemon_.submit({{"skillPath", skill().string()}, {"nonce", "a nonce of mine"}});
    EXPECT_EQ(daemon_.wait(id)["status"], "completed");
    url_ = daemon_.url() + "/verify/" + id + "/attestation";
    const Finished fetched = run({"curl", "-fsS", "-o", file().string(), url_});
    EXPECT_EQ(fetched.exit_code, 0) << fetched.err;
    document = Json::parse(read(file()));
    document["collateral"] = Json::parse(read(simulator_.state("collateral.json")));
    write();
  }
  static fs::path skill() { return source_dir() / "examples" / "hello-world"; }
  const std::string& url() const { return url_; }
  fs::path file() const { return work_.path() / "attestation.json"; }
  fs::path write() const { return work_.write("attestation.json", document.dump()); }
  fs::path root() const { return simulator_.state("root_ca.pem"); }
  fs::path compose() const { return simulator_.state("app-compose.json"); }
  std::string measurements() const { return simulator_.state("measurements.json").string(); }
  std::string os_image() const {
    return Json::parse(document.at("attestation").at("vmConfig").get<std::string>()).at("os_image_hash");
  }
  /// Everything that a caller can name.
  std::vector<std::string> pinned() const {
    return {"--trust-root",     root().string(),  "--package",    skill().string(), "--compose",
            compose().string(), "--measurements", measurements(), "--nonce",        "a nonce of mine",
            "--os-image",       os_image(),       "--json"};
  }
  Finished check(const fs::path& file) const {
    auto arguments = pinned();
    arguments.insert(arguments.begin(), file.string());
    return check_offline(arguments);
  }
  const TempDir& work() const { return work_; }

  Json document;

 private:
  Simulator simulator_;
  Daemon daemon_;
  TempDir work_;
  std::string url_;
};

TEST(Check, ADocumentIsValidOfflineUnderTheSimulatorsRootAndNoOther) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  if (const auto why = why_no_namespace(); !why.empty()) GTEST_SKIP() << why;
  auto devices = offline();
  devices.insert(devices.end(), {"cat", "/proc/net/dev"});
  const std::string seen = run(devices).out;
  // Two header lines, and the loopback device that every namespace has, down.
  ASSERT_EQ(std::ranges::count(seen, '\n'), 3) << seen;

  const CheckedJob job;
  const Finished valid = job.check(job.file());
  ASSERT_EQ(valid.exit_code, 0) << valid.out << valid.err;
  const Json report = Json::parse(valid.out);
  EXPECT_EQ(report["verdict"], "valid");
  EXPECT_EQ(report["simulated"], true);
  for (const char* const id : {"statement", "signature", "tcb", "report-data", "nonce", "rtmr0", "rtmr3",
                               "compose-hash", "os-image", "subject"})
    EXPECT_TRUE(contains(rows(report, "passed"), id)) << id << "\n" << valid.out;

  const Finished text = check_offline({job.file().string(), "--trust-root", job.root().string()});
  EXPECT_EQ(text.exit_code, 0) << text.out;
  const auto last = text.out.substr(text.out.rfind('\n', text.out.size() - 2) + 1);
  EXPECT_EQ(last.find("VALID, SIMULATED"), 0u) << last;
  EXPECT_EQ(text.out.find("\033["), std::string::npos);

  const Finished refused = check_offline({job.file().string(), "--json"});
  EXPECT_EQ(refused.exit_code, 1) << refused.out;
  EXPECT_TRUE(contains(rows(Json::parse(refused.out), "failed"), "trust-root")) << refused.out;
}

TEST(Check, FetchesADocumentByItsUrl) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const CheckedJob job;
  const Finished fetched =
      run({program("skill-verifier").string(), "check", job.url(), "--trust-root", job.root().string(), "--collateral",
           job.work().write("collateral.json", job.document["collateral"].dump()).string()});
  EXPECT_EQ(fetched.exit_code, 0) << fetched.out << fetched.err;
}

/// Which row refuses a document of which one byte was changed.
struct Mutation {
  std::vector<std::string> path;
  std::size_t at;
  std::vector<std::string> refused_by;
};

TEST(Check, RefusesADocumentOfWhichOneByteWasChangedByTheRightRow) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  if (const auto why = why_no_namespace(); !why.empty()) GTEST_SKIP() << why;
  const CheckedJob job;
  const std::string quote = job.document["attestation"]["quote"];
  const std::string log = job.document["attestation"]["eventLog"];
  const std::string statement = job.document["statement"];
  const std::vector<Mutation> mutations = {
      {{"skillId"}, 2, {"document"}},
      {{"statement"}, statement.find("PASSED") + 1, {"statement"}},
      {{"statement"}, statement.size() / 2, {"statement"}},
      {{"attestation", "quote"}, 2 + 2 * 568, {"report-data", "signature"}},
      {{"attestation", "quote"}, 2 + 2 * 140, {"signature"}},
      {{"attestation", "quote"}, 2 + 2 * 640, {"signature"}},
      {{"attestation", "quote"}, 2 + 2 * 800, {"quoting-enclave"}},
      {{"attestation", "quote"}, 2 + 2 * 1600, {"certificates", "quote"}},
      {{"attestation", "eventLog"}, log.find("\"digest\":\"") + 20, {"rtmr0"}},
      {{"attestation", "eventLog"}, log.rfind("\"event_payload\":\"") - 30, {"rtmr3", "event-log"}},
      {{"attestation", "reportData"}, 5, {"report-data"}},
      {{"attestation", "resultHash"}, 5, {"statement"}},
      {{"attestation", "verifier"}, 1, {"document"}},
      {{"attestation", "teeType"}, 1, {"document"}},
      {{"attestation", "vmConfig"},
       job.document["attestation"]["vmConfig"].get<std::string>().find(job.os_image()) + 3,
       {"os-image"}},
      {{"collateral", "tcb_info"}, 30, {"collateral"}},
      {{"collateral", "tcb_info_signature"}, 30, {"collateral"}},
      {{"collateral", "tcb_info_issuer_chain"}, 300, {"collateral"}},
      {{"collateral", "qe_identity"}, 30, {"collateral"}},
      {{"collateral", "qe_identity_signature"}, 30, {"collateral"}},
      {{"collateral", "qe_identity_issuer_chain"}, 300, {"collateral"}},
      {{"collateral", "root_ca_crl"}, 200, {"certificates"}},
      {{"collateral", "pck_crl"}, 200, {"certificates"}},
      {{"collateral", "fetchedAt"}, 0, {"time", "collateral", "certificates"}},
  };
  for (const auto& [path, at, refused_by] : mutations) {
    Json document = job.document;
    Json* member = &document;
    for (const auto& name : path)
      member = &member->at(name);
    *member = changed(member->get<std::string>(), at);
    const Finished finished = job.check(job.work().write("changed.json", document.dump()));
    const auto where = path.back() + "[" + std::to_string(at) + "]";
    EXPECT_EQ(finished.exit_code, 1) << where;
    const auto failed = rows(Json::parse(finished.out), "failed");
    EXPECT_TRUE(std::ranges::any_of(refused_by, [&](const auto& id) { return contains(failed, id); })) << where << "\n"
                                                                                                       << finished.out;
  }
  Json document = job.document;
  document["passed"] = false;
  EXPECT_EQ(job.check(job.work().write("changed.json", document.dump())).exit_code, 1);
}

TEST(Check, NamesWhatNoSignatureCovers) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  if (const auto why = why_no_namespace(); !why.empty()) GTEST_SKIP() << why;
  CheckedJob job;
  job.document["jobId"] = "another";
  job.document["timestamp"] = "2020-01-01T00:00:00Z";
  const Finished finished = job.check(job.write());
  ASSERT_EQ(finished.exit_code, 0) << finished.out;
  EXPECT_EQ(Json::parse(finished.out)["says"]["unsigned"], "jobId another, timestamp 2020-01-01T00:00:00Z");
}

TEST(Check, RefusesTheResultOfAnotherSkill) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  if (const auto why = why_no_namespace(); !why.empty()) GTEST_SKIP() << why;
  const CheckedJob job;
  const Finished finished = check_offline({job.file().string(), "--trust-root", job.root().string(), "--package",
                                           (source_dir() / "examples" / "untested-skill").string(), "--json"});
  EXPECT_EQ(finished.exit_code, 1);
  EXPECT_EQ(rows(Json::parse(finished.out), "failed"), std::vector<std::string>{"subject"});
}

/// A quote straight from the simulator, with its event log: no engine is needed for that.
class CheckQuote : public testing::Test {
 protected:
  CheckQuote() {
    const Finished answer = run({"curl", "-fsS", "--unix-socket", simulator_.socket(), "-H",
                                 "Content-Type: application/json", "-d", "{}", "http://agent/GetQuote"});
    EXPECT_EQ(answer.exit_code, 0) << answer.err;
    response_ = Json::parse(answer.out);
    file_ = work_.write("quote.json", answer.out);
  }
  Finished check(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {program("skill-verifier").string(), "check"});
    return run(arguments);
  }
  std::string state(const std::string& name) const { return simulator_.state(name).string(); }

  Simulator simulator_;
  TempDir work_;
  Json response_;
  fs::path file_;
};

TEST_F(CheckQuote, ExitsWithZeroOneOrTwoByItsVerdict) {
  const std::vector<std::string> trusted = {file_.string(), "--trust-root", state("root_ca.pem")};
  const Finished incomplete = check(trusted);
  EXPECT_EQ(incomplete.exit_code, 2) << incomplete.out;
  EXPECT_NE(incomplete.out.find("\nINCOMPLETE, SIMULATED"), std::string::npos) << incomplete.out;
  auto complete = trusted;
  complete.insert(complete.end(), {"--collateral", state("collateral.json")});
  const Finished valid = check(complete);
  EXPECT_EQ(valid.exit_code, 0) << valid.out;
  EXPECT_NE(valid.out.find("\nVALID, SIMULATED"), std::string::npos) << valid.out;
  complete.insert(complete.end(), {"--app-id", std::string(40, '0')});
  const Finished invalid = check(complete);
  EXPECT_EQ(invalid.exit_code, 1) << invalid.out;
  EXPECT_NE(invalid.out.find("\nINVALID, SIMULATED"), std::string::npos) << invalid.out;
}

TEST_F(CheckQuote, TakesItsPartsFromFiles) {
  const auto quote = work_.write("quote.hex", "0x" + response_["quote"].get<std::string>() + "\n");
  const auto log = work_.write("log.json", response_["event_log"]);
  const auto config = work_.write("config.json", response_["vm_config"]);
  const std::vector<std::string> bare = {"--quote",      quote.string(),           "--trust-root", state("root_ca.pem"),
                                         "--collateral", state("collateral.json"), "--json"};
  const Finished alone = check(bare);
  EXPECT_EQ(alone.exit_code, 0) << alone.out;
  EXPECT_FALSE(contains(rows(Json::parse(alone.out), "passed"), "rtmr3"));
  auto logged = bare;
  logged.insert(logged.end(), {"--event-log", log.string(), "--vm-config", config.string()});
  const Finished with_log = check(logged);
  EXPECT_EQ(with_log.exit_code, 0) << with_log.out;
  EXPECT_TRUE(contains(rows(Json::parse(with_log.out), "passed"), "rtmr3"));
}

TEST_F(CheckQuote, AnswersAWrongCommandLineWith64AndALostInputWith3) {
  const std::string file = file_.string();
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{},
                                             {file, "--quote", file},
                                             {file, "--event-log", file},
                                             {file, "--app-id", "00"},
                                             {file, "--compose-hash", "zz"},
                                             {file, "--at", "yesterday"},
                                             {file, "--accept", "Revoked"},
                                             {file, "--nonce", "\n"},
                                             {file, "--app-id", ""},
                                             {file, "--package", ""},
                                             {file, "--nonce="},
                                             {file, "--pccs", "ftp://host"},
                                             {file, "--key-provider", "kms:"},
                                             {file, "--key-provider", "kms:0g"},
                                             {file, "--min-evaluation", "-1"},
                                             {"http://127.0.0.1:1/attestation?nonce="},
                                             {"http://127.0.0.1:1/%zz"},
                                             {file, "--frobnicate"}})
    EXPECT_EQ(check(arguments).exit_code, 64) << (arguments.empty() ? "" : arguments.back());
  EXPECT_EQ(check({(work_.path() / "absent").string()}).exit_code, 3);
  EXPECT_EQ(check({file, "--collateral", (work_.path() / "absent").string()}).exit_code, 3);
  EXPECT_EQ(check({"http://127.0.0.1:1/attestation"}).exit_code, 3);
}

TEST_F(CheckQuote, ComparesAKeyProvidersIdAsBytes) {
  const std::vector<std::string> trusted = {file_.string(), "--trust-root",           state("root_ca.pem"),
                                            "--collateral", state("collateral.json"), "--json"};
  const Json says = Json::parse(check(trusted).out);
  std::string provider;
  for (const Json& row : says.at("rows"))
    if (row.at("id") == "key-provider") provider = row.at("detail");
  provider = provider.substr(0, provider.find(';'));
  ASSERT_NE(provider.find(':'), std::string::npos) << says.dump();
  std::transform(provider.begin() + static_cast<std::ptrdiff_t>(provider.find(':')), provider.end(),
                 provider.begin() + static_cast<std::ptrdiff_t>(provider.find(':')),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  auto arguments = trusted;
  arguments.insert(arguments.end(), {"--key-provider", provider});
  const Finished upper = check(arguments);
  EXPECT_EQ(upper.exit_code, 0) << provider << upper.out << upper.err;
}

TEST_F(CheckQuote, IsInspectedFieldByField) {
  const Finished text = run({program("skill-verifier").string(), "inspect", file_.string()});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  for (const char* const name : {"TEE_TCB_SVN", "MRTD", "RTMR3", "REPORTDATA", "TDATTRIBUTES", "ISVSVN"})
    EXPECT_NE(text.out.find(name), std::string::npos) << name;
  const Finished json = run({program("skill-verifier").string(), "inspect", "--json", file_.string()});
  EXPECT_EQ(Json::parse(json.out)["TD Quote Body"]["REPORTDATA"], std::string(128, '0'));
  EXPECT_EQ(run({program("skill-verifier").string(), "inspect", state("root_ca.pem")}).exit_code, 1);
}

}  // namespace
}  // namespace skill_verifier::e2e
