#include "skill_verifier/attest/evidence.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "attest/check/json_member.hpp"
#include "skill_verifier/dcap/evidence_bundle.hpp"

namespace skill_verifier::attest {
namespace {

using core::Json;

constexpr int kMaxDepth = 32;
constexpr std::size_t kMaxQuoteDigits = 2 * (64u << 10) + 2;
constexpr std::size_t kMaxShortText = 1024;
constexpr std::size_t kMaxPathHashes = 64;
constexpr std::string_view kSpace = " \t\r\n";

Error invalid(std::string message) {
  return Error{Errc::invalid_argument, "evidence_invalid", std::move(message)};
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

bool is_hex(std::string_view text) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

/// A member that must be a string.
Result<std::string> require_text(const Json& object, const char* name, std::string_view where,
                                 std::size_t limit = kMaxShortText) {
  auto text = text_member(object, name);
  if (!text) return invalid(fmt::format("{} has no text '{}'", where, name));
  if (text->size() > limit) {
    return invalid(fmt::format("'{}' has {} characters, the limit is {}", name, text->size(), limit));
  }
  return *std::move(text);
}

/// A member that may be absent or null, and is a string otherwise.
Result<std::optional<std::string>> optional_text(const Json& object, const char* name, std::size_t limit) {
  const auto* const member = find_member(object, name);
  if (member == nullptr || member->is_null()) return std::optional<std::string>();
  if (!member->is_string()) return invalid(fmt::format("'{}' is not a string", name));
  const auto& text = member->get_ref<const std::string&>();
  if (text.size() > limit) {
    return invalid(fmt::format("'{}' has {} characters, the limit is {}", name, text.size(), limit));
  }
  return std::optional<std::string>(text);
}

/// The `attestation` member of both documents; `hash` names what it is about.
Result<void> read_attestation(const Json& document, const char* hash, Evidence& evidence) {
  const auto& attestation = *find_member(document, "attestation");
  if (find_member(attestation, "quote") == nullptr) return invalid("'attestation' has no 'quote'");
  SKILL_VERIFIER_TRY(evidence.quote, optional_text(attestation, "quote", kMaxQuoteDigits));
  SKILL_VERIFIER_TRY(evidence.event_log, optional_text(attestation, "eventLog", kMaxEvidenceBytes));
  SKILL_VERIFIER_TRY(evidence.vm_config, optional_text(attestation, "vmConfig", kMaxEvidenceBytes));
  SKILL_VERIFIER_TRY(evidence.report_data, optional_text(attestation, "reportData", kMaxShortText));
  SKILL_VERIFIER_TRY(evidence.verifier, require_text(attestation, "verifier", "'attestation'"));
  SKILL_VERIFIER_TRY(evidence.tee_type, optional_text(attestation, "teeType", kMaxShortText));
  SKILL_VERIFIER_TRY(evidence.claimed_hash, require_text(attestation, hash, "'attestation'"));
  SKILL_VERIFIER_TRY(const auto note, optional_text(attestation, "note", kMaxShortText));
  evidence.note = note.value_or("");
  return {};
}

Result<void> read_collateral(const Json& document, Evidence& evidence) {
  const auto* const collateral = find_member(document, "collateral");
  if (collateral == nullptr || collateral->is_null()) return {};
  if (!collateral->is_object()) return invalid("'collateral' is not an object");
  evidence.collateral = core::dump_json(*collateral);
  return {};
}

Result<Evidence> read_job_document(const Json& document) {
  Evidence evidence;
  evidence.kind = EvidenceKind::job_document;
  SKILL_VERIFIER_TRY(evidence.job_id, require_text(document, "jobId", "the document"));
  SKILL_VERIFIER_TRY(evidence.skill_id, require_text(document, "skillId", "the document"));
  SKILL_VERIFIER_TRY(evidence.timestamp, require_text(document, "timestamp", "the document"));
  const auto* const passed = find_member(document, "passed");
  if (passed == nullptr || (!passed->is_null() && !passed->is_boolean())) {
    return invalid("the document has no 'passed' that is true, false or null");
  }
  if (passed->is_boolean()) evidence.passed = passed->get<bool>();
  SKILL_VERIFIER_TRY_VOID(read_attestation(document, "resultHash", evidence));
  SKILL_VERIFIER_TRY(evidence.signed_text, require_text(document, "statement", "the document", kMaxEvidenceBytes));
  SKILL_VERIFIER_TRY_VOID(read_collateral(document, evidence));
  return evidence;
}

Result<std::uint64_t> require_number(const Json& object, const char* name) {
  const auto* const member = find_member(object, name);
  if (member == nullptr || !member->is_number_unsigned())
    return invalid(fmt::format("'nonce' has no number '{}'", name));
  return member->get<std::uint64_t>();
}

Result<void> read_nonce_path(const Json& document, Evidence& evidence) {
  const auto* const nonce = find_member(document, "nonce");
  if (nonce == nullptr || nonce->is_null()) return {};
  Evidence::NoncePath path;
  SKILL_VERIFIER_TRY(path.nonce, require_text(*nonce, "value", "'nonce'"));
  SKILL_VERIFIER_TRY(path.index, require_number(*nonce, "index"));
  SKILL_VERIFIER_TRY(path.tree_size, require_number(*nonce, "treeSize"));
  const auto* const hashes = find_member(*nonce, "path");
  if (hashes == nullptr || !hashes->is_array() || hashes->size() > kMaxPathHashes) {
    return invalid(fmt::format("'nonce' has no path of at most {} hashes", kMaxPathHashes));
  }
  for (const Json& hash : *hashes) {
    const auto bytes = hash.is_string() ? core::parse_hex(hash.get_ref<const std::string&>()) : Result<Bytes>(Bytes());
    MerkleHash value;
    if (!bytes || bytes->size() != value.size()) return invalid("'nonce' has a path with something else than a hash");
    std::ranges::copy(*bytes, value.begin());
    path.hashes.push_back(value);
  }
  evidence.nonce_path = std::move(path);
  return {};
}

Result<Evidence> read_service_document(const Json& document) {
  Evidence evidence;
  evidence.kind = EvidenceKind::service_document;
  SKILL_VERIFIER_TRY(evidence.timestamp, require_text(document, "timestamp", "the document"));
  SKILL_VERIFIER_TRY_VOID(read_attestation(document, "documentHash", evidence));
  SKILL_VERIFIER_TRY(evidence.signed_text, require_text(document, "document", "the document", kMaxEvidenceBytes));
  SKILL_VERIFIER_TRY(evidence.policy, optional_text(document, "policy", kMaxEvidenceBytes));
  SKILL_VERIFIER_TRY(evidence.app_compose, optional_text(document, "appCompose", kMaxEvidenceBytes));
  SKILL_VERIFIER_TRY_VOID(read_nonce_path(document, evidence));
  SKILL_VERIFIER_TRY_VOID(read_collateral(document, evidence));
  return evidence;
}

Evidence from_bundle(dcap::EvidenceBundle bundle) {
  Evidence evidence;
  evidence.kind = EvidenceKind::bundle;
  evidence.quote = core::to_hex(bundle.quote);
  if (bundle.has_event_log) evidence.events = std::move(bundle.event_log);
  evidence.vm_config = std::move(bundle.vm_config);
  if (bundle.report_data) evidence.report_data = core::to_hex(*bundle.report_data);
  return evidence;
}

Result<Evidence> read_bundle(std::string_view text) {
  SKILL_VERIFIER_TRY(auto bundle, dcap::parse_evidence_bundle(text));
  return from_bundle(std::move(bundle));
}

Result<Evidence> read_attestation_bytes(ByteView attestation) {
  SKILL_VERIFIER_TRY(auto bundle, dcap::parse_attestation(attestation));
  return from_bundle(std::move(bundle));
}

Result<Evidence> read_object(const Json& document, std::string_view text) {
  const auto* const attestation = find_member(document, "attestation");
  if (attestation != nullptr && attestation->is_object()) {
    return document.contains("document") ? read_service_document(document) : read_job_document(document);
  }
  if (document.contains("quote") || attestation != nullptr) return read_bundle(text);
  if (document.contains("jobId") && document.contains("result")) {
    return Error{Errc::invalid_argument, "evidence_invalid", "this is a job's record, which has no statement",
                 "fetch /verify/<jobId>/attestation instead"};
  }
  return invalid("the JSON is neither an attestation document nor a quote with its event log");
}

/// Quote versions 4 and 5 with a P-256 key, in the bytes that every TDX quote starts with.
bool looks_like_quote_bytes(std::string_view text) {
  return text.size() > 48 && (text[0] == 3 || text[0] == 4 || text[0] == 5) && text[1] == 0;
}

Evidence bare_quote(std::string hex) {
  Evidence evidence;
  evidence.quote = std::move(hex);
  return evidence;
}

/// dstack's attestation begins with 0 (SCALE) or as a MessagePack map does; a quote, text and JSON never do.
bool begins_attestation(std::uint8_t first) {
  return first == 0 || (first >= 0x80 && first <= 0x8f) || first == 0xde || first == 0xdf;
}

Result<Evidence> read_hex(std::string_view text) {
  const auto digits = text.substr(text.starts_with("0x") ? 2 : 0, 2);
  const auto first = core::parse_hex(digits);
  if (first && begins_attestation(first->front())) {
    SKILL_VERIFIER_TRY(const auto attestation, core::parse_hex(text));
    return read_attestation_bytes(attestation);
  }
  if (text.size() > kMaxQuoteDigits) return invalid("the quote is longer than 65536 bytes");
  return bare_quote(std::string(text));
}

}  // namespace

std::string_view to_string(EvidenceKind kind) {
  switch (kind) {
    case EvidenceKind::job_document:
      return "job document";
    case EvidenceKind::service_document:
      return "service document";
    case EvidenceKind::bundle:
      return "quote with event log";
    case EvidenceKind::quote:
      break;
  }
  return "quote";
}

Result<Evidence> parse_evidence(std::string_view text) {
  if (text.size() > kMaxEvidenceBytes) {
    return Error{Errc::too_large, "evidence_too_large",
                 fmt::format("the input has {} bytes, the limit is {}", text.size(), kMaxEvidenceBytes)};
  }
  if (looks_like_quote_bytes(text)) {
    if (2 * text.size() > kMaxQuoteDigits) return invalid("the quote is longer than 65536 bytes");
    return bare_quote(core::to_hex(core::as_bytes(text)));
  }
  const auto trimmed = trim(text);
  if (trimmed.starts_with('{')) {
    const auto document = core::parse_json(trimmed, {.depth = kMaxDepth, .bytes = kMaxEvidenceBytes});
    if (!document) return invalid("the document is " + document.error().message);
    return read_object(*document, trimmed);
  }
  if (is_hex(trimmed)) return read_hex(trimmed);
  if (!text.empty() && begins_attestation(static_cast<std::uint8_t>(text[0]))) {
    return read_attestation_bytes(core::as_bytes(text));
  }
  if (trimmed.starts_with('[')) {
    return Error{Errc::invalid_argument, "evidence_invalid", "the JSON is a list, not a document with a quote",
                 "an event log is checked together with its quote: --quote FILE --event-log FILE"};
  }
  return invalid("the input is neither JSON nor a quote or attestation, in hexadecimal or as it is");
}

}  // namespace skill_verifier::attest
