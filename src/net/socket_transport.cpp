#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include "net/transport.hpp"

namespace skill_verifier::net {
namespace {

namespace asio = core::asio;
using boost::system::error_code;
using SocketEndpoint = asio::generic::stream_protocol::endpoint;
using std::chrono::steady_clock;

struct SocketState {
  explicit SocketState(Socket socket) : socket(std::move(socket)) {}
  Socket socket;
  bool closed = false;
};

awaitable<Result<std::size_t>> read_socket(std::shared_ptr<SocketState> state, std::span<std::uint8_t> buffer,
                                           Duration limit) {
  const auto coroutine = co_await asio::this_coro::cancellation_state;
  const OperationGuard guard(state->socket.get_executor(), limit, coroutine);
  if (guard.cancelled_before() || state->closed) co_return cancelled_error();
  auto token = asio::bind_cancellation_slot(guard.slot(), asio::as_tuple(asio::use_awaitable));
  const auto target = asio::buffer(buffer.data(), buffer.size());
  const auto [error, size] = co_await state->socket.async_read_some(target, token);
  if (!error) co_return size;
  if (error == asio::error::eof) co_return std::size_t{0};
  co_return stream_error(error, guard, state->closed);
}

awaitable<Result<void>> write_socket(std::shared_ptr<SocketState> state, ByteView bytes, Duration limit) {
  const auto coroutine = co_await asio::this_coro::cancellation_state;
  const OperationGuard guard(state->socket.get_executor(), limit, coroutine);
  if (guard.cancelled_before() || state->closed) co_return cancelled_error();
  auto token = asio::bind_cancellation_slot(guard.slot(), asio::as_tuple(asio::use_awaitable));
  const auto source = asio::buffer(bytes.data(), bytes.size());
  const auto [error, size] = co_await asio::async_write(state->socket, source, token);
  if (error) co_return stream_error(error, guard, state->closed);
  co_return Result<void>();
}

/// Unix or TCP. The state is shared with the operations in flight, so that destroying the object under them is safe.
class SocketTransport final : public Transport {
 public:
  explicit SocketTransport(Socket socket) : state_(std::make_shared<SocketState>(std::move(socket))) {}
  ~SocketTransport() override { close_now(); }

  awaitable<Result<std::size_t>> read_some(std::span<std::uint8_t> buffer, Duration limit) override {
    return read_socket(state_, buffer, limit);
  }
  awaitable<Result<void>> write_all(ByteView bytes, Duration limit) override {
    return write_socket(state_, bytes, limit);
  }
  void shutdown_write() override {
    error_code ignored;
    state_->socket.shutdown(asio::socket_base::shutdown_send, ignored);
  }
  void close() override { close_now(); }
  bool quiet() override { return socket_is_quiet(state_->socket); }

 private:
  void close_now() {
    state_->closed = true;
    error_code ignored;
    state_->socket.close(ignored);
  }
  std::shared_ptr<SocketState> state_;
};

Error connect_error(const std::string& why) {
  return Error{Errc::unavailable, "connect_failed", why};
}

using Addresses = asio::ip::tcp::resolver::results_type;

/// The name service cannot be interrupted: an abandoned look-up ends by itself and finds nobody waiting.
awaitable<Result<std::vector<SocketEndpoint>>> resolve(asio::any_io_executor executor, Endpoint endpoint,
                                                       Duration limit) {
  struct Lookup {
    explicit Lookup(const asio::any_io_executor& executor) : resolver(executor), done(executor) {}
    asio::ip::tcp::resolver resolver;
    asio::steady_timer done;
    std::optional<Addresses> addresses;
    error_code error;
  };
  const auto coroutine = co_await asio::this_coro::cancellation_state;
  auto lookup = std::make_shared<Lookup>(executor);
  lookup->done.expires_at(steady_clock::time_point::max());
  lookup->resolver.async_resolve(endpoint.host, std::to_string(endpoint.port),
                                 [lookup](const error_code& error, Addresses addresses) {
                                   lookup->error = error;
                                   lookup->addresses = std::move(addresses);
                                   lookup->done.cancel();
                                 });
  const OperationGuard guard(executor, limit, coroutine);
  if (guard.cancelled_before()) co_return cancelled_error();
  auto token = asio::bind_cancellation_slot(guard.slot(), asio::as_tuple(asio::use_awaitable));
  co_await lookup->done.async_wait(token);
  if (!lookup->addresses && guard.timed_out()) co_return connect_error("the host name was not resolved in time");
  if (!lookup->addresses) co_return cancelled_error();
  if (lookup->error) co_return connect_error(lookup->error.message());
  std::vector<SocketEndpoint> found;
  for (const auto& entry : *lookup->addresses)
    found.emplace_back(entry.endpoint());
  co_return found;
}

awaitable<Result<std::vector<SocketEndpoint>>> addresses_of(asio::any_io_executor executor, Endpoint endpoint,
                                                            Duration limit) {
  std::vector<SocketEndpoint> found;
  if (endpoint.kind == Endpoint::Kind::unix_socket) {
    found.emplace_back(asio::local::stream_protocol::endpoint(endpoint.host));
    co_return found;
  }
  error_code not_numeric;
  const auto address = asio::ip::make_address(endpoint.host, not_numeric);
  if (not_numeric) co_return co_await resolve(std::move(executor), std::move(endpoint), limit);
  found.emplace_back(asio::ip::tcp::endpoint(address, endpoint.port));
  co_return found;
}

/// A Unix socket whose listener's queue is full looks connected to a reactor: only its peer's name tells.
bool has_peer(Socket& socket) {
  error_code error;
  socket.remote_endpoint(error);
  return !error;
}

awaitable<Result<Socket>> connect_socket(asio::any_io_executor executor, SocketEndpoint address,
                                         steady_clock::time_point deadline) {
  constexpr Duration kQueueFullPause = std::chrono::milliseconds(5);
  for (;;) {
    Socket socket(executor);
    error_code failed;
    socket.open(address.protocol(), failed);
    if (failed) co_return connect_error(failed.message());
    {
      const auto coroutine = co_await asio::this_coro::cancellation_state;
      const OperationGuard guard(executor, until(deadline), coroutine);
      if (guard.cancelled_before()) co_return cancelled_error();
      auto token = asio::bind_cancellation_slot(guard.slot(), asio::as_tuple(asio::use_awaitable));
      const auto [error] = co_await socket.async_connect(address, token);
      if (error && guard.timed_out()) co_return connect_error("no answer in time");
      if (error == asio::error::operation_aborted) co_return cancelled_error();
      if (error) co_return connect_error(error.message());
    }
    if (has_peer(socket)) co_return std::move(socket);
    if (until(deadline) == Duration::zero()) co_return connect_error("the server does not accept connections");
    const bool waited = co_await core::sleep_for(kQueueFullPause);
    if (!waited) co_return cancelled_error();
  }
}

awaitable<Result<Socket>> connect_any(asio::any_io_executor executor, std::vector<SocketEndpoint> addresses,
                                      steady_clock::time_point deadline) {
  Error last = connect_error("the host name has no address");
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    // One address that swallows packets must not use up the time of the others.
    const auto share = until(deadline) / static_cast<Duration::rep>(addresses.size() - i);
    auto socket = co_await connect_socket(executor, addresses[i], steady_clock::now() + share);
    if (socket || socket.error().code == Errc::cancelled) co_return socket;
    last = std::move(socket).error();
  }
  co_return last;
}

/// Leaves the addresses that may be connected to. The check's last refusal when there is none.
Result<void> keep_allowed(std::vector<SocketEndpoint>& addresses, const ConnectOptions& options) {
  if (!options.check) return {};
  Result<void> refusal;
  std::erase_if(addresses, [&](const SocketEndpoint& address) {
    asio::ip::tcp::endpoint endpoint;
    endpoint.resize(address.size());
    std::memcpy(endpoint.data(), address.data(), address.size());
    auto checked = options.check(endpoint.address());
    const bool refused = !checked;
    if (refused) refusal = std::move(checked);
    return refused;
  });
  return addresses.empty() ? refusal : Result<void>();
}

awaitable<Result<std::unique_ptr<Transport>>> open_transport(asio::any_io_executor executor, Endpoint endpoint,
                                                             ConnectOptions options,
                                                             steady_clock::time_point deadline) {
  auto addresses = co_await addresses_of(executor, endpoint, until(deadline));
  if (!addresses) co_return std::move(addresses).error();
  const bool tcp = endpoint.kind != Endpoint::Kind::unix_socket;
  if (tcp) {
    auto kept = keep_allowed(*addresses, options);
    if (!kept) co_return std::move(kept).error();
  }
  auto socket = co_await connect_any(std::move(executor), std::move(*addresses), deadline);
  if (!socket) co_return std::move(socket).error();
  if (tcp) {
    error_code ignored;
    socket->set_option(asio::ip::tcp::no_delay(true), ignored);
  }
  if (endpoint.kind == Endpoint::Kind::tls)
    co_return co_await start_tls(std::move(*socket), endpoint.host, std::move(options.tls), until(deadline));
  std::unique_ptr<Transport> plain = std::make_unique<SocketTransport>(std::move(*socket));
  co_return plain;
}

}  // namespace

awaitable<Result<std::unique_ptr<Transport>>> connect(asio::any_io_executor executor, Endpoint endpoint,
                                                      ConnectOptions options, Duration limit) {
  const std::string name = describe(endpoint);
  auto transport = co_await open_transport(std::move(executor), std::move(endpoint), std::move(options),
                                           steady_clock::now() + limit);
  if (transport) co_return transport;
  co_return core::with_context(std::move(transport).error(), "connect to " + name);
}

Error cancelled_error() {
  return Error{Errc::cancelled, "cancelled"};
}

Error stream_error(const error_code& code, const OperationGuard& guard, bool closed) {
  if (closed) return cancelled_error();
  if (code != asio::error::operation_aborted) return Error{Errc::unavailable, "connection_lost", code.message()};
  if (guard.timed_out()) return Error{Errc::timed_out, "stream_timed_out", "nothing moved within the limit"};
  return cancelled_error();
}

bool socket_is_quiet(Socket& socket) {
  char byte = 0;
  const auto size = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace skill_verifier::net
