#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "dstack-simulator/platform.hpp"
#include "skill_verifier/attest/check.hpp"
#include "skill_verifier/attest/statement.hpp"

namespace skill_verifier::attest::test {

using Document = nlohmann::ordered_json;

/// A simulated platform, made once per process, and what it attests.
const dstack_simulator::Platform& platform();
/// Seconds since 1970 at which it was made.
std::int64_t made_at();

StatementInput statement_input(StatementInput::Verdict verdict);
std::string statement_of(StatementInput::Verdict verdict = StatementInput::Verdict::passed);
/// A job document with collateral, valid beneath the platform's root.
Document job_document(const std::string& statement = statement_of());
/// A service document whose caller gave `nonce`, as the second of three.
Document service_document(const std::string& nonce);
/// The platform's quote over those bytes.
std::string quote_hex(const ReportData& data);

/// Only the platform's root is expected.
Expectations trusting();
/// Everything that can be named.
Expectations pinned();

CheckReport check_document(const Document& document, const Expectations& expected);
const Row& row(const CheckReport& report, const std::string& id);
/// `id: detail (expected, actual)` of every row that failed, and the verdict: for messages.
std::string failures(const CheckReport& report);

}  // namespace skill_verifier::attest::test
