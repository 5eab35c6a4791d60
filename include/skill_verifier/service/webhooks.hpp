#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/clock.hpp"
#include "skill_verifier/net/address_rules.hpp"
#include "skill_verifier/net/http_client.hpp"
#include "skill_verifier/store/job_store.hpp"

/// Messages about jobs, as Standard Webhooks 1.0.0 has them (standardwebhooks.com): what is decided is pure and here.
namespace skill_verifier::service {

/// When a delivery is tried. Counted in attempts, not by the clock, so that a clock which jumps neither ends a delivery
/// early nor keeps it for ever.
struct RetrySchedule {
  std::chrono::milliseconds first = std::chrono::seconds(5);  ///< after the first attempt; doubled after every other
  std::chrono::milliseconds longest = std::chrono::hours(4);
  std::chrono::milliseconds give_up = std::chrono::hours(24);  ///< after the first attempt, the last one is made
};

/// How long to wait after that many failed attempts (one or more): the schedule's pause times 0.8 to 1.2, where
/// `random` is from [0, 1). Nothing when the last attempt has been made.
std::optional<std::chrono::milliseconds> pause_after(const RetrySchedule& schedule, int attempts, double random);

struct PortRange {
  std::uint16_t first = 0, last = 0;
};
/// `443` or `8000-8999`. Errors: invalid_argument `port_range_invalid`.
Result<PortRange> parse_port_range(std::string_view text);

struct WebhookOptions {
  bool submissions = true;             ///< whether a submission may name a webhook
  std::vector<std::string> endpoints;  ///< URLs that are told about every job
  /// `whsec_…`: sign what has no secret of its own. The first is the newest; all of them sign, so that a receiver can
  /// change over at any moment in between.
  std::vector<std::string> secrets;
  std::vector<PortRange> ports = {{80, 80}, {443, 443}, {8080, 8080}, {8443, 8443}};
  net::AddressRules addresses;
  core::Duration timeout = std::chrono::seconds(10);  ///< of one attempt, from the first byte sent to the answer's head
  std::size_t concurrent = 32;                        ///< attempts at once
  std::size_t per_host = 4;                           ///< of them to one host
  RetrySchedule retry;
  std::chrono::seconds keep = std::chrono::days(30);  ///< ended deliveries, dead ones included
};

/// A URL that messages may be sent to, by what can be known without asking the name service: http or https, a host,
/// a permitted port, at most 2,048 printable ASCII characters, without user name, password or fragment; an address in
/// it must be one that is connected to. Errors: invalid_argument `webhook_invalid`, which holds nothing of path or
/// query.
Result<store::Webhook> parse_webhook(std::string_view url, const WebhookOptions& options);
/// Where a message for such a URL goes: the endpoint and the request's target.
Result<std::pair<net::Endpoint, std::string>> webhook_endpoint(std::string_view url);
/// `https://host:port` of such a URL: the rest may hold a token, so only this is shown.
std::string webhook_origin(std::string_view url);

/// One or two `whsec_` secrets separated by a space: base64 of 24 to 64 bytes. Errors: invalid_argument
/// `webhook_secret_invalid`, without the text.
Result<std::vector<Bytes>> parse_webhook_secrets(std::string_view text);
/// Value of `webhook-signature`: `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.payload`, once for each secret.
std::string sign_webhook(const std::vector<Bytes>& secrets, std::string_view id, std::int64_t timestamp,
                         std::string_view payload);

/// Body of a message: {type, timestamp, data}. It says what became of the job and where the proof is.
std::string webhook_payload(std::string_view event, const store::Job& job);
/// What a store needs to write messages. Errors: those of parse_webhook and parse_webhook_secrets for what the options
/// name; invalid_argument `webhook_secret_missing` for endpoints without any secret.
Result<store::OutboxRules> outbox_rules(const WebhookOptions& options);

}  // namespace skill_verifier::service
