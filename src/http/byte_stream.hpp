#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/system/error_code.hpp>
#include <memory>

#include "http/tls_context.hpp"
#include "skill_verifier/core/async.hpp"

namespace skill_verifier::http {

using boost::system::error_code;
using core::awaitable;

/// What a connection is served over: TCP, or TLS on it. One operation at a time. Virtual, so that everything above is
/// compiled once and only two files know asio::ssl.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  /// The connection beneath. Its time limits hold for every operation, and closing it ends them.
  virtual boost::beast::tcp_stream& transport() = 0;
  /// What comes before the first byte: nothing, or the handshake. False when there is nobody to talk to.
  virtual awaitable<bool> open(core::Duration limit) = 0;
  virtual awaitable<std::size_t> read_some(boost::asio::mutable_buffer space, error_code& error) = 0;
  virtual awaitable<std::size_t> write_some(std::array<boost::asio::const_buffer, 3> pieces, error_code& error) = 0;
  /// Tells the other side that nothing more will be sent, within the transport's time limit. Afterwards only the
  /// transport may be read, and what it gives is not to be looked at.
  virtual awaitable<void> end() = 0;
};

std::unique_ptr<ByteStream> plain_stream(boost::asio::ip::tcp::socket socket);
std::unique_ptr<ByteStream> tls_stream(boost::asio::ip::tcp::socket socket, std::shared_ptr<TlsContext> context);

}  // namespace skill_verifier::http
