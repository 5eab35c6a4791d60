#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "skill_verifier/attest/statement.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/json.hpp"
#include "skill_verifier/core/sha2.hpp"
#include "skill_verifier/service/webhooks.hpp"

namespace skill_verifier::service {
namespace {

using core::OrderedJson;

constexpr std::string_view kSecretPrefix = "whsec_";
constexpr std::size_t kMaxSecrets = 2;
// As the specification has it.
constexpr std::size_t kLeastSecretBytes = 24, kMostSecretBytes = 64;
/// A result holds two outputs, every byte of which may be escaped.
constexpr core::JsonLimits kResultLimits{64, std::size_t{256} << 20};

Error secret_invalid(std::string why) {
  return Error{Errc::invalid_argument, "webhook_secret_invalid", "the webhook's secret " + std::move(why),
               "make one with: echo whsec_$(head -c 32 /dev/urandom | base64)"};
}

Result<Bytes> parse_secret(std::string_view text) {
  if (!text.starts_with(kSecretPrefix)) return secret_invalid("does not begin with whsec_");
  const auto bytes = core::parse_base64(text.substr(kSecretPrefix.size()));
  if (!bytes) return secret_invalid("is not whsec_ and base64");
  if (bytes->size() < kLeastSecretBytes || bytes->size() > kMostSecretBytes)
    return secret_invalid(
        fmt::format("has {} bytes, permitted are {} to {}", bytes->size(), kLeastSecretBytes, kMostSecretBytes));
  return *bytes;
}

OrderedJson time_or_null(const std::optional<core::Time>& time) {
  if (!time) return nullptr;
  return core::to_rfc3339(*time);
}

/// `result.passed` of a stored result: true, false, or null where nothing was tested.
OrderedJson passed_of(const std::string& result) {
  const auto parsed = core::parse_json(result, kResultLimits);
  if (!parsed || !parsed->is_object()) return nullptr;
  const auto outcome = parsed->find("result");
  if (outcome == parsed->end() || !outcome->is_object() || !outcome->contains("passed")) return nullptr;
  const auto& passed = (*outcome)["passed"];
  return passed.is_boolean() ? OrderedJson(passed.get<bool>()) : OrderedJson(nullptr);
}

std::string_view verdict_name(const OrderedJson& passed) {
  if (passed.is_null()) return "untested";
  return passed.get<bool>() ? "passed" : "failed";
}

void add_failure(OrderedJson& data, const std::string& error) {
  const auto parsed = core::parse_json(error);
  if (!parsed || !parsed->is_object()) return;
  for (const char* name : {"code", "message"})
    if (parsed->contains(name) && (*parsed)[name].is_string()) data["error"][name] = (*parsed)[name].get<std::string>();
}

}  // namespace

Result<std::vector<Bytes>> parse_webhook_secrets(std::string_view text) {
  std::vector<Bytes> secrets;
  while (true) {
    const auto space = text.find(' ');
    if (secrets.size() == kMaxSecrets) return secret_invalid(fmt::format("is more than {} secrets", kMaxSecrets));
    SKILL_VERIFIER_TRY(Bytes secret, parse_secret(text.substr(0, space)));
    secrets.push_back(std::move(secret));
    if (space == std::string_view::npos) return secrets;
    text.remove_prefix(space + 1);
  }
}

std::string sign_webhook(const std::vector<Bytes>& secrets, std::string_view id, std::int64_t timestamp,
                         std::string_view payload) {
  const std::string text = fmt::format("{}.{}.{}", id, timestamp, payload);
  std::string signatures;
  for (const Bytes& secret : secrets) {
    if (!signatures.empty()) signatures += ' ';
    signatures += "v1," + core::to_base64(core::hmac_sha256(secret, core::as_bytes(text)));
  }
  return signatures;
}

std::string webhook_payload(std::string_view event, const store::Job& job) {
  OrderedJson data{{"jobId", job.id},
                   {"status", store::to_string(job.state)},
                   {"skillId", job.skill_id},
                   {"attempt", job.attempt},
                   {"createdAt", core::to_rfc3339(job.created_at)},
                   {"startedAt", time_or_null(job.started_at)},
                   {"completedAt", time_or_null(job.completed_at)},
                   {"statusUrl", "/verify/" + job.id}};
  if (job.state == store::JobState::completed) {
    const OrderedJson passed = passed_of(job.result);
    data["passed"] = passed;
    data["verdict"] = verdict_name(passed);
    data["resultHash"] = attest::result_hash(job.statement);
    data["attestationUrl"] = "/verify/" + job.id + "/attestation";
  }
  if (!job.error.empty()) add_failure(data, job.error);
  const auto when = job.completed_at ? *job.completed_at : job.started_at.value_or(job.created_at);
  return core::dump_json(OrderedJson{{"type", event}, {"timestamp", core::to_rfc3339(when)}, {"data", data}});
}

Result<store::OutboxRules> outbox_rules(const WebhookOptions& options) {
  store::OutboxRules rules;
  for (const std::string& url : options.endpoints) {
    SKILL_VERIFIER_TRY(auto webhook, parse_webhook(url, options));
    rules.endpoints.push_back(std::move(webhook));
  }
  for (const std::string& secret : options.secrets)
    SKILL_VERIFIER_TRY_VOID(parse_webhook_secrets(secret));
  if (options.secrets.size() > kMaxSecrets) return secret_invalid(fmt::format("is more than {} secrets", kMaxSecrets));
  if (!rules.endpoints.empty() && options.secrets.empty())
    return Error{Errc::invalid_argument, "webhook_secret_missing", "endpoints are named, but no secret to sign with",
                 "make one with: echo whsec_$(head -c 32 /dev/urandom | base64)"};
  rules.payload = webhook_payload;
  return rules;
}

std::optional<std::chrono::milliseconds> pause_after(const RetrySchedule& schedule, int attempts, double random) {
  using std::chrono::milliseconds;
  milliseconds elapsed{0}, pause = std::min(schedule.first, schedule.longest);
  for (int made = 1; made < attempts && elapsed < schedule.give_up; ++made) {
    elapsed += pause;
    pause = std::min(2 * pause, schedule.longest);
  }
  if (elapsed >= schedule.give_up) return std::nullopt;
  pause = std::min(pause, schedule.give_up - elapsed);
  return milliseconds(static_cast<milliseconds::rep>(static_cast<double>(pause.count()) * (0.8 + 0.4 * random)));
}

}  // namespace skill_verifier::service
