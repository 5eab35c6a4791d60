#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "skill_verifier/attest/merkle.hpp"
#include "skill_verifier/attest/quoter.hpp"
#include "skill_verifier/attest/service_document.hpp"
#include "skill_verifier/core/clock.hpp"

namespace skill_verifier::attest {

/// A service document and the quote that speaks for it: one for all callers of a batch.
struct ServiceQuote {
  std::string document;        ///< canonical bytes
  std::optional<Quote> quote;  ///< absent where there is no guest agent, or it gave none
  std::string note;            ///< why there is no quote
  core::Time at{};             ///< when it was quoted
};

/// Where a caller's nonce stands beneath the document's nonceRoot.
struct NonceProof {
  std::string nonce;
  std::uint64_t index = 0;
  std::uint64_t tree_size = 0;
  std::vector<MerkleHash> path;
};

struct ServiceAnswer {
  std::shared_ptr<const ServiceQuote> quote;
  std::optional<NonceProof> proof;  ///< absent for a caller without a nonce
};

struct ServiceAttestorOptions {
  bool required = false;                                   ///< no quote is an error, not a document without one
  std::size_t batch = 1024;                                ///< callers that share a quote; more form further batches
  std::size_t waiting = 8192;                              ///< callers in all batches; one more is `overloaded`
  core::Duration gather = std::chrono::milliseconds(100);  ///< a first caller waits that long for others
  core::Duration pace = std::chrono::seconds(1);           ///< between the beginnings of two quotes
  core::Duration reuse = std::chrono::minutes(1);          ///< a caller without a nonce may get a document of that age
  core::Duration wait = std::chrono::minutes(2);           ///< of one caller
};

/// Quotes the service document for anyone who asks, at a price that does not depend on how many ask: at most one quote
/// is in flight, whoever comes meanwhile shares the next one, and quotes begin no faster than ServiceAttestorOptions::
/// pace. One thread. `quoter` may be null.
class ServiceAttestor {
 public:
  /// The document of this moment; its nonceRoot is filled in here.
  using Describe = std::function<awaitable<Result<ServiceDocument>>()>;

  /// What is handed in outlives the attestor.
  ServiceAttestor(core::asio::any_io_executor executor, const core::Clock& clock, Quoter* quoter, Describe describe,
                  ServiceAttestorOptions options);
  ~ServiceAttestor();
  ServiceAttestor(const ServiceAttestor&) = delete;
  ServiceAttestor& operator=(const ServiceAttestor&) = delete;

  /// A caller that is cancelled leaves its nonce in the tree and the others undisturbed. Errors: invalid_argument
  /// `nonce_invalid`, overloaded `attestation_queue_full`, timed_out `attestation_timed_out`, cancelled, unavailable
  /// `draining` after stop, unavailable `attestation_unavailable` (only where a quote is required), those of Describe.
  awaitable<Result<ServiceAnswer>> attest(std::optional<std::string> nonce);
  /// Ends what is in flight; every caller gets `draining`. Must have been called before the destructor.
  awaitable<void> stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace skill_verifier::attest
