#pragma once

#include <string>

#include "skill_verifier/attest/statement.hpp"
#include "test_pki/quote.hpp"

namespace skill_verifier::attest::test {

/// A chain made once per process.
const test_pki::PckChain& sample_chain();
/// A signed quote over `data` under sample_chain().
Bytes sample_quote(const ReportData& data);
/// What the guest agent answers to GetQuote with that quote.
std::string get_quote_answer(const ReportData& data);
/// 64 times the same byte.
ReportData filled(std::uint8_t byte);

}  // namespace skill_verifier::attest::test
