#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "skill_verifier/core/clock.hpp"
#include "skill_verifier/core/result.hpp"

namespace dstack_simulator {

struct AgentOptions {
  std::string app_compose;        ///< text of app-compose.json
  int fail_quotes = 0;            ///< so many GetQuote calls answer 503 first
  bool zero_report_data = false;  ///< quotes speak for 64 zero bytes, whatever was asked for
};

struct AgentRequest {
  std::string method;
  std::string target;  ///< path and query
  std::string content_type;
  std::string body;
};

struct AgentResponse {
  int status = 200;
  std::string content_type;
  std::string body;
};

/// The guest agent's `dstack.sock` API in JSON (protobuf is not spoken): GetQuote, Info, GetKey, GetTlsKey, Sign,
/// Verify, Version. Certificates of quotes and of TLS keys are new with every instance; the keys of GetKey and Sign are
/// the same for the same app compose.
class Agent {
 public:
  Agent(AgentOptions options, const skill_verifier::core::Clock& clock);
  ~Agent();

  AgentResponse handle(const AgentRequest& request);
  /// Whether the target asks for a quote: quotes come one at a time and take their time.
  static bool is_quote(std::string_view target);

  /// The root that the quotes' certificates end at.
  std::string root_certificate_pem() const;
  /// For those who check the quotes: collateral (QuoteCollateralV3), measurements and app compose, JSON texts.
  std::string collateral() const;
  std::string measurements() const;
  const std::string& app_compose() const;
  /// Compressed secp256k1 key that signature chains end at, lower-case hex.
  std::string kms_root_public_key() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dstack_simulator
