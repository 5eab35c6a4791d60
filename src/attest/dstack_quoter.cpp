#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "skill_verifier/attest/quoter.hpp"
#include "skill_verifier/core/json.hpp"
#include "skill_verifier/core/log.hpp"
#include "skill_verifier/dcap/quote.hpp"
#include "skill_verifier/net/http_client.hpp"

namespace skill_verifier::attest {
namespace {

/// In the order in which dstack's own clients look.
constexpr std::string_view kSocketPaths[] = {"var/run/dstack.sock", "run/dstack.sock", "var/run/dstack/dstack.sock",
                                             "run/dstack/dstack.sock"};
constexpr std::size_t kMaxAnswerBytes = 4u << 20;
constexpr std::size_t kMaxAgentWords = 200;
constexpr std::string_view kTeeSimulated = "simulated";

Error agent_error(std::string message) {
  return Error{Errc::unavailable, "agent_error", "guest agent: " + std::move(message)};
}

/// The client's words, under the ids that Quoter promises.
Error transport_error(const Error& error) {
  if (error.code == Errc::cancelled) return Error{Errc::cancelled, "the quote was cancelled"};
  if (error.code == Errc::timed_out) return Error{Errc::timed_out, "quote_timed_out", "guest agent: " + error.message};
  if (error.code == Errc::too_large) return agent_error(error.message);
  return Error{Errc::unavailable, "quote_unavailable", "guest agent: " + error.message,
               "check that the dstack socket is mounted and that the guest agent runs"};
}

bool may_pass(const Error& error) {
  return error.id == "quote_unavailable" || error.id == "quote_timed_out";
}

/// The query makes the agent answer in JSON also where it fails before it has looked at the content type.
net::Request make_request(std::string_view method, std::string body) {
  net::Request request;
  request.method = "POST";
  request.target = fmt::format("/{}?json", method);
  request.headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}};
  request.body = std::move(body);
  return request;
}

std::string agent_words(const net::Response& response) {
  const auto json = core::parse_json(response.body);
  if (json && json->is_object() && json->contains("error") && (*json)["error"].is_string()) {
    return core::shorten((*json)["error"].get_ref<const std::string&>(), kMaxAgentWords);
  }
  return core::shorten(response.body, kMaxAgentWords);
}

/// An answer's JSON object, or the error that it stands for.
Result<core::Json> parse_answer(std::string_view method, const net::Response& response) {
  // The agent answers 400 to every failure of its own, a quote device that is busy among them; only what it says of the
  // request itself will not pass.
  const bool about_request = response.body.find("too long") != std::string::npos;
  if (response.status >= 500 || (response.status == 400 && method == "GetQuote" && !about_request)) {
    return Error{Errc::unavailable, "quote_unavailable",
                 fmt::format("guest agent: {} answered {}: {}", method, response.status, agent_words(response))};
  }
  if (response.status != 200) {
    return agent_error(fmt::format("{} answered {}: {}", method, response.status, agent_words(response)));
  }
  auto json = core::parse_json(response.body);
  if (!json) return agent_error(fmt::format("{} answered {}", method, json.error().message));
  if (!json->is_object()) return agent_error(fmt::format("{} answered JSON that is not an object", method));
  if (json->contains("error")) return agent_error(fmt::format("{} answered: {}", method, agent_words(response)));
  return json;
}

Result<std::string> text_member(const core::Json& answer, const char* name) {
  const auto member = answer.find(name);
  if (member == answer.end()) return agent_error(fmt::format("GetQuote answered no '{}'", name));
  if (!member->is_string()) return agent_error(fmt::format("GetQuote answered a '{}' that is not a string", name));
  return member->get<std::string>();
}

Error mismatch_error(const ReportData& asked, const ReportData& quoted) {
  const bool zero = quoted == ReportData{};
  return Error{Errc::rejected, "quote_mismatch",
               fmt::format("report data in the quote is {}, asked for {}", core::to_hex(quoted), core::to_hex(asked)),
               zero ? "the agent quoted zero bytes: it did not understand the request's report_data" : ""};
}

Result<Quote> parse_quote_answer(const net::Response& response, const ReportData& asked) {
  SKILL_VERIFIER_TRY(const auto answer, parse_answer("GetQuote", response));
  SKILL_VERIFIER_TRY(const auto quote_text, text_member(answer, "quote"));
  SKILL_VERIFIER_TRY(auto event_log, text_member(answer, "event_log"));
  std::string vm_config;
  if (answer.contains("vm_config")) {
    SKILL_VERIFIER_TRY(vm_config, text_member(answer, "vm_config"));
  }
  const auto bytes = core::parse_hex(quote_text);
  if (!bytes) return agent_error("the quote is " + bytes.error().message);
  const auto summary = dcap::summarize_quote(*bytes);
  if (!summary) return agent_error("the quote is malformed: " + summary.error().message);
  if (summary->report_data != asked) return mismatch_error(asked, summary->report_data);
  const bool intel = summary->root_certificate_sha256 == dcap::intel_root_sha256();
  return Quote{.quote_hex = core::to_hex(*bytes),
               .event_log = std::move(event_log),
               .vm_config = std::move(vm_config),
               .tee_type = std::string(intel ? kTeeIntelTdx : kTeeSimulated)};
}

net::Endpoint require_endpoint(const std::string& text) {
  auto endpoint = net::parse_endpoint(text);
  if (!endpoint) throw std::invalid_argument("dstack endpoint: " + endpoint.error().message);
  return std::move(*endpoint);
}

net::ClientLimits client_limits(const DstackOptions& options) {
  net::ClientLimits limits;
  limits.request = options.timeout;
  limits.body_bytes = kMaxAnswerBytes;
  limits.idle_connections = 1;
  return limits;
}

}  // namespace

std::optional<std::string> find_dstack_endpoint(const DstackOptions& options, const char* simulator_endpoint,
                                                const std::filesystem::path& root) {
  if (!options.endpoint.empty()) return options.endpoint;
  if (simulator_endpoint != nullptr && *simulator_endpoint != '\0') return std::string(simulator_endpoint);
  for (const auto path : kSocketPaths) {
    std::error_code ignored;
    const auto candidate = root / path;
    if (std::filesystem::is_socket(candidate, ignored)) return candidate.string();
  }
  return std::nullopt;
}

std::optional<std::string> app_compose_of(std::string_view info) {
  const auto answer = core::parse_json(info);
  if (!answer || !answer->is_object() || !answer->contains("tcb_info") || !(*answer)["tcb_info"].is_string())
    return std::nullopt;
  const auto tcb_info = core::parse_json((*answer)["tcb_info"].get_ref<const std::string&>());
  if (!tcb_info || !tcb_info->is_object() || !tcb_info->contains("app_compose")) return std::nullopt;
  const auto& compose = (*tcb_info)["app_compose"];
  if (!compose.is_string() || compose.get_ref<const std::string&>().empty()) return std::nullopt;
  return compose.get<std::string>();
}

struct DstackQuoter::Impl {
  Impl(core::asio::any_io_executor executor, const std::string& endpoint, DstackOptions options)
      : options(std::move(options)),
        client(executor, require_endpoint(endpoint), client_limits(this->options)),
        turn(executor, 1) {}

  awaitable<Result<Quote>> try_once(net::Request request, ReportData data);
  awaitable<Result<Quote>> try_until(ReportData data, QuoteFor whom);

  DstackOptions options;
  net::HttpClient client;
  core::Semaphore turn;
  std::size_t waiting = 0;
};

DstackQuoter::DstackQuoter(core::asio::any_io_executor executor, std::string endpoint, DstackOptions options)
    : impl_(std::make_unique<Impl>(std::move(executor), endpoint, std::move(options))) {}
DstackQuoter::~DstackQuoter() = default;

awaitable<Result<Quote>> DstackQuoter::Impl::try_once(net::Request request, ReportData data) {
  auto response = co_await client.send(std::move(request));
  if (!response) co_return transport_error(response.error());
  co_return parse_quote_answer(*response, data);
}

awaitable<Result<Quote>> DstackQuoter::Impl::try_until(ReportData data, QuoteFor whom) {
  const auto body = core::dump_json(core::Json{{"report_data", core::to_hex(data)}});
  auto pause = options.backoff;
  for (int attempt = 1;; ++attempt, pause *= 2) {
    auto request = make_request("GetQuote", body);
    auto quote = co_await try_once(std::move(request), data);
    if (quote || !may_pass(quote.error()) || attempt >= options.attempts) co_return quote;
    log::warn(
        "quote failed, trying again",
        {{"job", whom.job_id}, {"request", whom.request_id}, {"attempt", attempt}, {"reason", quote.error().message}});
    const bool slept = co_await core::sleep_for(pause);
    if (!slept) co_return Error{Errc::cancelled, "the quote was cancelled"};
  }
}

awaitable<Result<Quote>> DstackQuoter::quote(ReportData data, QuoteFor whom) {
  auto& impl = *impl_;
  if (impl.waiting > impl.options.queue) {
    co_return Error{Errc::overloaded, "quote_queue_full",
                    fmt::format("{} callers wait for a quote, the limit is {}", impl.waiting - 1, impl.options.queue)};
  }
  ++impl.waiting;
  const auto permit = co_await impl.turn.acquire();
  if (!permit) {
    --impl.waiting;
    co_return Error{Errc::cancelled, "the quote was cancelled"};
  }
  auto quote = co_await impl.try_until(data, std::move(whom));
  --impl.waiting;
  co_return quote;
}

awaitable<Result<std::string>> DstackQuoter::info() {
  auto request = make_request("Info", "{}");
  auto response = co_await impl_->client.send(std::move(request));
  if (!response) co_return transport_error(response.error());
  auto answer = parse_answer("Info", *response);
  if (!answer) co_return answer.error();
  co_return std::move(response->body);
}

}  // namespace skill_verifier::attest
