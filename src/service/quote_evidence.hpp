#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "skill_verifier/attest/appraiser.hpp"
#include "skill_verifier/service/service.hpp"

namespace skill_verifier::service {

/// The digest under which a collateral was stored. Its file stays while somebody holds this, and afterwards while a
/// job in the store names it.
using KeptCollateral = std::shared_ptr<const std::string>;

/// What goes with the quotes of jobs and of the service itself. One thread.
class QuoteEvidence {
 public:
  /// `appraiser` may be null. Everything handed in outlives this.
  QuoteEvidence(core::asio::any_io_executor executor, core::WorkPool& pool, attest::Appraiser* appraiser,
                const ServiceOptions& options)
      : pool_(pool), appraiser_(appraiser), options_(options), files_(options.collateral), turn_(executor, 1) {}

  /// Nothing without an appraiser.
  awaitable<std::optional<attest::Appraisal>> appraise(std::string quote_hex);
  /// Stores a collateral. Null where that failed: a reader gets it anew.
  awaitable<KeptCollateral> keep(std::string collateral);
  /// Removes the files that nobody refers to any more.
  awaitable<void> tidy(store::JobStore& store);
  /// From a stored result: the collateral that was kept with it, else what can be had now.
  awaitable<std::optional<attest::Appraisal>> of_job(std::string result);

 private:
  core::WorkPool& pool_;
  attest::Appraiser* appraiser_;
  const ServiceOptions& options_;
  const attest::CollateralFiles files_;
  core::Semaphore turn_;  ///< between `keep` and `tidy`
  std::map<std::string, std::weak_ptr<const std::string>> held_;
};

}  // namespace skill_verifier::service
