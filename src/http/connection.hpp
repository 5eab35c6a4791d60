#pragma once

#include <memory>
#include <set>

#include "http/api.hpp"
#include "http/byte_stream.hpp"

namespace skill_verifier::http {

class Connection;

/// The other end's address; all zero where there is none any more.
auth::Address peer_of(const core::asio::ip::tcp::socket& socket);

/// What the connections of one server have in common.
struct ConnectionGroup {
  Api& api;
  const ServerOptions& options;
  std::set<Connection*> open;
  bool stopping = false;  ///< every answer from now on is the last of its connection
};

/// One accepted socket. Requests are answered one after the other; what a client sends ahead waits in the kernel.
class Connection {
 public:
  Connection(std::unique_ptr<ByteStream> stream, ConnectionGroup& group);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Serves requests until one side has had enough; over TLS, once the handshake has succeeded in time.
  awaitable<void> run();
  /// Answers with a problem before any request has been read, and closes.
  awaitable<void> refuse(Problem problem);
  void close();
  /// Closes unless a request has begun to arrive.
  void close_if_idle();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace skill_verifier::http
