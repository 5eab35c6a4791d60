#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "skill_verifier/attest/appraiser.hpp"
#include "skill_verifier/attest/quoter.hpp"
#include "skill_verifier/attest/service_attestor.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::attest {

/// The predecessor's words for a service that stands outside a trusted environment.
inline constexpr std::string_view kNoTeeNote = "No TEE available - deploy to dstack for real attestations";

/// The `attestation` member of results and documents (TRUST.md §4), in the predecessor's member order. Without a quote
/// `verifier` is "none" and `teeType` null. An empty `note` is left out.
core::OrderedJson attestation_json(const std::string& result_hash, const std::optional<Quote>& quote,
                                   const std::string& note);

/// GET /verify/<id>/attestation, TRUST.md §4. `attestation` is what attestation_json gave, as JSON text;
/// anything else is a bug and throws. `appraisal` has the collateral that is embedded (absent: no such member), and
/// completes a quote's `teeType` that was not known when it was made; `collateralNote` says why there is none.
core::OrderedJson attestation_document(const std::string& job_id, const std::string& skill_id,
                                       const std::string& timestamp, std::optional<bool> passed,
                                       const std::string& statement, const std::string& attestation,
                                       const std::optional<Appraisal>& appraisal = std::nullopt);

/// What stands beside a service document, outside of the quoted bytes.
struct ServiceExtras {
  std::string policy;                      ///< the text whose SHA-256 is the document's policy.sha256
  std::optional<Appraisal> appraisal;      ///< of the quote, where there is one
  std::optional<std::string> app_compose;  ///< as the guest agent gives it: compare its SHA-256 with the event log
};

/// GET /attestation: `document` is the text that was quoted, `attestation` as in job documents with `documentHash` in
/// place of `resultHash`, `nonce` {value, index, treeSize, path: hex, leaf's sibling first} or null, then the extras.
core::OrderedJson service_attestation_document(const ServiceAnswer& answer, const ServiceExtras& extras);

}  // namespace skill_verifier::attest
