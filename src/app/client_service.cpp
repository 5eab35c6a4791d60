#include "app/client_service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::app {
namespace {

using core::awaitable;
using core::Json;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr auto kPatience = 60s;
constexpr auto kLongestPause = 10s;
constexpr auto kUploadLimit = 10min;
constexpr auto kAnswerLimit = 30s;
constexpr auto kFollowLimit = 24h;
constexpr int kWaitSeconds = 5;  // a change that is no end is not answered before
constexpr int kSubmitAttempts = 3;
constexpr std::size_t kPiece = 64u << 10;
constexpr std::size_t kShown = 500;

bool says_later(int status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

bool is_lost(const Error& error) {
  return error.code == Errc::unavailable || error.code == Errc::timed_out;
}

net::ClientLimits client_limits() {
  net::ClientLimits limits;
  limits.body_bytes = 64u << 20;
  return limits;
}

Errc code_of(int status) {
  switch (status) {
    case 404:
      return Errc::not_found;
    case 409:
      return Errc::conflict;
    case 413:
      return Errc::too_large;
    case 429:
    case 503:
      return Errc::overloaded;
    default:
      return status >= 500 ? Errc::unavailable : Errc::rejected;
  }
}

std::string hint_of(const net::Response& answer, const Json& problem) {
  std::string hint = core::shorten(text_of(problem, "hint"), kShown);
  const auto add = [&hint](std::string_view more) { hint += (hint.empty() ? "" : "; ") + std::string(more); };
  if (answer.status == 401)
    add("give a key that the service knows: SKILL_VERIFIER_API_KEY, SKILL_VERIFIER_API_KEY_FILE or --api-key-file");
  if (answer.status == 403) add("the key lacks the scope for this");
  if (const auto wait = retry_after(answer)) add(fmt::format("try again in {} s", wait->count()));
  return hint;
}

Result<Json> parse_object(const net::Response& answer, const ServiceAddress& address) {
  auto parsed = core::parse_json(answer.body, {64, 64u << 20});
  if (!parsed || !parsed->is_object()) {
    return Error(Errc::unavailable, "not_a_skill_verifier",
                 fmt::format("{} answered {}, but not as a skill-verifier does", address.url, answer.status),
                 "is --server the right address?");
  }
  return parsed;
}

/// Reads an archive piece by piece for an upload.
struct ArchiveSource {
  std::ifstream file;
  std::uint64_t count = 0;
  std::function<void(std::uint64_t)> sent;
};

awaitable<Result<std::string>> next_piece(std::shared_ptr<ArchiveSource> source) {
  std::string piece(kPiece, '\0');
  source->file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
  piece.resize(static_cast<std::size_t>(source->file.gcount()));
  if (source->file.bad()) co_return Error(Errc::internal, "io_error", "the archive cannot be read");
  source->count += piece.size();
  if (source->sent) source->sent(source->count);
  co_return piece;
}

std::string submit_target(const SubmitFields& fields) {
  std::string query;
  const auto add = [&query](std::string_view name, const std::string& value) {
    if (value.empty()) return;
    query += fmt::format("{}{}={}", query.empty() ? '?' : '&', name, net::percent_encode(value));
  };
  add("filename", fields.filename);
  add("nonce", fields.nonce);
  add("name", fields.name);
  add("version", fields.version);
  add("discover", fields.discover ? "true" : "");
  add("visibility", fields.private_job ? "private" : "");
  add("fresh", fields.fresh ? "true" : "");
  return "/verify" + query;
}

}  // namespace

std::string text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool is_final_status(const Json& job) {
  const auto status = text_of(job, "status");
  return status == "completed" || status == "failed" || status == "cancelled";
}

Result<ServiceAddress> parse_service_address(const std::string& text) {
  const auto invalid = [&text](std::string_view why) {
    return Error(Errc::invalid_argument, "server_invalid", fmt::format("server '{}': {}", core::shorten(text), why),
                 "--server takes an address like https://verifier.example.org or http://127.0.0.1:3000");
  };
  if (!text.starts_with("http://") && !text.starts_with("https://"))
    return invalid("begins with neither http:// nor https://");
  const auto authority = text.find("://") + 3;
  const auto slash = std::min(text.find_first_of("/?#", authority), text.size());
  if (text.find('@', authority) < slash) return invalid("a user or password in it would be ignored");
  if (text.find_first_of("?#") != std::string::npos) return invalid("has a query or a fragment");
  auto endpoint = net::parse_endpoint(text.substr(0, slash));
  if (!endpoint) return invalid(endpoint.error().message);
  ServiceAddress address{std::move(*endpoint), text.substr(slash), text};
  while (address.prefix.ends_with('/'))
    address.prefix.pop_back();
  while (address.url.ends_with('/'))
    address.url.pop_back();
  address.url = core::shorten(address.url, 200);
  return address;
}

bool is_exposed(const ServiceAddress& address) {
  const auto& host = address.endpoint.host;
  return address.endpoint.kind == net::Endpoint::Kind::tcp && host != "localhost" && host != "::1" &&
         !host.starts_with("127.");
}

std::optional<std::chrono::seconds> retry_after(const net::Response& answer) {
  const auto text = net::find_header(answer.headers, "Retry-After");
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return std::chrono::seconds(seconds);
}

Error refusal_of(const net::Response& answer, const ServiceAddress& address) {
  if (answer.status >= 300 && answer.status < 400) {
    return Error(Errc::unavailable, "not_a_skill_verifier",
                 fmt::format("{} answered {}: it has moved", address.url, answer.status),
                 "redirects are not followed: give the final address");
  }
  const auto problem = parse_object(answer, address);
  if (!problem || text_of(*problem, "code").empty()) {
    return Error(code_of(answer.status) == Errc::overloaded ? Errc::overloaded : Errc::unavailable,
                 "not_a_skill_verifier",
                 fmt::format("{} answered {}, but not as a skill-verifier does", address.url, answer.status),
                 "is --server the right address? A proxy in front of it may have answered");
  }
  auto detail = text_of(*problem, "detail");
  if (detail.empty()) detail = text_of(*problem, "error");
  return Error(code_of(answer.status), core::shorten(text_of(*problem, "code")),
               fmt::format("refused ({}): {}", answer.status, core::shorten(detail, kShown)),
               hint_of(answer, *problem));
}

ServiceClient::ServiceClient(core::asio::any_io_executor executor, ServiceAddress address,
                             std::optional<std::string> api_key, Note note)
    : address_(std::move(address)),
      api_key_(std::move(api_key)),
      note_(std::move(note)),
      http_(std::move(executor), address_.endpoint, client_limits()) {}

net::Request ServiceClient::request(std::string method, std::string target) const {
  net::Request request;
  request.method = std::move(method);
  request.target = address_.prefix + target;
  request.headers = {{"Accept", "application/json, text/plain"}, {"User-Agent", "skill-verifier"}};
  if (api_key_) request.headers.emplace_back("Authorization", "Bearer " + *api_key_);
  return request;
}

Error ServiceClient::explain(Error error) const {
  const bool tls = address_.endpoint.kind == net::Endpoint::Kind::tls;
  if (error.hint.empty() && error.id == "connect_failed") {
    error.hint = tls ? "is the service up, is it served by https, and is its certificate known to this system?"
                     : "is the service up? --server or SKILL_VERIFIER_SERVER names another";
  } else if (error.hint.empty() && (error.id == "response_invalid" || error.id == "connection_lost") && !tls) {
    error.hint = "is this a skill-verifier, and is it served by http, not https?";
  }
  return core::with_context(std::move(error), address_.url);
}

awaitable<Result<net::Response>> ServiceClient::ask(net::Request request, core::Duration limit, bool patient) {
  const auto begun = steady_clock::now();
  core::Duration pause = 500ms;
  while (true) {
    net::Request copy = request;
    auto answer = co_await http_.send(std::move(copy), limit);
    const bool later = answer ? says_later(answer->status) : is_lost(answer.error());
    if (!later || !patient || steady_clock::now() - begun > kPatience) {
      if (!answer) co_return explain(std::move(answer).error());
      co_return answer;
    }
    core::Duration next = pause;
    if (answer) {
      if (const auto demanded = retry_after(*answer)) next = std::max<core::Duration>(next, *demanded);
      if (next > kPatience) co_return answer;
      note_(fmt::format("the service answered {}, trying again", answer->status));
    } else {
      note_("connection lost, trying again");
    }
    const bool slept = co_await core::sleep_for(next);
    if (!slept) co_return Error(Errc::cancelled, "cancelled");
    pause = std::min<core::Duration>(2 * pause, kLongestPause);
  }
}

awaitable<Result<std::string>> ServiceClient::get(std::string target, bool patient) {
  auto question = request("GET", std::move(target));
  auto answer = co_await ask(std::move(question), kAnswerLimit, patient);
  if (!answer) co_return std::move(answer).error();
  if (answer->status != 200) co_return refusal_of(*answer, address_);
  co_return std::move(answer->body);
}

awaitable<Result<Json>> ServiceClient::get_json(std::string target, bool patient) {
  auto body = co_await get(std::move(target), patient);
  if (!body) co_return std::move(body).error();
  net::Response answer;
  answer.status = 200;
  answer.body = std::move(*body);
  co_return parse_object(answer, address_);
}

awaitable<Result<Json>> ServiceClient::submit(SubmitFields fields, std::filesystem::path archive,
                                              std::function<void(std::uint64_t)> sent) {
  for (int attempt = 1;; ++attempt) {
    auto question = request("POST", submit_target(fields));
    question.headers.emplace_back("Content-Type", fields.content_type);
    question.headers.emplace_back("Idempotency-Key", fields.idempotency_key);
    auto source = std::make_shared<ArchiveSource>(ArchiveSource{std::ifstream(archive, std::ios::binary), 0, sent});
    if (!source->file) co_return Error(Errc::not_found, "input_unreadable", "the archive cannot be read");
    std::function<awaitable<Result<std::string>>()> pieces = [source] { return next_piece(source); };
    auto answer = co_await http_.send_upload(std::move(question), kUploadLimit, std::move(pieces));
    // Whether the service had it is unknown then; the key makes the second time the same submission.
    const bool lost = !answer && answer.error().id == "connection_lost";
    const bool in_flight = answer && answer->status == 409;
    if ((lost || in_flight) && attempt < kSubmitAttempts) {
      note_(lost ? "connection lost, sending again" : "still being received, asking again");
      const bool slept = co_await core::sleep_for(1s);
      if (!slept) co_return Error(Errc::cancelled, "cancelled");
      continue;
    }
    if (!answer) co_return explain(std::move(answer).error());
    if (answer->status != 202 && answer->status != 200) co_return refusal_of(*answer, address_);
    co_return parse_object(*answer, address_);
  }
}

awaitable<Result<Json>> ServiceClient::wait(std::string id, core::Duration limit,
                                            std::function<void(const Json&)> state) {
  const auto end = steady_clock::now() + limit;
  for (bool first = true;; first = false) {
    std::int64_t seconds = first ? 0 : kWaitSeconds;
    if (limit != core::Duration::zero()) {
      const auto left = std::chrono::ceil<std::chrono::seconds>(end - steady_clock::now()).count();
      if (left <= 0)
        co_return Error(Errc::timed_out, "wait_timed_out", "job " + id + " has not ended within --timeout",
                        "it goes on: skill-verifier status --wait " + id);
      seconds = std::min<std::int64_t>(seconds, left);
    }
    auto job = co_await get_json(fmt::format("/verify/{}?wait={}", id, seconds), true);
    if (!job) co_return job;
    if (text_of(*job, "status").empty())
      co_return Error(Errc::unavailable, "not_a_skill_verifier",
                      address_.url + " does not say what state the job is in");
    state(*job);
    if (is_final_status(*job)) co_return job;
  }
}

awaitable<Result<Json>> ServiceClient::cancel(std::string id) {
  auto question = request("DELETE", "/verify/" + id);
  auto answer = co_await ask(std::move(question), 60s, false);
  if (!answer) co_return std::move(answer).error();
  if (answer->status != 200) co_return refusal_of(*answer, address_);
  co_return parse_object(*answer, address_);
}

awaitable<Result<void>> ServiceClient::logs(std::string id, bool follow, std::function<void(std::string_view)> piece) {
  std::uint64_t heard = 0;
  auto quiet_since = steady_clock::now();
  while (true) {
    auto question = request("GET", fmt::format("/verify/{}/logs?follow={}", id, follow ? "true" : "false"));
    std::uint64_t place = 0;
    std::function<bool(std::string_view)> take = [&](std::string_view text) {
      const auto known = static_cast<std::size_t>(std::min<std::uint64_t>(heard - std::min(heard, place), text.size()));
      place += text.size();
      heard = std::max(heard, place);
      quiet_since = steady_clock::now();
      if (known < text.size()) piece(text.substr(known));
      return true;
    };
    auto answer = co_await http_.send_streaming(std::move(question), kFollowLimit, std::move(take));
    if (answer && answer->status == 200) co_return Result<void>();
    const bool later = answer ? says_later(answer->status) : is_lost(answer.error());
    const bool again = follow && heard > 0 && later && steady_clock::now() - quiet_since < kPatience;
    if (!again && !answer) co_return explain(std::move(answer).error());
    if (!again) co_return refusal_of(*answer, address_);
    note_("connection lost, trying again");
    const bool slept = co_await core::sleep_for(1s);
    if (!slept) co_return Error(Errc::cancelled, "cancelled");
  }
}

}  // namespace skill_verifier::app
