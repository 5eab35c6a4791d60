#include "http/connection.hpp"

#include <fmt/core.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <optional>
#include <span>

#include "http/chunked_body.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/ids.hpp"
#include "skill_verifier/core/log.hpp"
#include "skill_verifier/core/log_level.hpp"

namespace skill_verifier::http {
namespace {

namespace asio = core::asio;
namespace beast = boost::beast;
using boost::system::error_code;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::size_t kReadBlock = 4096;
constexpr std::size_t kBodyBlock = 64u << 10;
/// A client that takes an answer more slowly than this is cut off, however steadily it reads.
constexpr std::uint64_t kLeastBytesPerSecond = 8u << 10;
/// How long, and for how many bytes, a client may go on sending after an answer that did not wait for its body. Closing
/// at once would reset the connection and could take the answer away from it.
constexpr std::chrono::seconds kLingerTime{5};
constexpr std::uint64_t kLingerBytes = 64u << 20;
/// For the other side's answer to our saying that this is the end, which TLS has.
constexpr std::chrono::seconds kFarewellTime{2};

SteadyTime now() {
  return std::chrono::steady_clock::now();
}

bool is_request_id(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  };
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), allowed);
}

/// Nothing where the field is missing, malformed or there twice: then a trace begins here.
std::optional<core::TraceContext> trace_parent(const RequestHead& head) {
  std::string_view value;
  for (const auto& [name, text] : head.fields) {
    if (!equals_ignoring_case(name, "traceparent")) continue;
    if (!value.empty()) return std::nullopt;
    value = text;
  }
  return core::parse_traceparent(value);
}

/// Answers that change something are events, others are seen at debug level only.
void log_request(const Request& request, const Response& response, bool sent, SteadyTime began) {
  const bool changes = request.head.method == "POST" || request.head.method == "DELETE";
  if (!changes && !core::log::shows_debug()) return;
  const auto elapsed = std::chrono::duration_cast<std::chrono::microseconds>(now() - began);
  const core::log::Field method("method", request.head.method), path("path", core::shorten(request.head.path)),
      status("status", response.status), milliseconds("ms", static_cast<double>(elapsed.count()) / 1000.0),
      delivered("sent", sent), id("request", request.id);
  const auto log = changes ? &core::log::info : &core::log::debug;
  if (response.job.empty()) {
    log("request", {method, path, status, milliseconds, delivered, id});
  } else {
    log("request", {method, path, status, milliseconds, delivered, id, {"job", response.job}});
  }
}

/// Shared with the handlers that wait on the socket, which may outlive the connection by one turn of the loop.
struct Watch {
  asio::ip::tcp::socket* socket = nullptr;  ///< while there is a connection
  asio::cancellation_signal signal;         ///< of the GET being answered
  bool working = false;
  bool lost = false;  ///< the kernel has reported the connection dead
};

/// Only what ends both directions counts (reset, error): a client may shut its side down and still want the answer.
void watch_for_loss(const std::shared_ptr<Watch>& watch) {
  watch->socket->async_wait(asio::ip::tcp::socket::wait_error, [watch](const error_code& error) {
    if (error || !watch->socket) return;
    // The reactor may deliver an event of an earlier socket that had the same place: the kernel is asked again.
    pollfd state{watch->socket->native_handle(), 0, 0};
    if (poll(&state, 1, 0) == 0) return watch_for_loss(watch);
    watch->lost = true;
    if (watch->working) watch->signal.emit(asio::cancellation_type::terminal);
  });
}

/// Runs `work` so that it ends early, by value, when the connection is lost or the caller is cancelled.
template <class T>
awaitable<T> while_connected(std::shared_ptr<Watch> watch, awaitable<T> work) {
  const auto executor = co_await asio::this_coro::executor;
  const auto parent = co_await asio::this_coro::cancellation_state;
  if (parent.slot().is_connected())
    parent.slot().assign([watch](asio::cancellation_type type) {
      if (watch->working) watch->signal.emit(type);
    });
  watch->working = true;
  auto token = asio::bind_cancellation_slot(watch->signal.slot(), asio::use_awaitable);
  auto guarded = core::detail::by_value(std::move(work));
  auto running = asio::co_spawn(executor, std::move(guarded), token);
  T result = co_await std::move(running);
  watch->working = false;
  parent.slot().clear();
  co_return result;
}

/// A piece of an answer that is its own alone.
awaitable<Result<std::shared_ptr<const std::string>>> next_of(const Response* response) {
  auto producing = response->stream();
  auto piece = co_await std::move(producing);
  if (!piece) co_return piece.error();
  std::shared_ptr<const std::string> shared;
  if (!piece->empty()) shared = std::make_shared<const std::string>(std::move(*piece));
  co_return shared;
}

Error body_timed_out(bool whole) {
  return Error(
      Errc::timed_out, "body_timed_out",
      whole ? "the body did not arrive within the time for a whole one" : "no more of the body arrived in time",
      "send it again, or over a faster connection");
}

enum class HeadState { ready, malformed, too_large, incomplete };

}  // namespace

auth::Address peer_of(const asio::ip::tcp::socket& socket) {
  error_code error;
  const auto remote = socket.remote_endpoint(error).address();
  auth::Address address;
  if (error) return address;
  const auto mapped = remote.is_v4() ? asio::ip::make_address_v6(asio::ip::v4_mapped, remote.to_v4()) : remote.to_v6();
  const auto bytes = mapped.to_bytes();
  std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
  return address;
}

struct Connection::Impl {
  Impl(std::unique_ptr<ByteStream> given, ConnectionGroup& group)
      : group(group),
        stream(std::move(given)),
        peer(peer_of(stream->transport().socket())),
        buffer(group.options.header_bytes + kBodyBlock) {
    watch->socket = &stream->transport().socket();
    watch_for_loss(watch);
  }
  ~Impl() { watch->socket = nullptr; }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  awaitable<HeadState> read_head();
  HeadState scan_head(std::size_t& scanned);
  Problem head_problem(HeadState state) const;
  awaitable<bool> serve_request();
  awaitable<bool> send_problem(Problem problem);
  Result<void> begin_body(const RequestHead& head, std::uint64_t limit);
  awaitable<Result<void>> invite_body(const RequestHead& head);
  awaitable<Result<error_code>> read_some_body(std::span<char> space, std::size_t& count);
  awaitable<Result<error_code>> in_time(awaitable<Result<error_code>> reading);
  awaitable<Result<std::string_view>> read_body(const RequestHead* head, std::uint64_t limit);
  awaitable<Result<std::string_view>> read_counted();
  awaitable<Result<std::string_view>> read_chunked();
  Error client_gone();
  awaitable<bool> send(const Response& response, const Request& request, bool close);
  awaitable<bool> send_stream(const Response& response, bool chunked);
  awaitable<bool> write(std::string_view first, std::string_view second, std::string_view third);
  awaitable<void> linger();

  const ServerOptions& options() const { return group.options; }
  std::string_view pending() const { return {static_cast<const char*>(buffer.cdata().data()), buffer.size()}; }

  ConnectionGroup& group;
  std::unique_ptr<ByteStream> stream;
  const auth::Address peer;
  beast::flat_buffer buffer;  ///< bytes that have arrived and were not looked at yet
  std::string head_text;      ///< RequestHead points into it
  std::optional<ChunkedBody> chunked;
  std::optional<std::uint64_t> body_left;  ///< bytes of a body whose length was announced
  std::string block;                       ///< of the body
  SteadyTime body_deadline;
  bool idle = true;
  bool gone = false;  ///< the client is: nothing can be sent any more
  std::shared_ptr<Watch> watch = std::make_shared<Watch>();
  bool unread = false;  ///< something that the client sends will not be read
};

Connection::Connection(std::unique_ptr<ByteStream> stream, ConnectionGroup& group)
    : impl_(std::make_unique<Impl>(std::move(stream), group)) {
  group.open.insert(this);
}
Connection::~Connection() {
  impl_->group.open.erase(this);
}

void Connection::close() {
  impl_->stream->transport().close();
}

void Connection::close_if_idle() {
  if (impl_->idle) close();
}

awaitable<void> Connection::run() {
  const bool opened = co_await impl_->stream->open(impl_->options().tls.handshake_time);
  if (!opened) co_return;
  bool first = true;
  while (first || !impl_->group.stopping) {
    first = false;
    const HeadState state = co_await impl_->read_head();
    if (state == HeadState::incomplete) co_return;
    bool again = false;
    if (state == HeadState::ready) {
      again = co_await impl_->serve_request();
    } else {
      co_await impl_->send_problem(impl_->head_problem(state));
    }
    if (!again) break;
  }
  if (impl_->gone) co_return;
  if (impl_->unread && !impl_->group.stopping) {
    co_await impl_->linger();
  } else {
    impl_->stream->transport().expires_after(kFarewellTime);
    co_await impl_->stream->end();
  }
}

awaitable<void> Connection::refuse(Problem problem) {
  const bool opened = co_await impl_->stream->open(impl_->options().tls.handshake_time);
  if (!opened) co_return;
  impl_->idle = false;
  co_await impl_->send_problem(std::move(problem));
  co_await impl_->linger();
}

Problem Connection::Impl::head_problem(HeadState state) const {
  if (state == HeadState::too_large)
    return Problem(431, "head_too_large",
                   fmt::format("the request head is longer than {} bytes", options().header_bytes));
  return Problem(400, "head_invalid", "what was sent does not look like HTTP: every line of a head ends with CR LF");
}

/// Every new byte is looked at once, so that a head sent byte by byte costs no more than any other.
HeadState Connection::Impl::scan_head(std::size_t& scanned) {
  // RFC 9112 §2.2: empty lines before a request line are skipped.
  while (pending().starts_with("\r\n"))
    buffer.consume(2);
  const std::string_view text = pending();
  if (!text.empty() && text.front() != '\r' && !is_token(text.substr(0, 1))) return HeadState::malformed;
  for (auto line_feed = text.find('\n', scanned); line_feed != std::string_view::npos;
       line_feed = text.find('\n', line_feed + 1)) {
    if (line_feed >= options().header_bytes) return HeadState::too_large;
    if (line_feed == 0 || text[line_feed - 1] != '\r') return HeadState::malformed;
    if (line_feed < 3 || text.substr(line_feed - 3, 4) != "\r\n\r\n") continue;
    head_text.assign(text.substr(0, line_feed + 1));
    buffer.consume(line_feed + 1);
    return HeadState::ready;
  }
  scanned = text.size();
  return text.size() >= options().header_bytes ? HeadState::too_large : HeadState::incomplete;
}

awaitable<HeadState> Connection::Impl::read_head() {
  chunked.reset();
  body_left.reset();
  idle = buffer.size() == 0;
  // A waiting connection holds no more than one block; between two requests of a busy one it stays.
  if (idle && buffer.capacity() > kReadBlock) buffer.shrink_to_fit();
  stream->transport().expires_after(idle && !head_text.empty() ? options().idle_time : options().header_time);
  std::size_t scanned = 0;
  while (true) {
    const HeadState state = scan_head(scanned);
    if (state != HeadState::incomplete) {
      idle = false;
      co_return state;
    }
    error_code error;
    const auto space = buffer.prepare(std::min(kReadBlock, options().header_bytes + kReadBlock - buffer.size()));
    const std::size_t count = co_await stream->read_some(space, error);
    if (error) co_return HeadState::incomplete;
    buffer.commit(count);
    if (std::exchange(idle, false)) stream->transport().expires_after(options().header_time);
  }
}

/// False when the connection cannot serve another request.
awaitable<bool> Connection::Impl::serve_request() {
  auto parsed = parse_request_head(head_text);
  if (!parsed) {
    co_await send_problem(std::move(parsed.error()));
    co_return false;
  }
  const SteadyTime began = now();
  Request request;
  request.head = std::move(*parsed);
  request.peer = peer;
  const std::string_view given = request.head.field("X-Request-Id");
  request.id = is_request_id(given) ? std::string(given) : core::new_request_id();
  request.trace = core::own_span(trace_parent(request.head));
  const core::TraceBinding traced(request.id, request.trace.trace_id);
  request.body = [this, head = &request.head](std::uint64_t limit) { return read_body(head, limit); };

  // What changes something is carried through for a client that has gone, what only waits for it is not.
  auto at_once = group.api.answer_at_once(request);
  if (!at_once) {
    auto answering = group.api.answer(request);
    if (request.head.method == "GET") answering = while_connected(watch, std::move(answering));
    at_once = co_await std::move(answering);
  }
  const Response& response = *at_once;
  group.api.count(request.head.method, response, now() - began);
  gone = gone || watch->lost;
  if (gone) {
    log_request(request, response, false, began);
    co_return false;
  }
  unread = request.head.has_body() && body_left != 0u && !(chunked && chunked->done());
  const bool raw_stream = response.streams() && request.head.minor_version == 0;
  const bool last = unread || raw_stream || request.head.wants_close || group.stopping;
  const bool sent = co_await send(response, request, last);
  log_request(request, response, sent, began);
  co_return sent && !last;
}

/// For requests that did not get as far as being routed.
awaitable<bool> Connection::Impl::send_problem(Problem problem) {
  Request request;
  request.id = core::new_request_id();
  request.trace = core::own_span(std::nullopt);
  Response response = problem_response(problem, {}, request.id);
  response.waited = true;  // for a head that never came
  unread = true;
  group.api.count({}, response, core::Duration::zero());
  core::log::debug("request refused", {{"status", response.status}, {"code", problem.code}, {"request", request.id}});
  co_return co_await send(response, request, true);
}

Result<void> Connection::Impl::begin_body(const RequestHead& head, std::uint64_t limit) {
  if (head.content_length.value_or(0) > limit)
    return Error(Errc::too_large, "body_too_large", fmt::format("the body is longer than {} bytes", limit));
  body_deadline = now() + options().body_time;
  if (head.chunked)
    chunked.emplace(limit);
  else
    body_left = head.content_length.value_or(0);
  return {};
}

Error Connection::Impl::client_gone() {
  gone = true;
  return Error(Errc::cancelled, "client_gone", "the client went away");
}

awaitable<Result<void>> Connection::Impl::invite_body(const RequestHead& head) {
  if (!head.expects_continue || buffer.size() > 0) co_return Result<void>();
  const bool told = co_await write("HTTP/1.1 100 Continue\r\n\r\n", {}, {});
  if (!told) co_return client_gone();
  co_return Result<void>();
}

awaitable<Result<error_code>> Connection::Impl::read_some_body(std::span<char> space, std::size_t& count) {
  error_code error;
  count = co_await stream->read_some(asio::buffer(space.data(), space.size()), error);
  if (error == asio::error::operation_aborted) co_return Error(Errc::cancelled, "the body is no longer waited for");
  co_return error;
}

/// What a read said, or the error that is the client's answer when it took too long.
awaitable<Result<error_code>> Connection::Impl::in_time(awaitable<Result<error_code>> reading) {
  // The stream's own time limit would close the socket, and the client would never learn why.
  stream->transport().expires_never();
  const auto limit = std::min<core::Duration>(options().body_idle, body_deadline - now());
  const auto read = co_await core::with_deadline(std::move(reading), limit, "request body");
  if (!read && read.error().code == Errc::timed_out) co_return body_timed_out(now() >= body_deadline);
  co_return read ? *read : make_error_code(asio::error::operation_aborted);
}

awaitable<Result<std::string_view>> Connection::Impl::read_body(const RequestHead* head, std::uint64_t limit) {
  if (!chunked && !body_left) {
    if (const auto begun = begin_body(*head, limit); !begun) co_return begun.error();
    if (const auto invited = co_await invite_body(*head); !invited) co_return invited.error();
  }
  if (body_left) co_return co_await read_counted();
  co_return co_await read_chunked();
}

/// The bytes go from the socket to where they are handed out: a buffer between would be one copy more.
awaitable<Result<std::string_view>> Connection::Impl::read_counted() {
  block.resize(std::min<std::uint64_t>(*body_left, kBodyBlock));
  std::size_t count = std::min(buffer.size(), block.size());
  pending().copy(block.data(), count);
  buffer.consume(count);
  if (count == 0 && !block.empty()) {
    auto reading = read_some_body(block, count);
    const auto read = co_await in_time(std::move(reading));
    if (!read) co_return read.error();
    if (*read) co_return client_gone();
  }
  *body_left -= count;
  co_return std::string_view(block).substr(0, count);
}

awaitable<Result<std::string_view>> Connection::Impl::read_chunked() {
  block.resize(kBodyBlock);
  std::size_t filled = 0;
  while (true) {
    std::string_view arrived = pending();
    SKILL_VERIFIER_CO_TRY(const auto count, chunked->take(arrived, std::span(block).subspan(filled)));
    buffer.consume(buffer.size() - arrived.size());
    filled += count;
    if (chunked->done() || filled == block.size()) co_return std::string_view(block).substr(0, filled);
    // Nothing of what arrived is left: there is room for a block.
    const auto space = buffer.prepare(kBodyBlock);
    std::size_t more = 0;
    auto reading = read_some_body({static_cast<char*>(space.data()), space.size()}, more);
    const auto read = co_await in_time(std::move(reading));
    if (!read) co_return read.error();
    if (*read) co_return client_gone();
    buffer.commit(more);
  }
}

awaitable<bool> Connection::Impl::send(const Response& response, const Request& request, bool close) {
  const std::string text = response_head(response, request, close);
  const bool body = request.head.method != "HEAD" && response.has_body();
  if (!body) co_return co_await write(text, {}, {});
  if (!response.streams()) co_return co_await write(text, response.text(), {});
  // A listener may stay for hours, and there are a thousand of them.
  if (buffer.size() == 0) {
    buffer.shrink_to_fit();
    block = {};
  }
  const bool begun = co_await write(text, {}, {});
  if (!begun) co_return false;
  co_return co_await send_stream(response, request.head.minor_version == 1);
}

awaitable<bool> Connection::Impl::send_stream(const Response& response, bool chunked) {
  while (true) {
    auto producing = response.shared_stream ? response.shared_stream() : next_of(&response);
    const auto piece = co_await while_connected(watch, std::move(producing));
    if (!piece) co_return false;
    if (*piece == nullptr) break;
    const std::string& text = **piece;
    const std::string size = chunked ? fmt::format("{:x}\r\n", text.size()) : std::string();
    const bool sent = co_await write(size, text, chunked ? "\r\n" : "");
    if (!sent) co_return false;
  }
  if (!chunked) co_return true;
  co_return co_await write("0\r\n\r\n", {}, {});
}

awaitable<bool> Connection::Impl::write(std::string_view first, std::string_view second, std::string_view third) {
  const std::uint64_t bytes = first.size() + second.size() + third.size();
  const SteadyTime deadline = now() + options().write_time + std::chrono::seconds(bytes / kLeastBytesPerSecond);
  while (!first.empty() || !second.empty() || !third.empty()) {
    stream->transport().expires_at(std::min(now() + options().write_time, deadline));
    const std::array<asio::const_buffer, 3> pieces{asio::buffer(first), asio::buffer(second), asio::buffer(third)};
    error_code error;
    std::size_t count = co_await stream->write_some(pieces, error);
    if (error) co_return false;
    const std::size_t of_first = std::min(count, first.size());
    first.remove_prefix(of_first);
    count -= of_first;
    const std::size_t of_second = std::min(count, second.size());
    second.remove_prefix(of_second);
    third.remove_prefix(count - of_second);
  }
  co_return true;
}

awaitable<void> Connection::Impl::linger() {
  beast::tcp_stream& transport = stream->transport();
  transport.expires_after(kLingerTime);
  co_await stream->end();
  block.resize(kBodyBlock);
  error_code error;
  for (std::uint64_t total = 0; total < kLingerBytes;) {
    const std::size_t count =
        co_await transport.async_read_some(asio::buffer(block), asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
    total += count;
  }
}

}  // namespace skill_verifier::http
