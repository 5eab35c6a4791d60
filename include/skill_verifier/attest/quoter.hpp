#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/attest/statement.hpp"
#include "skill_verifier/core/async.hpp"

namespace skill_verifier::attest {

using core::awaitable;

/// Quote::tee_type of a quote whose certificate chain ends at Intel's root.
inline constexpr std::string_view kTeeIntelTdx = "intel-tdx";

/// A quote whose report data has been compared with what was asked for.
struct Quote {
  std::string quote_hex;  ///< lower case, without 0x
  std::string event_log;  ///< JSON text as the agent gave it
  std::string vm_config;  ///< as given; may be empty (agents before 0.5.4)
  std::string tee_type;   ///< `intel-tdx`, or `simulated` when the certificate chain does not end at Intel's root
};

/// Who a quote is for, in log lines only.
struct QuoteFor {
  std::string job_id;
  std::string request_id;
};

/// Who turns 64 bytes into a quote: the dstack guest agent, or a fake in tests.
class Quoter {
 public:
  virtual ~Quoter() = default;
  /// Errors: unavailable `quote_unavailable` (no answer, also after trying again) or `agent_error` (the agent refused,
  /// or answered something that is not a quote; its words are in the message), timed_out `quote_timed_out`, cancelled
  /// `cancelled`, overloaded `quote_queue_full`, rejected `quote_mismatch` when the 64 bytes in the quote are not the
  /// ones asked for.
  virtual awaitable<Result<Quote>> quote(ReportData data, QuoteFor whom) = 0;
  /// The agent's /Info answer as JSON text. Unattested: only as good as the channel. One try; errors as for quote().
  virtual awaitable<Result<std::string>> info() = 0;
};

/// The text of app-compose.json in an /Info answer, or nothing where it does not give one.
std::optional<std::string> app_compose_of(std::string_view info);

struct DstackOptions {
  /// Socket path or http(s) URL; empty: DSTACK_SIMULATOR_ENDPOINT, then the four well-known socket paths in order.
  std::string endpoint;
  core::Duration timeout = std::chrono::seconds(30);
  int attempts = 3;                                         ///< tries per quote on passing faults
  core::Duration backoff = std::chrono::milliseconds(200);  ///< doubled after every try
  std::size_t queue = 1024;                                 ///< waiting callers; one more is `overloaded`
};

/// The endpoint that would be used, or nothing where there is no guest agent: `options.endpoint`, else
/// `simulator_endpoint` (the value of DSTACK_SIMULATOR_ENDPOINT, may be null), else the first of the well-known paths
/// beneath `root` that is a socket. What was given by name is not looked at, so that a mistake in it shows.
std::optional<std::string> find_dstack_endpoint(const DstackOptions& options, const char* simulator_endpoint,
                                                const std::filesystem::path& root = "/");

/// Client of the dstack guest agent's GetQuote and Info. The agent serialises quotes and can take a second for each, so
/// they are asked for one at a time, first come first served; a fault that may pass (nobody listens, reset, time-out,
/// 5xx) is tried again before the next caller's turn. Whoever answers on the socket is believed only as far as the
/// quote itself goes.
class DstackQuoter final : public Quoter {
 public:
  /// Throws std::invalid_argument where `endpoint` is not one (net::parse_endpoint).
  DstackQuoter(core::asio::any_io_executor executor, std::string endpoint, DstackOptions options);
  ~DstackQuoter() override;
  awaitable<Result<Quote>> quote(ReportData data, QuoteFor whom) override;
  awaitable<Result<std::string>> info() override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace skill_verifier::attest
