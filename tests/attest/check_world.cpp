#include "attest/check_world.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <stdexcept>

#include "skill_verifier/attest/merkle.hpp"
#include "skill_verifier/attest/service_document.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::attest::test {
namespace {

constexpr const char* kAppCompose = R"({"manifest_version":2,"name":"checked","runner":"docker-compose"})";

core::Time now() {
  static const auto kNow = core::SystemClock().now();
  return kNow;
}

Document quoted(const ReportData& data, const char* hash_name, const std::string& hash) {
  return Document{{"quote", "0x" + quote_hex(data)},
                  {"eventLog", platform().event_log()},
                  {"vmConfig", platform().vm_config()},
                  {"reportData", core::to_hex(data)},
                  {hash_name, hash},
                  {"verifier", "dstack-sdk"},
                  {"teeType", "simulated"}};
}

Document collateral() {
  static const auto kText = platform().collateral(now());
  return Document::parse(kText);
}

}  // namespace

const dstack_simulator::Platform& platform() {
  static const dstack_simulator::Platform kPlatform(kAppCompose, "3059", now());
  return kPlatform;
}

std::int64_t made_at() {
  return std::chrono::floor<std::chrono::seconds>(now()).time_since_epoch().count();
}

StatementInput statement_input(StatementInput::Verdict verdict) {
  StatementInput input;
  input.skill_id = "hello-world@1.0.0";
  input.archive_name = "hello.tar.gz";
  input.archive_sha256 = std::string(64, 'a');
  input.tree_digest = std::string(64, 'b');
  input.verdict = verdict;
  input.manifest_sha256 = std::string(64, 'c');
  input.image_reference = "alpine:latest";
  input.image_id = "sha256:" + std::string(64, 'd');
  input.verifier = "skill-verifier 0.1.0";
  input.verifier_sha256 = std::string(64, 'e');
  input.nonce = "a nonce";
  input.run = StatementInput::Run();
  input.run->exit_code = verdict == StatementInput::Verdict::passed ? 0 : 1;
  input.run->outcome = "exited";
  input.run->output_sha256 = std::string(64, 'f');
  return input;
}

std::string statement_of(StatementInput::Verdict verdict) {
  return build_statement(statement_input(verdict)).value();
}

std::string quote_hex(const ReportData& data) {
  return core::to_hex(platform().quote(data));
}

Document job_document(const std::string& statement) {
  const auto hash = result_hash(statement);
  return Document{{"jobId", "0123"},
                  {"skillId", "hello-world@1.0.0"},
                  {"timestamp", core::to_rfc3339(now())},
                  {"passed", true},
                  {"attestation", quoted(report_data(kResultTag, hash), "resultHash", hash)},
                  {"statement", statement},
                  {"collateral", collateral()}};
}

Document service_document(const std::string& nonce) {
  const MerkleTree tree({merkle_leaf(core::as_bytes("another")), merkle_leaf(core::as_bytes(nonce)),
                         merkle_leaf(core::as_bytes("a third"))});
  const std::string policy = R"({"network":false})";
  ServiceDocument service;
  service.nonce_root = core::to_hex(tree.root());
  service.policy_sha256 = core::sha256_hex(policy);
  service.program = {"skill-verifier", "0.1.0", std::string(64, 'e'), std::nullopt};
  service.runtimes = {{"alpine:latest", "sha256:" + std::string(64, 'd')}};
  const auto text = build_service_document(service).value();
  auto path = Document::array();
  for (const auto& hash : tree.path(1))
    path.push_back(core::to_hex(hash));
  return Document{{"timestamp", core::to_rfc3339(now())},
                  {"document", text},
                  {"attestation", quoted(service_report_data(text), "documentHash", service_document_hash(text))},
                  {"nonce", {{"value", nonce}, {"index", 1u}, {"treeSize", 3u}, {"path", path}}},
                  {"policy", policy},
                  {"appCompose", kAppCompose},
                  {"collateral", collateral()}};
}

Expectations trusting() {
  Expectations expected;
  expected.trust_root = platform().root_certificate().der;
  return expected;
}

Expectations pinned() {
  auto expected = trusting();
  expected.package = Expectations::Package{std::string(64, 'b'), std::string(64, 'a'), std::nullopt};
  expected.job_id = "0123";
  expected.nonce = "a nonce";
  expected.app_compose = kAppCompose;
  expected.compose_hash = core::to_hex(platform().compose_hash());
  expected.app_id = core::to_hex(platform().app_id());
  expected.key_provider = "kms:3059";
  expected.os_image = core::to_hex(platform().os_image_hash());
  expected.measurements = platform().measurements();
  return expected;
}

CheckReport check_document(const Document& document, const Expectations& expected) {
  const auto evidence = parse_evidence(core::dump_json(document));
  return evidence ? check(*evidence, expected, made_at() + 60) : unreadable(evidence.error(), made_at() + 60);
}

const Row& row(const CheckReport& report, const std::string& id) {
  const auto found = std::ranges::find(report.rows, id, &Row::id);
  if (found == report.rows.end()) throw std::out_of_range("no row " + id);
  return *found;
}

std::string failures(const CheckReport& report) {
  std::string text(to_string(report.verdict));
  for (const Row& one : report.rows) {
    if (one.outcome == Outcome::failed) {
      text += fmt::format("\n  {}: {} ({}, {})", one.id, one.detail, one.expected, one.actual);
    } else if (one.demanded && one.outcome == Outcome::not_checked) {
      text += fmt::format("\n  {}: not checked: {}", one.id, one.detail);
    }
  }
  return text;
}

}  // namespace skill_verifier::attest::test
