#pragma once

#include <string>

#include "skill_verifier/attest/check.hpp"

namespace skill_verifier::app {

/// The report as lines for a person; the last one begins with the verdict. Nothing that the evidence holds reaches a
/// terminal unescaped.
std::string to_text(const attest::CheckReport& report, bool colour);
/// The same as one JSON object, indented.
std::string to_json(const attest::CheckReport& report);

}  // namespace skill_verifier::app
