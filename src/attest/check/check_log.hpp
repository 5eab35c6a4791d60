#pragma once

#include "attest/check/rows.hpp"
#include "skill_verifier/attest/check.hpp"
#include "skill_verifier/dcap/quote.hpp"

namespace skill_verifier::attest {

/// Rows `event-log` to `measurements`: the registers replayed, and who the quote's guest is against what the caller
/// expects.
void check_log(const Evidence& evidence, const Expectations& expected, const dcap::Quote& quote, CheckReport& report,
               Rows& rows);

}  // namespace skill_verifier::attest
