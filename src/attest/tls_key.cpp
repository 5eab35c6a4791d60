#include "skill_verifier/attest/tls_key.hpp"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/json.hpp"
#include "skill_verifier/net/http_client.hpp"

namespace skill_verifier::attest {
namespace {

using core::Json;

constexpr std::size_t kMaxAnswerBytes = 1u << 20;

Error unavailable(std::string message) {
  return Error{Errc::unavailable, "tls_key_unavailable", "guest agent: " + std::move(message),
               "check that the dstack socket is mounted and that the guest agent runs, or name certificate files"};
}

net::Request request_of(const TlsKeyRequest& wanted) {
  net::Request request;
  request.method = "POST";
  request.target = "/GetTlsKey?json";
  request.headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}};
  request.body = core::dump_json(Json{{"subject", wanted.subject},
                                      {"alt_names", wanted.names},
                                      {"usage_ra_tls", true},
                                      {"usage_server_auth", true},
                                      {"usage_client_auth", false}});
  return request;
}

/// The answer holds the private key: no part of it goes into a message.
Result<TlsKey> parse_answer(const net::Response& response) {
  if (response.status != 200) return unavailable(fmt::format("GetTlsKey answered {}", response.status));
  const auto answer = core::parse_json(response.body);
  if (!answer || !answer->is_object()) return unavailable("GetTlsKey answered no JSON object");
  const auto key = answer->find("key"), chain = answer->find("certificate_chain");
  if (key == answer->end() || !key->is_string() || chain == answer->end() || !chain->is_array())
    return unavailable("GetTlsKey answered without key and certificate_chain");
  TlsKey made;
  made.key = key->get<std::string>();
  for (const Json& certificate : *chain) {
    if (!certificate.is_string()) return unavailable("GetTlsKey answered a certificate that is no text");
    made.certificates += certificate.get_ref<const std::string&>();
    if (!made.certificates.ends_with('\n')) made.certificates += '\n';
  }
  return made;
}

}  // namespace

awaitable<Result<TlsKey>> request_tls_key(core::asio::any_io_executor executor, TlsKeyRequest request) {
  auto endpoint = net::parse_endpoint(request.endpoint);
  if (!endpoint) co_return unavailable(endpoint.error().message);
  net::ClientLimits limits;
  limits.request = request.timeout;
  limits.body_bytes = kMaxAnswerBytes;
  limits.idle_connections = 0;
  net::HttpClient client(std::move(executor), std::move(*endpoint), limits);
  net::Request asked = request_of(request);
  const auto response = co_await client.send(std::move(asked));
  if (response) co_return parse_answer(*response);
  const Error& error = response.error();
  if (error.code == Errc::cancelled) co_return error;
  if (error.code == Errc::timed_out)
    co_return Error{Errc::timed_out, "tls_key_timed_out", "guest agent: " + error.message};
  co_return unavailable(error.message);
}

}  // namespace skill_verifier::attest
