#include "attest/check/statement_facts.hpp"

#include <algorithm>

#include "attest/check/json_member.hpp"

namespace skill_verifier::attest {
namespace {

using core::Json;

constexpr std::string_view kStatementType = "https://in-toto.io/Statement/v1";
constexpr std::string_view kPredicateType = "https://in-toto.io/attestation/test-result/v0.1";
constexpr core::JsonLimits kLimits{.depth = 16, .bytes = 4u << 20};

Error invalid(std::string message) {
  return Error{Errc::invalid_argument, "statement_invalid", "the statement " + std::move(message)};
}

bool is_sha256(const std::string& text) {
  return text.size() == 64 &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::optional<std::string> digest(const Json& holder, const char* algorithm) {
  const auto* const digests = find_member(holder, "digest");
  if (digests == nullptr) return std::nullopt;
  auto value = text_member(*digests, algorithm);
  return value && is_sha256(*value) ? value : std::nullopt;
}

/// One tree, and before it the archive that it came in, if any.
Result<void> read_subject(const Json& document, StatementFacts& facts) {
  const auto* const subject = find_member(document, "subject");
  if (subject == nullptr || !subject->is_array() || subject->empty() || subject->size() > 2) {
    return invalid("has no subject of one tree, with or without an archive");
  }
  const Json& tree = subject->back();
  const auto name = text_member(tree, "name");
  const auto tree_digest = digest(tree, "dirHash1");
  if (!name || !name->ends_with('/') || !tree_digest) return invalid("has no subject with a name and a dirHash1");
  facts.skill_id = name->substr(0, name->size() - 1);
  facts.tree_digest = *tree_digest;
  if (subject->size() == 1) return {};
  facts.archive_sha256 = digest(subject->front(), "sha256");
  if (!facts.archive_sha256) return invalid("has an archive without a sha256");
  return {};
}

void read_run(const Json& entry, StatementFacts& facts) {
  facts.has_run = true;
  const auto* const annotations = find_member(entry, "annotations");
  if (annotations == nullptr) return;
  facts.outcome = text_member(*annotations, "outcome").value_or("");
  const auto* const code = find_member(*annotations, "exitCode");
  if (code != nullptr && code->is_number_integer()) facts.exit_code = code->get<std::int64_t>();
}

Result<void> read_nonce(const Json& entry, StatementFacts& facts) {
  const auto* const annotations = find_member(entry, "annotations");
  if (annotations != nullptr) facts.nonce = text_member(*annotations, "value");
  return facts.nonce ? Result<void>() : invalid("has a nonce entry without a value");
}

Result<std::vector<std::string>> texts(const Json& holder, const char* name) {
  std::vector<std::string> list;
  const auto* const member = find_member(holder, name);
  if (member == nullptr) return list;
  if (!member->is_array()) return invalid(std::string("has a '") + name + "' that is no list");
  for (const Json& item : *member) {
    if (!item.is_string()) return invalid(std::string("has a '") + name + "' with something else than texts");
    list.push_back(item.get<std::string>());
  }
  return list;
}

Result<void> read_profile(const Json& entry, StatementFacts& facts) {
  const auto* const annotations = find_member(entry, "annotations");
  const auto sha256 = digest(entry, "sha256");
  if (annotations == nullptr || !sha256) return invalid("has a profile entry without digest or annotations");
  const auto* const flagged = find_member(*annotations, "flagged");
  if (flagged == nullptr || !flagged->is_boolean()) return invalid("has a profile entry that does not say 'flagged'");
  StatementFacts::Checks checks;
  checks.profile = text_member(entry, "uri").value_or("");
  checks.profile_sha256 = *sha256;
  checks.rows_sha256 = text_member(*annotations, "rowsSha256").value_or("");
  checks.flagged = flagged->get<bool>();
  SKILL_VERIFIER_TRY(checks.skipped, texts(*annotations, "skipped"));
  SKILL_VERIFIER_TRY(checks.allowed, texts(*annotations, "allowed"));
  facts.checks = std::move(checks);
  return {};
}

Result<void> read_configuration(const Json& predicate, StatementFacts& facts) {
  const auto* const entries = find_member(predicate, "configuration");
  if (entries == nullptr || !entries->is_array()) return invalid("has no predicate.configuration");
  std::vector<std::string> seen;
  for (const Json& entry : *entries) {
    const auto name = text_member(entry, "name");
    if (!name) return invalid("has a configuration entry without a name");
    if (std::ranges::find(seen, *name) != seen.end()) return invalid("has two configuration entries '" + *name + "'");
    seen.push_back(*name);
    if (*name == "image") {
      facts.image_reference = text_member(entry, "uri").value_or("");
      facts.image_sha256 = digest(entry, "sha256").value_or("");
    } else if (*name == "verifier") {
      facts.verifier = text_member(entry, "uri").value_or("");
      facts.verifier_sha256 = digest(entry, "sha256").value_or("");
    } else if (*name == "profile") {
      SKILL_VERIFIER_TRY_VOID(read_profile(entry, facts));
    } else if (*name == "nonce") {
      SKILL_VERIFIER_TRY_VOID(read_nonce(entry, facts));
    } else if (*name == "run") {
      read_run(entry, facts);
    }
  }
  return {};
}

}  // namespace

Result<StatementFacts> read_statement(std::string_view statement) {
  const auto document = core::parse_json(statement, kLimits);
  if (!document) return invalid("is " + document.error().message);
  const auto canonical = core::canonical_json(*document);
  if (!canonical || *canonical != statement) return invalid("is not in canonical form");
  if (text_member(*document, "_type") != kStatementType || text_member(*document, "predicateType") != kPredicateType) {
    return invalid("is not an in-toto test result");
  }
  const auto* const predicate = find_member(*document, "predicate");
  const auto result = predicate == nullptr ? std::nullopt : text_member(*predicate, "result");
  if (result != "PASSED" && result != "FAILED" && result != "WARNED") return invalid("has no result");
  StatementFacts facts;
  facts.result = *result;
  SKILL_VERIFIER_TRY_VOID(read_subject(*document, facts));
  SKILL_VERIFIER_TRY_VOID(read_configuration(*predicate, facts));
  SKILL_VERIFIER_TRY(facts.passed_tests, texts(*predicate, "passedTests"));
  SKILL_VERIFIER_TRY(facts.warned_tests, texts(*predicate, "warnedTests"));
  SKILL_VERIFIER_TRY(facts.failed_tests, texts(*predicate, "failedTests"));
  return facts;
}

}  // namespace skill_verifier::attest
