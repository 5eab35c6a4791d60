#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/attest/merkle.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/result.hpp"
#include "skill_verifier/dcap/event_log.hpp"

namespace skill_verifier::attest {

/// What somebody hands in to be checked.
enum class EvidenceKind {
  job_document,      ///< GET /verify/<id>/attestation, TRUST.md §4
  service_document,  ///< GET /attestation, TRUST.md §3
  bundle,            ///< quote with its event log: a GetQuote or Attest response, or dstack-verifier's request
  quote,             ///< a quote and nothing else
};
/// `job document`, `service document`, `quote with event log`, `quote`.
std::string_view to_string(EvidenceKind kind);

/// Evidence taken apart. Nothing in here has been checked: every field is a claim of whoever wrote the file.
struct Evidence {
  EvidenceKind kind = EvidenceKind::quote;
  std::optional<std::string> quote;        ///< hexadecimal, with or without 0x; absent where there is none
  std::optional<std::string> event_log;    ///< JSON text
  std::optional<dcap::EventLog> events;    ///< a bundle's, instead of event_log
  std::optional<std::string> vm_config;    ///< JSON text
  std::optional<std::string> report_data;  ///< hexadecimal, as it stands beside the quote
  /// Job documents: what the hash is over. Service documents: the canonical text that was quoted.
  std::optional<std::string> signed_text;
  std::string claimed_hash;  ///< `resultHash` of a job document, `documentHash` of a service document

  std::string job_id, skill_id, timestamp;
  std::optional<bool> passed;
  std::string verifier;
  std::optional<std::string> tee_type;
  std::string note;

  struct NoncePath {
    std::string nonce;
    std::uint64_t index = 0;
    std::uint64_t tree_size = 0;
    std::vector<MerkleHash> hashes;  ///< from the leaf's sibling to the root's child
  };
  std::optional<NoncePath> nonce_path;     ///< service documents asked for with a nonce
  std::optional<std::string> policy;       ///< service documents: the text behind policy.sha256
  std::optional<std::string> app_compose;  ///< service documents: what the guest agent says was deployed

  std::optional<std::string> collateral;  ///< the document's own, JSON text
};

/// What a file may measure.
inline constexpr std::size_t kMaxEvidenceBytes = 32u << 20;

/// Tells the form by its content: JSON of one of the kinds above, hexadecimal text, or the own bytes of a quote or of
/// dstack's attestation. Takes at
/// most kMaxEvidenceBytes and JSON nested at most 32 deep. Errors: invalid_argument `evidence_invalid` saying which
/// member, too_large `evidence_too_large`, unsupported `evidence_unsupported` for another kind of TEE or attestation.
Result<Evidence> parse_evidence(std::string_view text);

}  // namespace skill_verifier::attest
