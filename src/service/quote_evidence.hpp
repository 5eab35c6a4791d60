#pragma once

#include <optional>
#include <string>

#include "skill_verifier/attest/appraiser.hpp"
#include "skill_verifier/service/service.hpp"

namespace skill_verifier::service {

/// Where a finished job's collateral is, as its result has it.
struct KeptCollateral {
  std::string sha256;
};

/// What goes with the quotes of jobs and of the service itself. One thread.
class QuoteEvidence {
 public:
  /// `appraiser` may be null. Everything handed in outlives this.
  QuoteEvidence(core::WorkPool& pool, attest::Appraiser* appraiser, const ServiceOptions& options)
      : pool_(pool), appraiser_(appraiser), options_(options), files_(options.collateral) {}

  /// Nothing without an appraiser.
  awaitable<std::optional<attest::Appraisal>> appraise(std::string quote_hex);
  /// Stores a collateral for as long as its job lives. Nothing where that failed: a reader gets it anew.
  awaitable<std::optional<KeptCollateral>> keep(std::string collateral);
  /// From a stored result: the collateral that was kept with it, else what can be had now.
  awaitable<std::optional<attest::Appraisal>> of_job(std::string result);

 private:
  core::WorkPool& pool_;
  attest::Appraiser* appraiser_;
  const ServiceOptions& options_;
  const attest::CollateralFiles files_;
};

}  // namespace skill_verifier::service
