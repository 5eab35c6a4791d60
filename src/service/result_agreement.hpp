#pragma once

#include <optional>
#include <string>

#include "skill_verifier/core/json.hpp"

/// Whether a result says what the statement beside it says. Pure.
namespace skill_verifier::service {

/// The first member of a stored result that says something else than the statement commits to, if there is one. What
/// the statement has no word on (times, descriptions, notes, messages) is not looked at. Of output, which the
/// statement has a digest of, whatever does not stand in the result byte for byte (Output cut or not UTF-8) disagrees.
std::optional<std::string> disagreement(const core::Json& result, const core::Json& statement);

}  // namespace skill_verifier::service
