#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>

#include "skill_verifier/core/async.hpp"

/// The least that a Beast server can do: one thread, one coroutine a connection, keep-alive, a time-out for every
/// operation, and always the same body of as many bytes as the first argument says. What the service is compared with.
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::seconds kIdle{60};

asio::awaitable<void> serve(tcp::socket socket, const std::string& body) {
  boost::beast::tcp_stream stream(std::move(socket));
  boost::beast::flat_buffer buffer;
  error_code error;
  while (true) {
    http::request<http::empty_body> request;
    stream.expires_after(kIdle);
    co_await http::async_read(stream, buffer, request, asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
    http::response<http::string_body> response(http::status::ok, request.version());
    response.set(http::field::content_type, "application/json");
    response.keep_alive(request.keep_alive());
    response.body() = body;
    response.prepare_payload();
    stream.expires_after(kIdle);
    co_await http::async_write(stream, response, asio::redirect_error(asio::use_awaitable, error));
    if (error || !request.keep_alive()) co_return;
  }
}

asio::awaitable<void> accept(tcp::acceptor& acceptor, skill_verifier::core::TaskGroup& connections,
                             const std::string& body) {
  while (true) {
    error_code error;
    tcp::socket socket = co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (error) continue;
    connections.spawn("connection", serve(std::move(socket), body));
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 2) throw std::invalid_argument("usage: skill-verifier-hello BODY_BYTES");
    const std::string body(std::stoul(argv[1]), 'x');
    asio::io_context io{1};
    skill_verifier::core::TaskGroup tasks(io.get_executor());
    tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    std::printf("port=%d\n", static_cast<int>(acceptor.local_endpoint().port()));
    std::fflush(stdout);
    tasks.spawn("accept", accept(acceptor, tasks, body));
    io.run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "skill-verifier-hello: %s\n", error.what());
    return 1;
  }
}
