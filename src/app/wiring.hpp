#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <vector>

#include "app/config.hpp"
#include "skill_verifier/attest/metered_quoter.hpp"

namespace skill_verifier::app {

/// Everything that a running program consists of, built top to bottom and destroyed backwards.
struct Wiring {
  boost::asio::io_context io{1};
  core::SystemClock clock;
  core::WorkPool pool{4};
  std::filesystem::path data_dir;
  std::unique_ptr<store::JobStore> store;
  std::unique_ptr<auth::KeyRing> keys;
  std::vector<store::KeyRow> configured_keys;  ///< those of them that the configuration makes
  std::unique_ptr<auth::AuditLog> audit;       ///< null: off
  std::unique_ptr<sandbox::Sandbox> sandbox;
  std::unique_ptr<attest::MeteredQuoter> quoter;  ///< null: no guest agent here
  std::unique_ptr<attest::CollateralClient> collateral_client;
  std::unique_ptr<attest::CollateralCache> collateral;
  std::unique_ptr<attest::Appraiser> appraiser;  ///< null: nothing is quoted, or collateral is off
  std::unique_ptr<service::Service> service;
};

/// Opens the store and builds the rest. Fills what only the running program knows (verifier name and digest, instance).
/// Errors: those of the store and the sandbox; unavailable `data_dir_unusable`.
Result<std::unique_ptr<Wiring>> wire(Config config);

/// What is counted outside the service and the server: store, quotes, collateral.
void write_metrics(const Wiring& wiring, core::MetricsText& out);

/// Null when the configuration says so. Errors: unavailable `audit_failed`.
Result<std::unique_ptr<auth::AuditLog>> open_audit_log(const Config& config);

/// At SIGHUP: takes on the keys that the configuration makes now, opens the audit log anew, and writes down which keys
/// are new, other or gone.
core::awaitable<void> reload(Wiring& wiring, std::vector<store::KeyRow> keys);

/// Checks the engine, removes leftovers, starts the workers. After a failure only `stop` may follow.
core::awaitable<Result<void>> start(Wiring& wiring);
/// Drains the service, then removes what is left in the engine.
core::awaitable<void> stop(Wiring& wiring);

}  // namespace skill_verifier::app
