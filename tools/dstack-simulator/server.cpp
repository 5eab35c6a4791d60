#include "server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace dstack_simulator {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace core = skill_verifier::core;
using core::awaitable;
using LocalStream = beast::basic_stream<asio::local::stream_protocol>;

// What the real agent's HTTP server is configured with.
constexpr std::size_t kMaxBody = 10u << 20;
constexpr std::chrono::seconds kIdle{10};
constexpr std::chrono::seconds kShutdown{5};

constexpr auto kUseTuple = asio::as_tuple(asio::use_awaitable);

http::response<http::string_body> make_response(AgentResponse answer, unsigned version, bool keep_alive) {
  http::response<http::string_body> response{http::int_to_status(static_cast<unsigned>(answer.status)), version};
  response.set(http::field::content_type, answer.content_type);
  response.keep_alive(keep_alive);
  response.body() = std::move(answer.body);
  response.prepare_payload();
  return response;
}

}  // namespace

struct Server::Impl {
  Impl(asio::any_io_executor executor, Agent& agent, ServerOptions options)
      : agent(agent), options(std::move(options)), acceptor(executor), quote_turn(executor, 1), connections(executor) {}

  awaitable<AgentResponse> answer(AgentRequest request);
  awaitable<void> serve(asio::local::stream_protocol::socket socket);

  Agent& agent;
  ServerOptions options;
  asio::local::stream_protocol::acceptor acceptor;
  core::Semaphore quote_turn;
  core::TaskGroup connections;
};

Server::Server(asio::any_io_executor executor, Agent& agent, ServerOptions options)
    : impl_(std::make_unique<Impl>(std::move(executor), agent, std::move(options))) {}

Server::~Server() {
  std::error_code ignored;
  if (impl_->acceptor.is_open()) std::filesystem::remove(impl_->options.socket, ignored);
}

skill_verifier::Result<void> Server::listen() {
  const auto& path = impl_->options.socket;
  std::error_code ignored;
  if (std::filesystem::is_socket(path, ignored)) std::filesystem::remove(path, ignored);
  boost::system::error_code error;
  impl_->acceptor.open({}, error);
  if (!error) impl_->acceptor.bind({path.string()}, error);
  if (!error) impl_->acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (!error) return {};
  boost::system::error_code close_error;
  impl_->acceptor.close(close_error);
  return skill_verifier::Error{skill_verifier::Errc::unavailable, "cannot listen on the socket: " + error.message()};
}

awaitable<void> Server::run() {
  auto& impl = *impl_;
  const auto executor = co_await asio::this_coro::executor;
  bool stopped = false;
  while (!stopped) {
    asio::local::stream_protocol::socket socket(executor);
    boost::system::error_code error;
    co_await impl.acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
    if (!error) impl.connections.spawn("connection", impl.serve(std::move(socket)));
    stopped = co_await core::cancelled();
  }
  co_await core::shield_from_cancellation();
  impl.connections.cancel();
  co_await impl.connections.wait(kShutdown);
}

awaitable<AgentResponse> Server::Impl::answer(AgentRequest request) {
  if (!Agent::is_quote(request.target)) co_return agent.handle(request);
  const auto turn = co_await quote_turn.acquire();
  co_await core::sleep_for(options.quote_delay);
  co_return agent.handle(request);
}

awaitable<void> Server::Impl::serve(asio::local::stream_protocol::socket socket) {
  LocalStream stream(std::move(socket));
  beast::flat_buffer buffer;
  for (bool open = true; open;) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(kMaxBody);
    stream.expires_after(kIdle);
    const auto [read_error, read] = co_await http::async_read(stream, buffer, parser, kUseTuple);
    // A client that went away, was silent for too long or speaks no HTTP gets no answer.
    if (read_error) co_return;
    const auto& message = parser.get();
    AgentRequest request{std::string(message.method_string()), std::string(message.target()),
                         std::string(message[http::field::content_type]), message.body()};
    stream.expires_never();
    auto result = co_await answer(std::move(request));
    auto response = make_response(std::move(result), message.version(), message.keep_alive());
    stream.expires_after(kIdle);
    const auto [write_error, written] = co_await http::async_write(stream, response, kUseTuple);
    open = !write_error && response.keep_alive();
  }
}

}  // namespace dstack_simulator
