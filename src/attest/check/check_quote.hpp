#pragma once

#include <array>
#include <optional>

#include "attest/check/rows.hpp"
#include "skill_verifier/attest/check.hpp"

namespace skill_verifier::attest {

/// What the later steps compare with. Signed by the hardware only if the rows say so.
struct QuotedValues {
  std::array<std::uint8_t, 64> report_data{};
};

/// Rows `quote` to `td-attributes`; sets the report's `at` and `simulated`. Nothing where there is no quote that can be
/// read.
std::optional<QuotedValues> check_quote(const Evidence& evidence, const Expectations& expected, std::int64_t now,
                                        CheckReport& report, Rows& rows);

}  // namespace skill_verifier::attest
