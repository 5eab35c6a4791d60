#pragma once

#include "service/sandbox_rows.hpp"
#include "skill_verifier/attest/statement.hpp"
#include "skill_verifier/core/json.hpp"

/// How the checks in the sandbox are written down.
namespace skill_verifier::service {

/// Their ids in the lists of tests, and the entry of the configuration.
void add_sandbox_checks(attest::StatementInput& made, const SandboxReport& report);

/// `result.result.checks.sandbox`.
core::OrderedJson sandbox_checks_json(const SandboxReport& report);

}  // namespace skill_verifier::service
