#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/json.hpp"
#include "skill_verifier/core/result.hpp"
#include "skill_verifier/net/http_client.hpp"

namespace skill_verifier::app {

/// Where a service is: scheme, host, port, and the path that a proxy may have put before its routes.
struct ServiceAddress {
  net::Endpoint endpoint;
  std::string prefix;  ///< empty, or `/prefix` without a closing slash
  std::string url;     ///< as a person reads it, without a closing slash
};
/// `http://host[:port][/prefix]`, `https://…`. Errors: invalid_argument `server_invalid`.
Result<ServiceAddress> parse_service_address(const std::string& text);
/// Whether what is sent there leaves this machine unencrypted.
bool is_exposed(const ServiceAddress& address);

/// A refusal as one error: what the service's problem document says, and what to do about it. Anything that is no
/// answer of a skill-verifier is unavailable `not_a_skill_verifier`.
Error refusal_of(const net::Response& answer, const ServiceAddress& address);
/// Seconds of `Retry-After`; nothing where there is none that is a number.
std::optional<std::chrono::seconds> retry_after(const net::Response& answer);

/// What a submission says beside its package.
struct SubmitFields {
  std::string nonce, name, version, filename, content_type;
  std::string idempotency_key;  ///< sending it again under the same key is the same submission
  bool discover = false, private_job = false, fresh = false;
};

/// The service's HTTP API as a client uses it. Nothing that a service answers is believed beyond its form.
class ServiceClient {
 public:
  /// Told about waiting and trying again.
  using Note = std::function<void(const std::string&)>;

  ServiceClient(core::asio::any_io_executor executor, ServiceAddress address, std::optional<std::string> api_key,
                Note note);

  /// POST /verify from the file at `archive`; `sent` hears how many bytes are on their way. Sent again when the
  /// connection was lost before an answer came. The answer has `jobId`. Errors: see refusal_of and net::HttpClient.
  core::awaitable<Result<core::Json>> submit(SubmitFields fields, std::filesystem::path archive,
                                             std::function<void(std::uint64_t)> sent);
  /// GET, with the answer as it came. With `patient`, lost connections and answers that say "later" (429, 502, 503,
  /// 504) are tried again until a minute has passed without any other answer.
  core::awaitable<Result<std::string>> get(std::string target, bool patient);
  /// The same, parsed; an answer that is no JSON object is `not_a_skill_verifier`.
  core::awaitable<Result<core::Json>> get_json(std::string target, bool patient);
  /// GET /verify/{id} until the job is final; `state` hears every answer. `limit` zero: as long as it takes. Errors:
  /// timed_out `wait_timed_out`, and as above.
  core::awaitable<Result<core::Json>> wait(std::string id, core::Duration limit,
                                           std::function<void(const core::Json&)> state);
  core::awaitable<Result<core::Json>> cancel(std::string id);
  /// GET /verify/{id}/logs piece by piece; with `follow` to the job's end, going on behind what was heard already when
  /// the connection was lost.
  core::awaitable<Result<void>> logs(std::string id, bool follow, std::function<void(std::string_view)> piece);

  const ServiceAddress& address() const { return address_; }

 private:
  net::Request request(std::string method, std::string target) const;
  core::awaitable<Result<net::Response>> ask(net::Request request, core::Duration limit, bool patient);
  Error explain(Error error) const;

  ServiceAddress address_;
  std::optional<std::string> api_key_;
  Note note_;
  net::HttpClient http_;
};

bool is_final_status(const core::Json& job);
/// A text member, or nothing where there is none.
std::string text_of(const core::Json& object, const char* name);

}  // namespace skill_verifier::app
