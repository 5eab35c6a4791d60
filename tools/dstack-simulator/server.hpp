#pragma once

#include <filesystem>

#include "agent.hpp"
#include "skill_verifier/core/async.hpp"

namespace dstack_simulator {

struct ServerOptions {
  std::filesystem::path socket;
  skill_verifier::core::Duration quote_delay{};  ///< of each quote; quotes come one after the other
};

/// HTTP/1.1 on a Unix socket, one thread, for as long as the process needs an agent.
class Server {
 public:
  Server(boost::asio::any_io_executor executor, Agent& agent, ServerOptions options);
  /// Closes the connections and removes the socket.
  ~Server();

  /// Listens from here on; a socket left behind at the path is replaced. Errors: unavailable.
  skill_verifier::Result<void> listen();
  /// Serves until the coroutine is cancelled.
  skill_verifier::core::awaitable<void> run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dstack_simulator
