#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "app/config.hpp"

namespace skill_verifier::app {

/// Everything that a running program consists of, built top to bottom and destroyed backwards.
struct Wiring {
  boost::asio::io_context io{1};
  core::SystemClock clock;
  core::WorkPool pool{4};
  std::unique_ptr<store::JobStore> store;
  std::unique_ptr<auth::KeyRing> keys;
  std::unique_ptr<auth::AuditLog> audit;  ///< null: off
  std::unique_ptr<sandbox::Sandbox> sandbox;
  std::unique_ptr<attest::Quoter> quoter;  ///< null: no guest agent here
  std::unique_ptr<attest::CollateralClient> collateral_client;
  std::unique_ptr<attest::CollateralCache> collateral;
  std::unique_ptr<attest::Appraiser> appraiser;  ///< null: nothing is quoted, or collateral is off
  std::unique_ptr<service::Service> service;
};

/// Opens the store and builds the rest. Fills what only the running program knows (verifier name and digest, instance).
/// Errors: those of the store and the sandbox; unavailable `data_dir_unusable`.
Result<std::unique_ptr<Wiring>> wire(Config config);

/// Null when the configuration says so. Errors: unavailable `audit_failed`.
Result<std::unique_ptr<auth::AuditLog>> open_audit_log(const Config& config);

/// Checks the engine, removes leftovers, starts the workers. After a failure only `stop` may follow.
core::awaitable<Result<void>> start(Wiring& wiring);
/// Drains the service, then removes what is left in the engine.
core::awaitable<void> stop(Wiring& wiring);

}  // namespace skill_verifier::app
