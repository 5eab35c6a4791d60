#include "skill_verifier/attest/statement.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "skill_verifier/core/json.hpp"

namespace skill_verifier::attest {
namespace {

using core::Json;

constexpr std::string_view kStatementType = "https://in-toto.io/Statement/v1";
constexpr std::string_view kPredicateType = "https://in-toto.io/attestation/test-result/v0.1";
constexpr std::string_view kImagePrefix = "sha256:";
constexpr std::size_t kMaxNonce = 128;
constexpr std::array<std::string_view, 4> kOutcomes = {"exited", "timeout", "oom", "killed"};

Error statement_error(std::string message) {
  return Error{Errc::invalid_argument, "statement_invalid", std::move(message)};
}

Result<void> check_digest(std::string_view name, std::string_view hex) {
  const bool is_lower_hex =
      std::ranges::all_of(hex, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (hex.size() == 64 && is_lower_hex) return {};
  return statement_error(fmt::format("{} is '{}', not 64 lower-case hex digits", name, core::shorten(hex)));
}

std::string_view bare_image_id(std::string_view id) {
  if (id.starts_with(kImagePrefix)) id.remove_prefix(kImagePrefix.size());
  return id;
}

Result<void> check_text(std::string_view name, std::string_view text) {
  return text.empty() ? Result<void>(statement_error(fmt::format("{} is empty", name))) : Result<void>();
}

Result<void> check_run(const StatementInput::Run& run) {
  if (std::ranges::find(kOutcomes, run.outcome) == kOutcomes.end()) {
    return statement_error(fmt::format("run.outcome is '{}'", core::shorten(run.outcome)));
  }
  if (run.attempt < 1) return statement_error(fmt::format("run.attempt is {}, the first is 1", run.attempt));
  if (run.outcome == "exited" && !run.exit_code) return statement_error("run.outcome is 'exited' without an exit code");
  return check_digest("run.output_sha256", run.output_sha256);
}

/// Everything that must hold before the document is put together, in the order of its members.
Result<void> check(const StatementInput& input) {
  std::vector<Result<void>> checks = {
      check_text("skill_id", input.skill_id),
      check_digest("tree_digest", input.tree_digest),
      check_digest("manifest_sha256", input.manifest_sha256),
      check_text("verifier", input.verifier),
      check_digest("verifier_sha256", input.verifier_sha256),
  };
  if (input.archive_sha256) checks.push_back(check_digest("archive_sha256", *input.archive_sha256));
  if (!input.image_reference.empty()) checks.push_back(check_digest("image_id", bare_image_id(input.image_id)));
  if (input.nonce && !check_nonce(*input.nonce)) {
    checks.push_back(statement_error(check_nonce(*input.nonce).error().message));
  }
  if (input.run) checks.push_back(check_run(*input.run));
  if (input.checks) {
    checks.push_back(check_text("checks.profile", input.checks->profile));
    checks.push_back(check_digest("checks.profile_sha256", input.checks->profile_sha256));
    checks.push_back(check_digest("checks.rows_sha256", input.checks->rows_sha256));
  }
  if (input.sandbox_checks) {
    const auto& sandbox = *input.sandbox_checks;
    checks.push_back(check_text("sandbox_checks.profile", sandbox.profile));
    checks.push_back(check_digest("sandbox_checks.profile_sha256", sandbox.profile_sha256));
    checks.push_back(check_digest("sandbox_checks.rows_sha256", sandbox.rows_sha256));
    if (!sandbox.image_reference.empty())
      checks.push_back(check_digest("sandbox_checks.image_id", bare_image_id(sandbox.image_id)));
  }
  if (input.run && input.image_reference.empty()) checks.push_back(statement_error("a run without an image"));
  if (input.prepared_image_id) {
    checks.push_back(check_digest("prepared_image_id", bare_image_id(*input.prepared_image_id)));
    if (!input.run) checks.push_back(statement_error("a prepared image without a run"));
  }
  const auto failed = std::ranges::find_if(checks, [](const auto& result) { return !result.has_value(); });
  return failed == checks.end() ? Result<void>() : *failed;
}

Json to_json(const Annotations& annotations) {
  auto json = Json::object();
  for (const auto& [name, value] : annotations) {
    std::visit([&](const auto& inner) { json[name] = inner; }, value);
  }
  return json;
}

Json sha256_digest(std::string_view hex) {
  return Json{{"sha256", std::string(hex)}};
}

std::string_view to_string(StatementInput::Verdict verdict) {
  switch (verdict) {
    case StatementInput::Verdict::passed:
      return "PASSED";
    case StatementInput::Verdict::warned:
      return "WARNED";
    case StatementInput::Verdict::failed:
      break;
  }
  return "FAILED";
}

Json build_subject(const StatementInput& input) {
  auto subject = Json::array();
  if (input.archive_sha256) {
    Json archive{{"digest", sha256_digest(*input.archive_sha256)}};
    // A name is optional in a descriptor (in-toto ResourceDescriptor), an empty one is not a name.
    if (!input.archive_name.empty()) archive["name"] = input.archive_name;
    subject.push_back(std::move(archive));
  }
  subject.push_back(Json{{"name", input.skill_id + "/"}, {"digest", Json{{"dirHash1", input.tree_digest}}}});
  return subject;
}

Json build_run(const StatementInput::Run& run, const std::optional<std::string>& prepared_image_id) {
  Json annotations{{"attempt", run.attempt},          {"exitCode", nullptr},
                   {"outcome", run.outcome},          {"stdoutBytes", run.stdout_bytes},
                   {"stderrBytes", run.stderr_bytes}, {"truncated", run.truncated}};
  if (run.exit_code) annotations["exitCode"] = *run.exit_code;
  if (prepared_image_id) {
    annotations["preparedImage"] = std::string(kImagePrefix) + std::string(bare_image_id(*prepared_image_id));
  }
  return Json{{"name", "run"}, {"digest", sha256_digest(run.output_sha256)}, {"annotations", std::move(annotations)}};
}

Json build_profile(const StatementInput::Checks& checks) {
  return Json{{"name", "profile"},
              {"uri", checks.profile},
              {"digest", sha256_digest(checks.profile_sha256)},
              {"annotations", Json{{"allowed", checks.allowed},
                                   {"flagged", checks.flagged},
                                   {"rowsSha256", checks.rows_sha256},
                                   {"skipped", checks.skipped}}}};
}

Json build_sandbox_checks(const StatementInput::SandboxChecks& checks) {
  Json annotations{{"allowed", checks.allowed}, {"rowsSha256", checks.rows_sha256}, {"skipped", checks.skipped}};
  if (!checks.image_reference.empty()) {
    annotations["image"] = checks.image_reference;
    annotations["imageSha256"] = std::string(bare_image_id(checks.image_id));
  }
  return Json{{"name", "sandbox-checks"},
              {"uri", checks.profile},
              {"digest", sha256_digest(checks.profile_sha256)},
              {"annotations", std::move(annotations)}};
}

Result<Json> build_configuration(const StatementInput& input) {
  auto limits = core::canonical_json(to_json(input.sandbox_limits));
  if (!limits) return core::with_context(limits.error(), "sandbox_limits");
  auto entries = Json::array();
  entries.push_back(Json{{"name", "manifest"},
                         {"digest", sha256_digest(input.manifest_sha256)},
                         {"annotations", to_json(input.manifest)}});
  if (!input.image_reference.empty()) {
    entries.push_back(Json{
        {"name", "image"}, {"uri", input.image_reference}, {"digest", sha256_digest(bare_image_id(input.image_id))}});
  }
  entries.push_back(Json{{"name", "sandbox"},
                         {"digest", sha256_digest(core::sha256_hex(*limits))},
                         {"annotations", to_json(input.sandbox)}});
  entries.push_back(
      Json{{"name", "verifier"}, {"uri", input.verifier}, {"digest", sha256_digest(input.verifier_sha256)}});
  if (input.checks) entries.push_back(build_profile(*input.checks));
  if (input.sandbox_checks) entries.push_back(build_sandbox_checks(*input.sandbox_checks));
  if (input.nonce) entries.push_back(Json{{"name", "nonce"}, {"annotations", Json{{"value", *input.nonce}}}});
  if (input.run) entries.push_back(build_run(*input.run, input.prepared_image_id));
  return entries;
}

}  // namespace

Result<std::string> build_statement(const StatementInput& input) {
  if (auto checked = check(input); !checked) return checked.error();
  auto configuration = build_configuration(input);
  if (!configuration) return configuration.error();
  const Json predicate{{"result", to_string(input.verdict)},
                       {"configuration", std::move(*configuration)},
                       {"passedTests", input.passed_tests},
                       {"warnedTests", input.warned_tests},
                       {"failedTests", input.failed_tests}};
  return core::canonical_json(Json{{"_type", kStatementType},
                                   {"subject", build_subject(input)},
                                   {"predicateType", kPredicateType},
                                   {"predicate", predicate}});
}

Result<std::string> comparable_core(std::string_view statement) {
  auto document = core::parse_json(statement);
  if (!document) return statement_error("the statement is " + document.error().message);
  const auto canonical = core::canonical_json(*document);
  if (!canonical || *canonical != statement) return statement_error("the statement is not in canonical form");
  const Json::json_pointer configuration("/predicate/configuration");
  if (!document->contains(configuration) || !(*document)[configuration].is_array()) {
    return statement_error("the statement has no predicate.configuration");
  }
  auto& entries = (*document)[configuration];
  std::erase_if(entries.get_ref<Json::array_t&>(), [](const Json& entry) {
    const auto name = entry.is_object() ? entry.find("name") : entry.end();
    return entry.is_object() && name != entry.end() && (*name == "nonce" || *name == "run");
  });
  return core::canonical_json(*document);
}

std::string result_hash(std::string_view statement) {
  return core::sha256_hex(statement);
}

ReportData report_data(std::string_view tag, std::string_view content) {
  return core::sha512(core::as_bytes(fmt::format("{}:{}", tag, content)));
}

Result<void> check_nonce(std::string_view nonce) {
  const bool printable = std::ranges::all_of(nonce, [](char c) { return c >= 0x20 && c <= 0x7e; });
  if (!nonce.empty() && nonce.size() <= kMaxNonce && printable) return {};
  return Error{Errc::invalid_argument, "nonce_invalid",
               fmt::format("nonce '{}' is not 1 to {} printable ASCII characters", core::shorten(nonce), kMaxNonce)};
}

std::string output_digest(std::string_view stdout_bytes, std::string_view stderr_bytes) {
  core::Sha256 digest;
  digest.update(core::as_bytes(stdout_bytes));
  digest.update(Bytes{0});
  digest.update(core::as_bytes(stderr_bytes));
  return core::to_hex(digest.finish());
}

}  // namespace skill_verifier::attest
