#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/clock.hpp"
#include "skill_verifier/core/metrics.hpp"
#include "skill_verifier/core/result.hpp"
#include "skill_verifier/dcap/quote.hpp"

namespace skill_verifier::attest {

using core::awaitable;

/// Collateral as it was served; nothing in it has been verified but its form and dates.
struct FetchedCollateral {
  std::string json;         ///< QuoteCollateralV3 (facts of dcap-qvl) with `fetchedAt`; one line
  core::Time fetched_at{};  ///< when the last of it came
  core::Time until{};       ///< the earliest nextUpdate in it
};

/// Intel's Provisioning Certification Service.
inline constexpr std::string_view kIntelPcs = "https://api.trustedservices.intel.com";
/// Where Intel keeps the root's revocation list; a PCCS has a route of its own for it.
inline constexpr std::string_view kIntelCertificates = "https://certificates.trustedservices.intel.com";

struct CollateralClientOptions {
  std::string base{kIntelPcs};                        ///< PCS v4, or a PCCS that speaks it: scheme, host and port
  core::Duration request = std::chrono::seconds(10);  ///< of each of the four requests
};

/// Client of PCS v4 and PCCS (Intel, "API for TDX", v4): TCB info, QE identity, PCK CRL, root CRL. TLS certificates are
/// verified where the base is https.
class CollateralClient {
 public:
  /// Throws std::invalid_argument where the base is not an endpoint (net::parse_endpoint). The clock outlives this.
  CollateralClient(core::asio::any_io_executor executor, const core::Clock& clock, CollateralClientOptions options);
  ~CollateralClient();

  /// Four requests, one after the other, each answer at most 256 KiB. Errors: invalid_argument `platform_invalid` for a
  /// key of another form, unavailable `collateral_unavailable` (no answer, an error status), unavailable
  /// `collateral_malformed` (an answer that is not what was asked for), unavailable `collateral_ended` (served after
  /// its nextUpdate), cancelled. The message names the item.
  awaitable<Result<FetchedCollateral>> fetch(dcap::CollateralKey key);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct CollateralCacheOptions {
  std::size_t platforms = 64;                       ///< kept at once; the one that is needed longest ago goes first
  core::Duration fetch = std::chrono::seconds(30);  ///< of one try, whoever waits for it
  std::chrono::seconds refresh_after{24 * 3600};    ///< older ones are fetched anew, also while they are valid
  std::chrono::milliseconds first_retry{10'000};    ///< after a failure; doubled with each
  std::chrono::milliseconds last_retry{15 * 60 * 1000};  ///< and never longer
};

using CollateralPtr = std::shared_ptr<const FetchedCollateral>;

/// Collateral by platform. What is valid is given at once, and fetched anew in the background once a day or when three
/// quarters of its time are over; a failed refresh leaves the old one in place until it ends. One fetch a platform at a
/// time, whoever waits; after a failure nobody asks again before a pause is over. One thread.
class CollateralCache {
 public:
  using Fetch = std::function<awaitable<Result<FetchedCollateral>>(dcap::CollateralKey)>;

  CollateralCache(core::asio::any_io_executor executor, const core::Clock& clock, Fetch fetch,
                  CollateralCacheOptions options);
  ~CollateralCache();
  CollateralCache(const CollateralCache&) = delete;
  CollateralCache& operator=(const CollateralCache&) = delete;

  /// Waits at most `limit` for a fetch, which then goes on for those who come later. Errors: those of Fetch, of this
  /// call or of the last one within its pause; timed_out `collateral_timed_out`; cancelled.
  awaitable<Result<CollateralPtr>> get(dcap::CollateralKey key, core::Duration limit);
  /// Takes back what `get` gave, unless something newer is there: it turned out to be worth nothing. The next fetch
  /// waits as after a failure.
  void discard(const dcap::CollateralKey& key, const CollateralPtr& bad, Error why);
  /// Ends fetches in flight. Must have been called before the destructor.
  awaitable<void> stop();
  /// Number and age of what is held, and how fetching it went.
  void write_metrics(core::MetricsText& out) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace skill_verifier::attest
