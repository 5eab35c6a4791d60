#pragma once

#include <optional>
#include <string>

#include "skill_verifier/attest/quoter.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::attest {

/// The `attestation` member of results and documents (TRUST.md §4), in the predecessor's member order. Without a quote
/// `verifier` is "none" and `teeType` null. An empty `note` is left out.
core::OrderedJson attestation_json(const std::string& result_hash, const std::optional<Quote>& quote,
                                   const std::string& note);

/// GET /verify/<id>/attestation, TRUST.md §4. `attestation` is what attestation_json gave, as JSON text;
/// anything else is a bug and throws.
core::OrderedJson attestation_document(const std::string& job_id, const std::string& skill_id,
                                       const std::string& timestamp, std::optional<bool> passed,
                                       const std::string& statement, const std::string& attestation);

}  // namespace skill_verifier::attest
