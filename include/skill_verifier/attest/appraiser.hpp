#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "skill_verifier/attest/collateral_client.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::attest {

/// What a quote of ours turned out to be.
struct Appraisal {
  /// `intel-tdx` only where the whole verification under Intel's root succeeded, `simulated` where the chain ends at
  /// another root, absent where nobody could tell.
  std::optional<std::string> tee_type;
  /// The verification under Intel's root was made and failed: this is no quote of such hardware.
  bool refuted = false;
  std::string note;                       ///< why not `intel-tdx`, where the root is Intel's
  std::optional<std::string> collateral;  ///< QuoteCollateralV3 with `fetchedAt`, JSON text
  std::string collateral_note;            ///< why there is none
};

/// Verifies a quote with the collateral at hand (JSON text), strictly but for the TCB status, which a reader judges.
/// Pure. `now` is only used where there is collateral. Collateral that does not verify by itself refutes nothing and is
/// left out.
Appraisal appraise_quote(ByteView quote, const std::optional<std::string>& collateral, core::Time now);

/// Collateral texts by their SHA-256, one file each: jobs of one platform share them. Blocking.
class CollateralFiles {
 public:
  explicit CollateralFiles(std::filesystem::path directory) : directory_(std::move(directory)) {}

  /// The digest in lower-case hex under which `read` gives the text again. Errors: unavailable
  /// `collateral_not_stored`.
  Result<std::string> keep(const std::string& text) const;
  /// Errors: not_found `collateral_missing`, also for a file whose bytes have changed.
  Result<std::string> read(const std::string& sha256) const;
  /// Digests of all files there are.
  std::vector<std::string> list() const;
  void remove(const std::string& sha256) const;
  /// What a crash in the middle of `keep` left. Must not overlap with it.
  void remove_unfinished() const;

 private:
  std::filesystem::path directory_;
};

/// Gets a quote's collateral and appraises it. One thread.
class Appraiser {
 public:
  /// Collateral of quotes under other roots than Intel's is fetched only where `any_root`: Intel's service has none for
  /// them. What is handed in outlives the appraiser.
  Appraiser(core::WorkPool& pool, const core::Clock& clock, CollateralCache& cache, bool any_root)
      : pool_(pool), clock_(clock), cache_(cache), any_root_(any_root) {}

  /// Never fails, and waits at most `limit` for collateral: what is missing is said in the notes.
  awaitable<Appraisal> appraise(std::string quote_hex, core::Duration limit);

 private:
  core::WorkPool& pool_;
  const core::Clock& clock_;
  CollateralCache& cache_;
  const bool any_root_;
};

}  // namespace skill_verifier::attest
