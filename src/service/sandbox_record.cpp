#include "service/sandbox_record.hpp"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "skill_verifier/core/sha2.hpp"

namespace skill_verifier::service {

void add_sandbox_checks(attest::StatementInput& made, const SandboxReport& report) {
  const auto append = [](std::vector<std::string>& tests, std::vector<std::string> ids) {
    std::ranges::move(ids, std::back_inserter(tests));
  };
  append(made.passed_tests, report.checks(scan::Outcome::passed));
  append(made.warned_tests, report.checks(scan::Outcome::warned));
  append(made.failed_tests, report.checks(scan::Outcome::failed));
  append(made.passed_tests, report.single_tests(true));
  append(made.failed_tests, report.single_tests(false));
  attest::StatementInput::SandboxChecks checks;
  checks.profile = report.profile;
  checks.profile_sha256 = report.profile_digest;
  checks.rows_sha256 = core::sha256_hex(rows_json(report));
  if (report.image) checks.image_reference = report.image->reference;
  if (report.image) checks.image_id = report.image->id;
  checks.allowed = report.allowed();
  checks.skipped = report.checks(scan::Outcome::skipped);
  made.sandbox_checks = std::move(checks);
}

core::OrderedJson sandbox_checks_json(const SandboxReport& report) {
  core::OrderedJson json;
  json["profile"] = report.profile;
  json["digest"] = report.profile_digest;
  json["image"] = report.image ? core::OrderedJson(report.image->reference) : core::OrderedJson(nullptr);
  json["imageId"] = report.image ? core::OrderedJson(report.image->id) : core::OrderedJson(nullptr);
  for (const auto outcome :
       {scan::Outcome::passed, scan::Outcome::warned, scan::Outcome::failed, scan::Outcome::skipped})
    json[std::string(to_string(outcome))] = report.count(outcome);
  return json;
}

}  // namespace skill_verifier::service
