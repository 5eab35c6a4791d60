#pragma once

#include "attest/check/rows.hpp"
#include "skill_verifier/attest/check.hpp"

namespace skill_verifier::attest {

/// Rows `statement`, `document`, `nonce` and `subject` of a job document. Returns the content that the quote must speak
/// for (TRUST.md §3): the hash recomputed from the statement, never the one that the document names.
std::string check_job_document(const Evidence& evidence, const Expectations& expected, CheckReport& report, Rows& rows);

/// Rows `service-document`, `document` and `nonce` of a service document. Returns the hash of its bytes.
std::string check_service_document(const Evidence& evidence, const Expectations& expected, CheckReport& report,
                                   Rows& rows);

/// Row `document`: `verifier` and `teeType` against whether there is a quote and where its chain ends.
void check_tee_type(const Evidence& evidence, bool simulated, Rows& rows);

}  // namespace skill_verifier::attest
