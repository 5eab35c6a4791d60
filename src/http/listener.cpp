#include "http/listener.hpp"

#include <fmt/core.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>

#include "http/api.hpp"
#include "http/connection.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/log.hpp"

namespace skill_verifier::http {
namespace {

namespace asio = core::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::chrono::seconds kFarewell{2};
constexpr std::size_t kMaxRefusals = 64;  ///< answered at once; beyond that connections are closed without a word
constexpr int kRetryAfter = 10;

/// A client that closed, or whose machine is gone, while nothing was to be sent: without these probes a followed log or
/// a long poll would keep its place for it until the next write.
void notice_loss(tcp::socket& socket) {
  using Seconds = int;
  const auto set = [&](int name, Seconds value) {
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, name, &value, sizeof value);
  };
  boost::system::error_code ignored;
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  set(TCP_KEEPIDLE, 30);
  set(TCP_KEEPINTVL, 10);
  set(TCP_KEEPCNT, 3);
}

/// Counts connections, all of them and by address.
class ConnectionCounts {
 public:
  class Slot {
   public:
    Slot(ConnectionCounts& counts, std::string address) : counts_(&counts), address_(std::move(address)) {
      ++counts_->total_;
      ++counts_->by_address_[address_];
    }
    Slot(Slot&& other) noexcept : counts_(std::exchange(other.counts_, nullptr)), address_(std::move(other.address_)) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (!counts_) return;
      --counts_->total_;
      const auto found = counts_->by_address_.find(address_);
      if (--found->second == 0) counts_->by_address_.erase(found);
    }

   private:
    ConnectionCounts* counts_;
    std::string address_;
  };

  std::size_t total() const { return total_; }
  std::size_t of(const std::string& address) const {
    const auto found = by_address_.find(address);
    return found == by_address_.end() ? 0 : found->second;
  }

 private:
  std::size_t total_ = 0;
  std::map<std::string, std::size_t> by_address_;
};

}  // namespace

struct Listener::Impl {
  Impl(asio::any_io_executor executor, core::WorkPool& pool, Backend backend, const core::Clock& clock,
       std::filesystem::path spool, ServerOptions given)
      : options(std::move(given)),
        api(executor, std::move(backend), pool, clock, std::move(spool), options),
        group{api, options, {}, false},
        plain(executor),
        tls(executor),
        tasks(executor) {
    api.connections = [this] { return serving.total(); };
  }

  struct Door {
    explicit Door(const asio::any_io_executor& executor) : acceptor(executor) {}
    tcp::acceptor acceptor;
    std::uint16_t port = 0;
  };

  Result<void> listen(Door& door, const std::string& address, std::uint16_t port) const;
  awaitable<void> accept_connections(Door& door);
  void admit(std::unique_ptr<ByteStream> stream, const auth::Address& peer);
  awaitable<void> serve(std::unique_ptr<ByteStream> stream, ConnectionCounts::Slot slot);
  awaitable<void> refuse(std::unique_ptr<ByteStream> stream, Problem problem, ConnectionCounts::Slot slot);

  ServerOptions options;
  Api api;
  ConnectionGroup group;
  ConnectionCounts serving, refusing;
  Door plain, tls;
  std::shared_ptr<TlsContext> context;  ///< for handshakes from now on
  core::TaskGroup tasks;
};

Result<void> Listener::Impl::listen(Door& door, const std::string& text, std::uint16_t port) const {
  const auto failed = [&](const error_code& error) {
    return Error(Errc::unavailable, "listen_failed",
                 fmt::format("cannot listen on {} port {}: {}", core::shorten(text), port, error.message()));
  };
  error_code error;
  const auto address = asio::ip::make_address(text, error);
  if (error) return failed(error);
  const tcp::endpoint endpoint(address, port);
  tcp::acceptor& acceptor = door.acceptor;
  acceptor.open(endpoint.protocol(), error);
  if (error) return failed(error);
  acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    error_code ignored;
    acceptor.close(ignored);
    return failed(error);
  }
  door.port = acceptor.local_endpoint(error).port();
  return {};
}

awaitable<void> Listener::Impl::accept_connections(Door& door) {
  tcp::acceptor& acceptor = door.acceptor;
  while (acceptor.is_open() && !group.stopping) {
    tcp::socket socket(acceptor.get_executor());
    error_code error;
    co_await acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted || group.stopping) break;
    if (error) {
      // Mostly: no file descriptor is free. The connection stays in the backlog and is tried again.
      core::log::warn("connection not accepted", {{"what", error.message()}});
      co_await core::sleep_for(kAcceptPause);
      continue;
    }
    socket.set_option(tcp::no_delay(true), error);
    notice_loss(socket);
    const auth::Address peer = peer_of(socket);
    auto stream = &door == &tls ? tls_stream(std::move(socket), context) : plain_stream(std::move(socket));
    admit(std::move(stream), peer);
  }
}

void Listener::Impl::admit(std::unique_ptr<ByteStream> stream, const auth::Address& peer) {
  std::string address = peer.counting_key();
  // All that comes through a proxy has its address.
  const bool limited = !auth::is_any_of(options.trusted_proxies, peer);
  std::optional<Problem> problem;
  if (serving.total() >= options.connections) {
    problem.emplace(503, "too_many_connections", fmt::format("all {} connections are in use", options.connections));
  } else if (limited && serving.of(address) >= options.connections_per_address) {
    problem.emplace(429, "too_many_connections",
                    fmt::format("one address may have {} connections", options.connections_per_address));
  }
  if (!problem) {
    tasks.spawn("http connection", serve(std::move(stream), ConnectionCounts::Slot(serving, std::move(address))));
    return;
  }
  if (refusing.total() >= kMaxRefusals) return;
  problem->retry_after = kRetryAfter;
  ConnectionCounts::Slot slot(refusing, std::move(address));
  tasks.spawn("http refusal", refuse(std::move(stream), std::move(*problem), std::move(slot)));
}

awaitable<void> Listener::Impl::serve(std::unique_ptr<ByteStream> stream, ConnectionCounts::Slot slot) {
  const ConnectionCounts::Slot held(std::move(slot));
  Connection connection(std::move(stream), group);
  co_await connection.run();
}

awaitable<void> Listener::Impl::refuse(std::unique_ptr<ByteStream> stream, Problem problem,
                                       ConnectionCounts::Slot slot) {
  const ConnectionCounts::Slot held(std::move(slot));
  Connection connection(std::move(stream), group);
  co_await connection.refuse(std::move(problem));
}

Listener::Listener(asio::any_io_executor executor, core::WorkPool& pool, Backend backend, const core::Clock& clock,
                   std::filesystem::path spool, ServerOptions options)
    : impl_(std::make_unique<Impl>(std::move(executor), pool, std::move(backend), clock, std::move(spool),
                                   std::move(options))) {}
Listener::~Listener() = default;

awaitable<Result<void>> Listener::reload() {
  if (!impl_->options.tls.identity) co_return Result<void>();
  auto identity = co_await impl_->options.tls.identity();
  if (!identity) co_return identity.error();
  auto context = make_tls_context(*identity);
  if (!context) co_return context.error();
  impl_->context = std::move(*context);
  core::log::info("certificate loaded", {{"expires", expiry_of(*impl_->context)}});
  co_return Result<void>();
}

Result<void> Listener::start() {
  const ServerOptions& options = impl_->options;
  const bool tls = static_cast<bool>(options.tls.identity);
  if (tls && !impl_->context) return Error(Errc::internal, "tls_not_loaded", "the TLS listener has no certificate yet");
  if (options.plain) SKILL_VERIFIER_TRY_VOID(impl_->listen(impl_->plain, options.address, options.port));
  const std::string& address = options.tls.address.empty() ? options.address : options.tls.address;
  if (tls) SKILL_VERIFIER_TRY_VOID(impl_->listen(impl_->tls, address, options.tls.port));
  if (options.plain) impl_->tasks.spawn("http listener", impl_->accept_connections(impl_->plain));
  if (tls) impl_->tasks.spawn("https listener", impl_->accept_connections(impl_->tls));
  return {};
}

void Listener::reconfigure(const ServerOptions& wanted) {
  ServerOptions& options = impl_->options;
  options.header_time = wanted.header_time;
  options.body_time = wanted.body_time;
  options.body_idle = wanted.body_idle;
  options.idle_time = wanted.idle_time;
  options.write_time = wanted.write_time;
  options.max_wait = wanted.max_wait;
  options.uploads = wanted.uploads;
  options.body_bytes = wanted.body_bytes;
  options.connections = wanted.connections;
  options.connections_per_address = wanted.connections_per_address;
  options.access = wanted.access;
  options.key_rate = wanted.key_rate;
  options.address_rate = wanted.address_rate;
  options.key_quota = wanted.key_quota;
  options.address_quota = wanted.address_quota;
}

std::uint16_t Listener::port() const {
  return impl_->plain.port;
}

std::uint16_t Listener::tls_port() const {
  return impl_->tls.port;
}

awaitable<void> Listener::stop(core::Duration grace) {
  impl_->group.stopping = true;
  error_code ignored;
  impl_->plain.acceptor.close(ignored);
  impl_->tls.acceptor.close(ignored);
  for (Connection* connection : impl_->group.open)
    connection->close_if_idle();
  bool ended = co_await impl_->tasks.wait(grace);
  if (ended) co_return;
  // Long polls and followed logs end with what they have, uploads break off.
  impl_->tasks.cancel();
  ended = co_await impl_->tasks.wait(kFarewell);
  if (ended) co_return;
  for (Connection* connection : impl_->group.open)
    connection->close();
  ended = co_await impl_->tasks.wait(kFarewell);
  if (!ended) core::log::warn("connections did not end", {{"number", impl_->tasks.size()}});
}

}  // namespace skill_verifier::http
