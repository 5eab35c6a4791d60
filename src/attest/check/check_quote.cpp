#include "attest/check/check_quote.hpp"

#include "skill_verifier/dcap/quote.hpp"

namespace skill_verifier::attest {

std::optional<QuotedValues> check_quote(const Evidence& evidence, const Expectations& expected, std::int64_t now,
                                        CheckReport& report, Rows& rows) {
  report.at = expected.at.value_or(now);
  if (!evidence.quote) {
    rows.skip("quote", "there is no quote");
    return std::nullopt;
  }
  const auto bytes = core::parse_hex(*evidence.quote);
  if (!bytes) {
    rows.fail("quote", bytes.error().message);
    return std::nullopt;
  }
  const auto summary = dcap::summarize_quote(*bytes);
  if (!summary) {
    rows.fail("quote", summary.error().message);
    return std::nullopt;
  }
  report.simulated = summary->root_certificate_sha256 != dcap::intel_root_sha256();
  rows.pass("quote", "version " + std::to_string(summary->version));
  return QuotedValues{summary->report_data};
}

}  // namespace skill_verifier::attest
