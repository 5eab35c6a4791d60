#include <fmt/core.h>

#include <array>
#include <deque>
#include <optional>

#include "net/request_text.hpp"
#include "net/response_reader.hpp"
#include "net/transport.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/net/http_client.hpp"

namespace skill_verifier::net {
namespace {

namespace asio = core::asio;
using std::chrono::steady_clock;

constexpr std::size_t kReadSize = 64u << 10;
// A body up to this size shares a write with its header.
constexpr std::size_t kJoinedBody = 64u << 10;

/// Connections between requests, the one used last in front.
class Pool {
 public:
  explicit Pool(std::size_t most) : most_(most) {}
  std::unique_ptr<Transport> take() {
    while (!idle_.empty()) {
      std::unique_ptr<Transport> transport = std::move(idle_.front());
      idle_.pop_front();
      if (transport->quiet()) return transport;
    }
    return nullptr;
  }
  void give_back(std::unique_ptr<Transport> transport) {
    idle_.push_front(std::move(transport));
    if (idle_.size() > most_) idle_.pop_back();
  }

 private:
  std::size_t most_;
  std::deque<std::unique_ptr<Transport>> idle_;
};

/// One request on one connection. Dropping it closes the connection unless `finish` gave it back.
struct Exchange {
  Exchange(std::unique_ptr<Transport> transport, bool reused, ResponseReader::Options options)
      : transport(std::move(transport)), reused(reused), reader(std::move(options)) {}

  std::unique_ptr<Transport> transport;
  bool reused;
  steady_clock::time_point deadline;
  bool sent_whole = true;  ///< else the rest of the request would be read as the next one
  bool write_lost = false;
  ResponseReader reader;
  std::array<std::uint8_t, kReadSize> buffer;
  std::string what;  ///< method and target, for messages
};
using ExchangePtr = std::shared_ptr<Exchange>;

/// What stays the same while one call is tried.
struct Call {
  Request request;
  Framing framing = Framing::length;
  ResponseReader::Options options;
  Duration limit{};
  std::function<awaitable<Result<std::string>>()> next_chunk;
};

Error in_call(Error error, const Exchange& exchange, Duration limit) {
  if (error.code == Errc::timed_out) {
    const auto seconds = std::chrono::duration<double>(limit).count();
    return Error{Errc::timed_out, "request_timed_out",
                 fmt::format("{}: no answer within {:g} s", exchange.what, seconds)};
  }
  return core::with_context(std::move(error), exchange.what);
}

awaitable<Result<void>> read_more(Exchange& exchange) {
  const std::span<std::uint8_t> buffer(exchange.buffer);
  const Duration left = until(exchange.deadline);
  auto size = co_await exchange.transport->read_some(buffer, left);
  if (!size) co_return std::move(size).error();
  if (*size == 0) co_return exchange.reader.feed_end();
  co_return exchange.reader.feed(core::as_text(ByteView(exchange.buffer).first(*size)));
}

awaitable<Result<void>> read_header(Exchange& exchange) {
  while (!exchange.reader.header_done()) {
    auto read = co_await read_more(exchange);
    if (!read) co_return read;
  }
  co_return Result<void>();
}

awaitable<Result<void>> read_body(Exchange& exchange) {
  while (!exchange.reader.done()) {
    auto read = co_await read_more(exchange);
    if (!read) co_return read;
  }
  co_return Result<void>();
}

awaitable<Result<void>> write_text(Exchange& exchange, const std::string& text) {
  const ByteView bytes = core::as_bytes(text);
  const Duration left = until(exchange.deadline);
  auto written = co_await exchange.transport->write_all(bytes, left);
  if (!written) exchange.sent_whole = false;
  if (!written && written.error().code == Errc::unavailable) exchange.write_lost = true;
  co_return written;
}

awaitable<Result<void>> write_whole(Exchange& exchange, std::string head, const std::string& body) {
  const bool joined = body.size() <= kJoinedBody;
  if (joined) head += body;
  auto written = co_await write_text(exchange, head);
  if (!written || joined) co_return written;
  co_return co_await write_text(exchange, body);
}

awaitable<Result<void>> write_chunks(Exchange& exchange, std::string head, const Call& call) {
  auto written = co_await write_text(exchange, head);
  while (written && exchange.transport->quiet()) {
    auto source = call.next_chunk();
    const Duration left = until(exchange.deadline);
    auto piece = co_await core::with_deadline(std::move(source), left, "request body");
    if (!piece) co_return std::move(piece).error();
    // A source may answer its interruption with an empty text: that must not end the body as if it were whole.
    if (until(exchange.deadline) == Duration::zero()) co_return Error{Errc::timed_out, "request body"};
    const std::string chunk = chunk_of(*piece);
    written = co_await write_text(exchange, chunk);
    if (piece->empty()) co_return written;
  }
  exchange.sent_whole = false;
  co_return written;
}

struct Attempt {
  std::optional<Error> error;
  bool retriable = false;  ///< a reused connection that had ended: nothing of an answer came
};

/// Sends the request and reads the header of the answer.
awaitable<Attempt> try_once(Exchange& exchange, std::string head, const Call& call) {
  Result<void> written;
  if (call.framing == Framing::chunked) {
    written = co_await write_chunks(exchange, std::move(head), call);
  } else {
    written = co_await write_whole(exchange, std::move(head), call.request.body);
  }
  // A server may refuse a request before it has read it, and close: its answer says more than our broken pipe.
  if (!written && !exchange.write_lost) co_return Attempt{std::move(written).error(), false};
  auto header = co_await read_header(exchange);
  if (header) co_return Attempt{};
  const bool lost = header.error().id == "connection_lost";
  const bool retriable = lost && exchange.reused && !exchange.reader.started();
  Error error = lost && !written ? std::move(written).error() : std::move(header).error();
  co_return Attempt{std::move(error), retriable};
}

bool repeatable(const Call& call) {
  const std::string& method = call.request.method;
  return call.framing == Framing::length && (method == "GET" || method == "HEAD" || method == "DELETE");
}

void finish(const std::shared_ptr<Pool>& pool, Exchange& exchange) {
  if (pool && exchange.sent_whole && exchange.reader.reusable()) pool->give_back(std::move(exchange.transport));
}

awaitable<Result<std::string>> pending_body(ExchangePtr exchange, std::weak_ptr<Pool> pool, Duration limit) {
  exchange->deadline = steady_clock::now() + limit;
  auto parsed = exchange->reader.resume();
  if (parsed) parsed = co_await read_body(*exchange);
  if (!parsed) co_return in_call(std::move(parsed).error(), *exchange, limit);
  finish(pool.lock(), *exchange);
  co_return std::move(exchange->reader.response().body);
}

/// A connection after its upgrade; what came with the header is read first.
class UpgradedStream final : public Stream {
 public:
  UpgradedStream(std::unique_ptr<Transport> transport, std::string first)
      : transport_(std::move(transport)), first_(std::make_shared<std::string>(std::move(first))) {}

  awaitable<Result<std::size_t>> read_some(std::span<std::uint8_t> buffer, Duration limit) override {
    if (first_->empty() || closed_) return transport_->read_some(buffer, limit);
    return read_first(first_, buffer);
  }
  awaitable<Result<void>> write_all(ByteView bytes, Duration limit) override {
    return transport_->write_all(bytes, limit);
  }
  void shutdown_write() override { transport_->shutdown_write(); }
  void close() override {
    closed_ = true;
    transport_->close();
  }

 private:
  static awaitable<Result<std::size_t>> read_first(std::shared_ptr<std::string> first, std::span<std::uint8_t> buffer) {
    const std::size_t size = std::min(first->size(), buffer.size());
    std::copy_n(first->begin(), size, buffer.begin());
    first->erase(0, size);
    co_return size;
  }
  std::unique_ptr<Transport> transport_;
  std::shared_ptr<std::string> first_;
  bool closed_ = false;
};

}  // namespace

struct HttpClient::Impl {
  Impl(asio::any_io_executor executor, Endpoint endpoint, ClientLimits limits, ConnectOptions connecting)
      : executor(std::move(executor)),
        endpoint(std::move(endpoint)),
        limits(limits),
        connecting(std::move(connecting)),
        pool(std::make_shared<Pool>(limits.idle_connections)) {}

  Call new_call(Request request, Duration limit) const {
    Call call;
    call.options.header_bytes = limits.header_bytes;
    call.options.body_bytes = limits.body_bytes;
    call.options.head_request = request.method == "HEAD";
    call.request = std::move(request);
    call.limit = limit;
    return call;
  }

  awaitable<Result<ExchangePtr>> open(const Call& call, bool fresh) {
    std::unique_ptr<Transport> transport = fresh ? nullptr : pool->take();
    const bool reused = transport != nullptr;
    if (!transport) {
      if (endpoint.kind == Endpoint::Kind::tls && !connecting.tls) {
        auto made = make_tls_context();
        if (!made) co_return std::move(made).error();
        connecting.tls = std::move(*made);
      }
      auto connected = co_await connect(executor, endpoint, connecting, limits.connect);
      if (!connected) co_return std::move(connected).error();
      transport = std::move(*connected);
    }
    auto exchange = std::make_shared<Exchange>(std::move(transport), reused, call.options);
    exchange->what = call.request.method + " " + core::shorten(call.request.target);
    co_return exchange;
  }

  /// Up to the header of the answer.
  awaitable<Result<ExchangePtr>> start(const Call& call) {
    auto head = request_head(endpoint, call.request, call.framing);
    if (!head) co_return std::move(head).error();
    std::optional<steady_clock::time_point> deadline;
    for (bool fresh = false;; fresh = true) {
      auto exchange = co_await open(call, fresh);
      if (!exchange) co_return exchange;
      if (!deadline) deadline = steady_clock::now() + call.limit;
      (*exchange)->deadline = *deadline;
      Attempt attempt = co_await try_once(**exchange, *head, call);
      if (!attempt.error) co_return exchange;
      if (fresh || !attempt.retriable || !repeatable(call)) {
        co_return in_call(std::move(*attempt.error), **exchange, call.limit);
      }
    }
  }

  awaitable<Result<Response>> run(Call call) {
    auto exchange = co_await start(call);
    if (!exchange) co_return std::move(exchange).error();
    auto body = co_await read_body(**exchange);
    if (!body) co_return in_call(std::move(body).error(), **exchange, call.limit);
    finish(pool, **exchange);
    co_return std::move((*exchange)->reader.response());
  }

  awaitable<Result<Pending>> run_header_first(Call call) {
    call.options.stop_at_header = true;
    auto exchange = co_await start(call);
    if (!exchange) co_return std::move(exchange).error();
    Pending pending;
    pending.header.status = (*exchange)->reader.response().status;
    pending.header.headers = (*exchange)->reader.response().headers;
    pending.body = [exchange = std::move(*exchange), pool = std::weak_ptr(pool)](Duration limit) {
      return pending_body(exchange, pool, limit);
    };
    co_return pending;
  }

  awaitable<Result<std::unique_ptr<Stream>>> run_upgrade(Call call, Response* refusal) {
    if (endpoint.kind == Endpoint::Kind::tls) {
      co_return Error{Errc::unsupported, "upgrade_unsupported", "a TLS connection cannot be handed on as a raw stream"};
    }
    call.options.stop_at_header = true;
    auto started = co_await start(call);
    if (!started) co_return std::move(started).error();
    Exchange& exchange = **started;
    const int status = exchange.reader.response().status;
    if (status == 101 || (status == 200 && !exchange.reader.has_length())) {
      std::string first = exchange.reader.take_rest();
      std::unique_ptr<Stream> stream =
          std::make_unique<UpgradedStream>(std::move(exchange.transport), std::move(first));
      co_return stream;
    }
    auto parsed = exchange.reader.resume();
    if (parsed) parsed = co_await read_body(exchange);
    if (!parsed) co_return in_call(std::move(parsed).error(), exchange, call.limit);
    finish(pool, exchange);
    if (refusal != nullptr) *refusal = std::move(exchange.reader.response());
    co_return Error{Errc::unavailable, "upgrade_refused",
                    fmt::format("{}: answered {} instead of switching protocols", exchange.what, status)};
  }

  asio::any_io_executor executor;
  Endpoint endpoint;
  ClientLimits limits;
  ConnectOptions connecting;
  std::shared_ptr<Pool> pool;
};

HttpClient::HttpClient(asio::any_io_executor executor, Endpoint endpoint, ClientLimits limits,
                       ConnectOptions connecting)
    : impl_(std::make_unique<Impl>(std::move(executor), std::move(endpoint), limits, std::move(connecting))) {}
HttpClient::~HttpClient() = default;

const Endpoint& HttpClient::endpoint() const {
  return impl_->endpoint;
}

awaitable<Result<Response>> HttpClient::send(Request request) {
  const Duration limit = impl_->limits.request;
  return send(std::move(request), limit);
}

awaitable<Result<Response>> HttpClient::send(Request request, Duration limit) {
  return impl_->run(impl_->new_call(std::move(request), limit));
}

awaitable<Result<Response>> HttpClient::send_streaming(Request request, Duration limit,
                                                       std::function<bool(std::string_view)> on_chunk) {
  Call call = impl_->new_call(std::move(request), limit);
  call.options.on_chunk = std::move(on_chunk);
  return impl_->run(std::move(call));
}

awaitable<Result<Response>> HttpClient::send_upload(Request request, Duration limit,
                                                    std::function<awaitable<Result<std::string>>()> next_chunk) {
  Call call = impl_->new_call(std::move(request), limit);
  call.framing = Framing::chunked;
  call.next_chunk = std::move(next_chunk);
  return impl_->run(std::move(call));
}

awaitable<Result<std::unique_ptr<Stream>>> HttpClient::upgrade(Request request, Response* refusal) {
  const Duration limit = impl_->limits.request;
  Call call = impl_->new_call(std::move(request), limit);
  call.framing = Framing::upgrade;
  return impl_->run_upgrade(std::move(call), refusal);
}

awaitable<Result<HttpClient::Pending>> HttpClient::send_header_first(Request request, Duration limit) {
  return impl_->run_header_first(impl_->new_call(std::move(request), limit));
}

}  // namespace skill_verifier::net
