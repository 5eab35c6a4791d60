#include "support/scripted_server.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <thread>

#include "support/test_certificate.hpp"

namespace skill_verifier::test {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using GenericSocket = asio::generic::stream_protocol::socket;
constexpr auto kUseTuple = asio::as_tuple(asio::use_awaitable);

bool same_name(std::string_view left, std::string_view right) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [&](char a, char b) { return lower(a) == lower(b); });
}

std::string response_head(int status, const Headers& headers, std::size_t length) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + " Scripted\r\n";
  for (const auto& [name, value] : headers)
    text += name + ": " + value + "\r\n";
  if (status != 204 && status != 304) text += "Content-Length: " + std::to_string(length) + "\r\n";
  return text + "\r\n";
}

/// Removes the first line of `text` (without CRLF) and returns it.
std::string take_line(std::string& text) {
  const auto end = text.find("\r\n");
  std::string line = text.substr(0, end);
  text.erase(0, end == std::string::npos ? end : end + 2);
  return line;
}

ReceivedRequest parse_head(std::string head) {
  ReceivedRequest request;
  request.raw = head;
  std::string first = take_line(head);
  const auto space = first.find(' ');
  const auto last = first.rfind(' ');
  if (space != std::string::npos && last > space) {
    request.method = first.substr(0, space);
    request.target = first.substr(space + 1, last - space - 1);
  }
  while (!head.empty()) {
    const std::string line = take_line(head);
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    const auto start = line.find_first_not_of(' ', colon + 1);
    request.headers.emplace_back(line.substr(0, colon), start == std::string::npos ? "" : line.substr(start));
  }
  return request;
}

}  // namespace

std::string_view ReceivedRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (same_name(key, name)) return value;
  }
  return {};
}

Reply Reply::and_then(Step step) const {
  Reply copy = *this;
  copy.steps_.push_back(std::move(step));
  return copy;
}
Reply Reply::with(int status, std::string body, Headers headers) {
  return raw(response_head(status, headers, body.size()) + body);
}
Reply Reply::json(int status, std::string body) {
  return with(status, std::move(body), {{"Content-Type", "application/json"}});
}
Reply Reply::raw(std::string bytes) {
  return Reply().then_send(std::move(bytes));
}
Reply Reply::closed() {
  return Reply().then_close();
}
Reply Reply::silent() {
  return Reply().then_hang();
}
Reply Reply::then_send(std::string bytes) const {
  return and_then({Step::Kind::send, std::move(bytes)});
}
Reply Reply::then_wait(std::string gate) const {
  return and_then({Step::Kind::wait, std::move(gate)});
}
Reply Reply::then_read(std::size_t bytes) const {
  return and_then({Step::Kind::read, {}, bytes});
}
Reply Reply::then_read_to_end() const {
  return and_then({Step::Kind::read_to_end, {}});
}
Reply Reply::then_half_close() const {
  return and_then({Step::Kind::half_close, {}});
}
Reply Reply::then_close() const {
  return and_then({Step::Kind::close, {}});
}
Reply Reply::then_reset() const {
  return and_then({Step::Kind::reset, {}});
}
Reply Reply::then_hang() const {
  return and_then({Step::Kind::hang, {}});
}

Handler in_order(std::vector<Reply> replies) {
  auto left = std::make_shared<std::vector<Reply>>(std::move(replies));
  std::reverse(left->begin(), left->end());
  return [left](const ReceivedRequest&) {
    if (left->empty()) return Reply::with(599, "no reply left");
    Reply reply = std::move(left->back());
    left->pop_back();
    return reply;
  };
}

Handler routes(std::map<std::string, Reply> table) {
  return [table = std::move(table)](const ReceivedRequest& request) {
    const std::string full = request.method + " " + request.target;
    auto found = table.find(full);
    if (found == table.end()) found = table.find(full.substr(0, full.find('?')));
    return found != table.end() ? found->second : Reply::json(404, R"({"message":"no route )" + full + "\"}");
  };
}

struct ScriptedServer::Impl {
  explicit Impl(Handler handler) : handler(std::move(handler)) {}

  // One connection; S is a socket or a TLS stream.
  template <class S>
  struct Peer {
    explicit Peer(S stream) : stream(std::move(stream)) {}
    S stream;
    std::string buffer;
    GenericSocket& socket() {
      if constexpr (std::is_same_v<S, GenericSocket>) {
        return stream;
      } else {
        return stream.next_layer();
      }
    }
  };

  template <class S>
  asio::awaitable<bool> read_more(Peer<S>& peer) {
    char piece[16384];
    auto [ec, size] = co_await peer.stream.async_read_some(asio::buffer(piece), kUseTuple);
    peer.buffer.append(piece, size);
    co_return !ec;
  }

  template <class S>
  asio::awaitable<bool> read_at_least(Peer<S>& peer, std::size_t size) {
    while (peer.buffer.size() < size) {
      const bool more = co_await read_more(peer);
      if (!more) co_return false;
    }
    co_return true;
  }

  /// Moves the buffer's text up to and including `mark` into `text`.
  template <class S>
  asio::awaitable<bool> read_until(Peer<S>& peer, std::string mark, std::string& text) {
    for (;;) {
      const auto found = peer.buffer.find(mark);
      if (found != std::string::npos) {
        text = peer.buffer.substr(0, found + mark.size());
        peer.buffer.erase(0, text.size());
        co_return true;
      }
      const bool more = co_await read_more(peer);
      if (!more) co_return false;
    }
  }

  template <class S>
  asio::awaitable<bool> read_chunks(Peer<S>& peer, std::string& body) {
    for (;;) {
      std::string line;
      const bool got = co_await read_until(peer, "\r\n", line);
      if (!got) co_return false;
      const std::size_t size = std::stoul(line, nullptr, 16);
      const bool whole = co_await read_at_least(peer, size + 2);
      if (!whole) co_return false;
      body.append(peer.buffer, 0, size);
      peer.buffer.erase(0, size + 2);
      if (size == 0) co_return true;
    }
  }

  template <class S>
  asio::awaitable<bool> read_body(Peer<S>& peer, ReceivedRequest& request) {
    if (!request.header("X-Answer-Early").empty()) co_return true;
    if (same_name(request.header("Transfer-Encoding"), "chunked")) {
      co_return co_await read_chunks(peer, request.body);
    }
    const std::string length(request.header("Content-Length"));
    const std::size_t size = length.empty() ? 0 : std::stoul(length);
    const bool whole = co_await read_at_least(peer, size);
    if (!whole) co_return false;
    request.body = peer.buffer.substr(0, size);
    peer.buffer.erase(0, size);
    co_return true;
  }

  template <class S>
  asio::awaitable<void> record_to_end(Peer<S>& peer) {
    for (bool more = true; more;) {
      take_received(peer.buffer, peer.buffer.size());
      more = co_await read_more(peer);
    }
    take_received(peer.buffer, peer.buffer.size());
  }

  asio::awaitable<void> wait_for_gate(std::string name) {
    for (;;) {
      {
        const std::lock_guard lock(mutex);
        if (open_gates.contains(name)) co_return;
      }
      asio::steady_timer timer(io, std::chrono::hours(24));
      waiting.push_back(&timer);
      co_await timer.async_wait(kUseTuple);
      std::erase(waiting, &timer);
    }
  }

  template <class S>
  asio::awaitable<bool> send(Peer<S>& peer, const std::string& text) {
    auto [ec, size] = co_await asio::async_write(peer.stream, asio::buffer(text), kUseTuple);
    co_return !ec;
  }

  /// False when the connection is over.
  template <class S>
  asio::awaitable<bool> perform(Peer<S>& peer, const Reply::Step& step) {
    using Kind = Reply::Step::Kind;
    error_code ignored;
    if (step.kind == Kind::send) co_return co_await send(peer, step.text);
    if (step.kind == Kind::wait) co_await wait_for_gate(step.text);
    if (step.kind == Kind::hang) co_await wait_for_gate("never opened");
    if (step.kind == Kind::half_close) peer.socket().shutdown(asio::socket_base::shutdown_send, ignored);
    if (step.kind == Kind::close) co_return false;
    if (step.kind == Kind::read_to_end) co_await record_to_end(peer);
    if (step.kind == Kind::reset) {
      peer.socket().set_option(asio::socket_base::linger(true, 0), ignored);
      co_return false;
    }
    if (step.kind == Kind::read) {
      const bool whole = co_await read_at_least(peer, step.count);
      take_received(peer.buffer, std::min(step.count, peer.buffer.size()));
      co_return whole;
    }
    co_return true;
  }

  template <class S>
  asio::awaitable<void> serve(S stream) {
    Peer<S> peer(std::move(stream));
    if constexpr (!std::is_same_v<S, GenericSocket>) {
      auto [ec] = co_await peer.stream.async_handshake(asio::ssl::stream_base::server, kUseTuple);
      if (ec) co_return;
    }
    for (;;) {
      std::string head;
      const bool got = co_await read_until(peer, "\r\n\r\n", head);
      if (!got) co_return;
      ReceivedRequest request = parse_head(std::move(head));
      const bool whole = co_await read_body(peer, request);
      if (!whole) co_return;
      record(request);
      const Reply reply = handler(request);
      for (const Reply::Step& step : reply.steps()) {
        const bool go_on = co_await perform(peer, step);
        if (!go_on) co_return;
      }
    }
  }

  template <class Acceptor>
  asio::awaitable<void> accept_loop(Acceptor& acceptor) {
    for (;;) {
      GenericSocket socket(io);
      error_code ec;
      co_await acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, ec));
      if (ec) co_return;
      {
        const std::lock_guard lock(mutex);
        ++accepted;
      }
      if (tls) {
        asio::ssl::stream<GenericSocket> stream(std::move(socket), *tls);
        asio::co_spawn(io, serve(std::move(stream)), [this](std::exception_ptr) { count_closed(); });
      } else {
        asio::co_spawn(io, serve(std::move(socket)), [this](std::exception_ptr) { count_closed(); });
      }
    }
  }

  void record(const ReceivedRequest& request) {
    const std::lock_guard lock(mutex);
    requests.push_back(request);
    changed.notify_all();
  }

  void count_closed() {
    const std::lock_guard lock(mutex);
    ++closed;
    changed.notify_all();
  }

  void take_received(std::string& from, std::size_t size) {
    const std::lock_guard lock(mutex);
    received.append(from, 0, size);
    from.erase(0, size);
  }

  void make_directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "scripted-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
    directory = pattern;
  }

  void use_tls() {
    const TestCertificate made = make_test_certificate("localhost");
    tls.emplace(asio::ssl::context::tls_server);
    tls->use_certificate(asio::buffer(made.certificate), asio::ssl::context::pem);
    tls->use_private_key(asio::buffer(made.private_key), asio::ssl::context::pem);
    make_directory();
    std::ofstream(directory / "ca.pem") << made.ca;
  }

  asio::io_context io{1};
  std::optional<asio::ssl::context> tls;
  std::optional<asio::ip::tcp::acceptor> tcp;
  std::optional<asio::local::stream_protocol::acceptor> local;
  Handler handler;
  std::filesystem::path directory;
  std::vector<asio::steady_timer*> waiting;  // touched by the server's thread only

  mutable std::mutex mutex;
  mutable std::condition_variable changed;
  std::vector<ReceivedRequest> requests;
  std::set<std::string> open_gates;
  std::string received;
  std::size_t accepted = 0;
  std::size_t closed = 0;
  std::thread thread;
};

ScriptedServer::ScriptedServer(Handler handler, Transport transport)
    : impl_(std::make_unique<Impl>(std::move(handler))) {
  Impl& impl = *impl_;
  if (transport == Transport::unix_socket) {
    impl.make_directory();
    impl.local.emplace(impl.io, asio::local::stream_protocol::endpoint(socket_path()));
    asio::co_spawn(impl.io, impl.accept_loop(*impl.local), asio::detached);
  } else {
    if (transport == Transport::tls) impl.use_tls();
    impl.tcp.emplace(impl.io, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    asio::co_spawn(impl.io, impl.accept_loop(*impl.tcp), asio::detached);
  }
  impl.thread = std::thread([&impl] { impl.io.run(); });
}

ScriptedServer::~ScriptedServer() {
  impl_->io.stop();
  impl_->thread.join();
  if (!impl_->directory.empty()) {
    std::error_code ignored;
    std::filesystem::remove_all(impl_->directory, ignored);
  }
}

std::string ScriptedServer::url() const {
  if (impl_->local) return "unix://" + socket_path();
  return (impl_->tls ? "https://localhost:" : "http://127.0.0.1:") + std::to_string(port());
}
unsigned short ScriptedServer::port() const {
  return impl_->tcp ? impl_->tcp->local_endpoint().port() : 0;
}
std::string ScriptedServer::socket_path() const {
  return (impl_->directory / "socket").string();
}
std::string ScriptedServer::ca_file() const {
  return (impl_->directory / "ca.pem").string();
}

void ScriptedServer::open(const std::string& gate) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->open_gates.insert(gate);
  }
  asio::post(impl_->io, [impl = impl_.get()] {
    for (asio::steady_timer* timer : impl->waiting)
      timer->cancel();
  });
}

std::vector<ReceivedRequest> ScriptedServer::requests() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->requests;
}

bool ScriptedServer::wait_for_requests(std::size_t count) const {
  std::unique_lock lock(impl_->mutex);
  return impl_->changed.wait_for(lock, std::chrono::seconds(10), [&] { return impl_->requests.size() >= count; });
}

bool ScriptedServer::wait_for_closed(std::size_t count) const {
  std::unique_lock lock(impl_->mutex);
  return impl_->changed.wait_for(lock, std::chrono::seconds(10), [&] { return impl_->closed >= count; });
}

std::string ScriptedServer::received() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->received;
}

std::size_t ScriptedServer::connections() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->accepted;
}

}  // namespace skill_verifier::test
