#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "net/operation_guard.hpp"
#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/result.hpp"
#include "skill_verifier/net/http_client.hpp"

namespace skill_verifier::net {

using Socket = core::asio::generic::stream_protocol::socket;

/// A connection of the client's pool.
class Transport : public Stream {
 public:
  /// Whether there is nothing to read now. An idle connection that is not quiet was closed, or the server spoke
  /// unasked: neither can be used again.
  virtual bool quiet() = 0;
};

/// Opens a connection; the options' `tls` is set when the endpoint is a TLS one. Errors: unavailable `connect_failed`,
/// cancelled, and those of the options' check.
awaitable<Result<std::unique_ptr<Transport>>> connect(core::asio::any_io_executor executor, Endpoint endpoint,
                                                      ConnectOptions options, Duration limit);
/// The TLS part of connect: verifies the certificate chain and that it names `host`.
awaitable<Result<std::unique_ptr<Transport>>> start_tls(Socket socket, std::string host,
                                                        std::shared_ptr<TlsContext> tls, Duration limit);

/// `endpoint` as messages name it: without the path of a socket.
std::string describe(const Endpoint& endpoint);
/// Why an operation on an open connection ended early. `closed`: by our own close().
Error stream_error(const boost::system::error_code& code, const OperationGuard& guard, bool closed);
Error cancelled_error();

/// Time left until `deadline`, never negative.
inline Duration until(std::chrono::steady_clock::time_point deadline) {
  const auto left = deadline - std::chrono::steady_clock::now();
  return left > Duration::zero() ? left : Duration::zero();
}

/// Whether a read on the descriptor would neither give bytes nor an end of file.
bool socket_is_quiet(Socket& socket);

}  // namespace skill_verifier::net
