#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "http/byte_stream.hpp"

namespace skill_verifier::http {
namespace {

namespace asio = core::asio;
namespace beast = boost::beast;

class PlainStream final : public ByteStream {
 public:
  explicit PlainStream(asio::ip::tcp::socket socket) : stream_(std::move(socket)) {}

  beast::tcp_stream& transport() override { return stream_; }
  awaitable<bool> open(core::Duration) override { co_return true; }
  awaitable<std::size_t> read_some(asio::mutable_buffer space, error_code& error) override {
    co_return co_await stream_.async_read_some(space, asio::redirect_error(asio::use_awaitable, error));
  }
  awaitable<std::size_t> write_some(std::array<asio::const_buffer, 3> pieces, error_code& error) override {
    co_return co_await stream_.async_write_some(pieces, asio::redirect_error(asio::use_awaitable, error));
  }
  awaitable<void> end() override {
    error_code ignored;
    stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    co_return;
  }

 private:
  beast::tcp_stream stream_;
};

}  // namespace

std::unique_ptr<ByteStream> plain_stream(asio::ip::tcp::socket socket) {
  return std::make_unique<PlainStream>(std::move(socket));
}

}  // namespace skill_verifier::http
