#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "skill_verifier/attest/quoter.hpp"
#include "skill_verifier/core/clock.hpp"
#include "skill_verifier/core/metrics.hpp"

namespace skill_verifier::attest {

/// Passes everything on to another quoter and counts: how long quotes take, how they fail, when the last one came.
class MeteredQuoter final : public Quoter {
 public:
  /// The clock outlives this.
  MeteredQuoter(std::unique_ptr<Quoter> inner, const core::Clock& clock) : inner_(std::move(inner)), clock_(clock) {}

  awaitable<Result<Quote>> quote(ReportData data, QuoteFor whom) override;
  awaitable<Result<std::string>> info() override { return inner_->info(); }

  void write(core::MetricsText& out) const;

 private:
  std::unique_ptr<Quoter> inner_;
  const core::Clock& clock_;
  core::Histogram time_;                           ///< of quotes that came
  std::map<std::string, std::uint64_t> failures_;  ///< by code: those of Quoter::quote
  std::optional<core::Time> last_;
};

}  // namespace skill_verifier::attest
