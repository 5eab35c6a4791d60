#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "net/transport.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::net {

namespace asio = core::asio;
using boost::system::error_code;

class TlsContext {
 public:
  asio::ssl::context context{asio::ssl::context::tls_client};
};

namespace {

struct TlsState {
  TlsState(Socket socket, std::shared_ptr<TlsContext> shared)
      : shared(std::move(shared)), stream(std::move(socket), this->shared->context) {}
  std::shared_ptr<TlsContext> shared;
  asio::ssl::stream<Socket> stream;
  bool closed = false;
};

awaitable<Result<std::size_t>> read_tls(std::shared_ptr<TlsState> state, std::span<std::uint8_t> buffer,
                                        Duration limit) {
  const auto coroutine = co_await asio::this_coro::cancellation_state;
  const OperationGuard guard(state->stream.get_executor(), limit, coroutine);
  if (guard.cancelled_before() || state->closed) co_return cancelled_error();
  auto token = asio::bind_cancellation_slot(guard.slot(), asio::as_tuple(asio::use_awaitable));
  const auto target = asio::buffer(buffer.data(), buffer.size());
  const auto [error, size] = co_await state->stream.async_read_some(target, token);
  if (!error || size > 0) co_return size;
  // Only the peer's close_notify is an end; a bare end of file (stream_truncated) may be an attacker's cut.
  if (error == asio::error::eof) co_return std::size_t{0};
  co_return stream_error(error, guard, state->closed);
}

awaitable<Result<void>> write_tls(std::shared_ptr<TlsState> state, ByteView bytes, Duration limit) {
  const auto coroutine = co_await asio::this_coro::cancellation_state;
  const OperationGuard guard(state->stream.get_executor(), limit, coroutine);
  if (guard.cancelled_before() || state->closed) co_return cancelled_error();
  auto token = asio::bind_cancellation_slot(guard.slot(), asio::as_tuple(asio::use_awaitable));
  const auto source = asio::buffer(bytes.data(), bytes.size());
  const auto [error, size] = co_await asio::async_write(state->stream, source, token);
  if (error) co_return stream_error(error, guard, state->closed);
  co_return Result<void>();
}

class TlsTransport final : public Transport {
 public:
  explicit TlsTransport(std::shared_ptr<TlsState> state) : state_(std::move(state)) {}
  ~TlsTransport() override { close_now(); }

  awaitable<Result<std::size_t>> read_some(std::span<std::uint8_t> buffer, Duration limit) override {
    return read_tls(state_, buffer, limit);
  }
  awaitable<Result<void>> write_all(ByteView bytes, Duration limit) override { return write_tls(state_, bytes, limit); }
  // Never reached by a caller of the client, which refuses to hand a TLS connection on (HttpClient::upgrade).
  void shutdown_write() override { close_now(); }
  void close() override { close_now(); }
  bool quiet() override { return socket_is_quiet(state_->stream.next_layer()); }

 private:
  void close_now() {
    state_->closed = true;
    error_code ignored;
    state_->stream.next_layer().close(ignored);
  }
  std::shared_ptr<TlsState> state_;
};

std::string handshake_failure(const TlsState& state, const error_code& error) {
  const long verdict = SSL_get_verify_result(const_cast<TlsState&>(state).stream.native_handle());
  if (verdict == X509_V_OK) return "TLS handshake: " + error.message();
  return std::string("certificate refused: ") + X509_verify_cert_error_string(verdict);
}

/// Host name for SNI and for the certificate check. SNI has no form for addresses (RFC 6066 §3).
bool expect_host(asio::ssl::stream<Socket>& stream, const std::string& host) {
  error_code not_numeric;
  asio::ip::make_address(host, not_numeric);
  SSL* ssl = stream.native_handle();
  if (!not_numeric) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

}  // namespace

Result<std::shared_ptr<TlsContext>> make_tls_context() {
  auto shared = std::make_shared<TlsContext>();
  SSL_CTX* native = shared->context.native_handle();
  SSL_CTX_set_verify(native, SSL_VERIFY_PEER, nullptr);
  if (SSL_CTX_set_default_verify_paths(native) != 1 || SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION) != 1) {
    return Error{Errc::unavailable, "tls_setup_failed", "the system's CA certificates cannot be loaded",
                 "install the package ca-certificates"};
  }
  return shared;
}

awaitable<Result<std::unique_ptr<Transport>>> start_tls(Socket socket, std::string host,
                                                        std::shared_ptr<TlsContext> tls, Duration limit) {
  auto state = std::make_shared<TlsState>(std::move(socket), std::move(tls));
  if (!expect_host(state->stream, host)) {
    co_return Error{Errc::unavailable, "connect_failed", "TLS set-up refused the host name"};
  }
  const auto coroutine = co_await asio::this_coro::cancellation_state;
  const OperationGuard guard(state->stream.get_executor(), limit, coroutine);
  if (guard.cancelled_before()) co_return cancelled_error();
  auto token = asio::bind_cancellation_slot(guard.slot(), asio::as_tuple(asio::use_awaitable));
  const auto [error] = co_await state->stream.async_handshake(asio::ssl::stream_base::client, token);
  if (error && guard.timed_out()) {
    co_return Error{Errc::unavailable, "connect_failed", "TLS handshake: no answer in time"};
  }
  if (error == asio::error::operation_aborted) co_return cancelled_error();
  if (error) co_return Error{Errc::unavailable, "connect_failed", handshake_failure(*state, error)};
  std::unique_ptr<Transport> transport = std::make_unique<TlsTransport>(std::move(state));
  co_return transport;
}

}  // namespace skill_verifier::net
