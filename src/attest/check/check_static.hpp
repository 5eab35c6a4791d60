#pragma once

#include <string>
#include <string_view>

#include "attest/check/rows.hpp"
#include "attest/check/statement_facts.hpp"
#include "skill_verifier/attest/check.hpp"

namespace skill_verifier::attest {

/// What the ids of a profile's checks begin with: `standard/` for `standard-v1`.
std::string group_of(std::string_view profile);

/// Row `checks`: the static checks that the statement lists against those made again on the package in hand.
void check_static_checks(const StatementFacts& facts, const Expectations& expected, Rows& rows);

}  // namespace skill_verifier::attest
