#pragma once

#include <optional>

#include "attest/check/rows.hpp"
#include "skill_verifier/attest/check.hpp"
#include "skill_verifier/dcap/quote.hpp"

namespace skill_verifier::attest {

/// Rows `quote` to `td-attributes`; sets the report's `at` and `simulated`. Gives the quote's fields, which are signed
/// by the hardware only if those rows say so; nothing where there is no quote that can be read.
std::optional<dcap::Quote> check_quote(const Evidence& evidence, const Expectations& expected, std::int64_t now,
                                       CheckReport& report, Rows& rows);

}  // namespace skill_verifier::attest
