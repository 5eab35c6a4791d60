#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/result.hpp"
#include "skill_verifier/net/address_rules.hpp"

namespace skill_verifier::net {

using core::awaitable;
using core::Duration;

/// Where an HTTP/1.1 server listens.
struct Endpoint {
  enum class Kind { unix_socket, tcp, tls };
  Kind kind = Kind::unix_socket;
  std::string host;  ///< socket path, or host name or address
  std::uint16_t port = 0;
};
/// `unix:///path`, `/path`, `tcp://host:port`, `http://host[:port]`, `https://host[:port]`; an IPv6 address stands in
/// brackets; one closing slash is allowed. Errors: invalid_argument `endpoint_invalid`.
Result<Endpoint> parse_endpoint(std::string_view url);
/// In the form that parse_endpoint takes. Holds a path of this host for a Unix socket: for logs, not for messages.
std::string to_string(const Endpoint& endpoint);

using Headers = std::vector<std::pair<std::string, std::string>>;
/// Value of the first header of that name (ASCII case ignored), or an empty text.
std::string_view find_header(const Headers& headers, std::string_view name);

struct Request {
  std::string method = "GET";
  std::string target = "/";  ///< path and query, already percent-encoded
  Headers headers;           ///< Connection and Content-Length are added, and Host unless it is here
  std::string body;
};

struct Response {
  int status = 0;
  Headers headers;
  std::string body;
};

struct ClientLimits {
  Duration connect = std::chrono::seconds(5);
  Duration request = std::chrono::seconds(30);  ///< from the first byte sent to the last byte read
  std::size_t header_bytes = 64u << 10;
  std::size_t body_bytes = 16u << 20;  ///< a longer answer is an error, never cut short
  std::size_t idle_connections = 8;
};

/// What every TLS connection of a client shares; clients of one kind may share it too.
class TlsContext;
/// Loads the system's CA certificates (OpenSSL's default places): some milliseconds. Errors: unavailable
/// `tls_setup_failed`.
Result<std::shared_ptr<TlsContext>> make_tls_context();

/// How a client opens connections.
struct ConnectOptions {
  /// Null: made at the first need.
  std::shared_ptr<TlsContext> tls;
  /// Asked about every address that a TCP connection would be opened to, after the name was resolved; connected to is
  /// exactly what it was asked about. When it refuses all of a name's addresses, its error is the call's.
  std::function<Result<void>(const Address&)> check;
};

/// A raw two-way byte stream: what is left of a connection after `101 Switching Protocols`. Reads and writes may be in
/// flight at the same time, one of each, and do not disturb each other. The destructor closes; what is in flight then
/// ends with `cancelled`, and its buffer must live until it has.
class Stream {
 public:
  virtual ~Stream() = default;
  /// 0 bytes = orderly end. Errors: timed_out `stream_timed_out`, cancelled, unavailable `connection_lost`. A read that
  /// timed out or was cancelled took no bytes: reading again goes on where it was.
  virtual awaitable<Result<std::size_t>> read_some(std::span<std::uint8_t> buffer, Duration limit) = 0;
  /// Writes everything. Errors: as above; some bytes may be written then.
  virtual awaitable<Result<void>> write_all(ByteView bytes, Duration limit) = 0;
  /// Tells the peer that nothing more will be written.
  virtual void shutdown_write() = 0;
  /// Ends pending reads and writes with `cancelled`. May be called from any coroutine of the I/O thread.
  virtual void close() = 0;
};

/// HTTP/1.1 client for one endpoint, with keep-alive connections that it reuses. Every call has a deadline and ends
/// early when its coroutine is cancelled. One thread. An idle connection that the server closed meanwhile is replaced
/// once without the caller noticing, but only for GET, HEAD and DELETE; where the closing was seen before anything was
/// sent, for every method. A TLS server's certificate must chain to the system's CA certificates (OpenSSL's default
/// places) and name the endpoint's host; there is no way to switch that off.
///
/// Errors of all calls: unavailable `connect_failed` (also when connecting took too long), `connection_lost`,
/// `response_invalid`; timed_out `request_timed_out`; too_large `response_too_large`; cancelled; invalid_argument
/// `request_invalid` for a method, target or header that would break the message's framing; those of
/// ConnectOptions::check. An HTTP error status is not an error here, and no redirect is followed. The client outlives
/// its calls; streams and pending bodies may outlive the client.
class HttpClient {
 public:
  HttpClient(core::asio::any_io_executor executor, Endpoint endpoint, ClientLimits limits = {},
             ConnectOptions connecting = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  awaitable<Result<Response>> send(Request request);
  /// With a limit of its own instead of ClientLimits::request.
  awaitable<Result<Response>> send(Request request, Duration limit);
  /// Hands the body to `on_chunk` as it arrives instead of collecting it (`Response::body` stays empty); `false` from
  /// it ends the call with `cancelled`. Statuses from 400 up are collected as usual. ClientLimits::body_bytes holds for
  /// collected bodies only.
  awaitable<Result<Response>> send_streaming(Request request, Duration limit,
                                             std::function<bool(std::string_view)> on_chunk);
  /// Sends the body from `next_chunk` (chunked encoding) until it returns an empty text; its error becomes the call's.
  /// A server that answers before the end is heard: the rest is not sent.
  awaitable<Result<Response>> send_upload(Request request, Duration limit,
                                          std::function<awaitable<Result<std::string>>()> next_chunk);
  /// Sends `Connection: Upgrade` and `Upgrade: tcp` (unless the request has its own Upgrade) and gives the stream on
  /// 101, or on a 200 without a length, as older engines answer. Bytes that came with the header are the stream's
  /// first. Any other answer is unavailable `upgrade_refused`; it is stored in `refusal` when that is not null.
  /// Unsupported `upgrade_unsupported` over TLS, which has no half-closed state to hand on. The limit is
  /// ClientLimits::request.
  awaitable<Result<std::unique_ptr<Stream>>> upgrade(Request request, Response* refusal);
  /// Returns as soon as the response header is there; the body is awaited by calling the result. For requests whose
  /// header acknowledges a subscription (`/containers/{id}/wait`). `body` may be called once, whatever the status;
  /// dropping it closes the connection.
  struct Pending {
    Response header;
    std::function<awaitable<Result<std::string>>(Duration limit)> body;
  };
  awaitable<Result<Pending>> send_header_first(Request request, Duration limit);

  const Endpoint& endpoint() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Percent-encodes everything but unreserved characters: for path segments and query values.
std::string percent_encode(std::string_view text);
/// Errors: invalid_argument for a broken escape or a NUL byte.
Result<std::string> percent_decode(std::string_view text);

}  // namespace skill_verifier::net
