#pragma once

#include <filesystem>
#include <list>
#include <memory>
#include <string>

#include <boost/asio/local/stream_protocol.hpp>

#include "skill_verifier/core/async.hpp"

namespace skill_verifier::test {

/// A Unix socket that hands everything on to an engine's, until it is cut: how an engine looks that died.
class EngineRelay {
 public:
  EngineRelay(core::asio::io_context& io, std::filesystem::path socket, std::string engine_socket);
  ~EngineRelay();

  /// Ends every connection and refuses new ones.
  void cut();
  /// Swallows what the engine says from now on, without ending a connection: how an engine looks that hangs.
  void hang() { hung_ = true; }
  /// From now on the engine is told `by` where the program said `what`, of the same length: how an engine looks that
  /// does not do what it was told. Of several calls the last one counts.
  void replace(std::string what, std::string by);
  /// Accepts connections again.
  void resume();

 private:
  using Socket = core::asio::local::stream_protocol::socket;
  struct Pair {
    explicit Pair(core::asio::io_context& io) : client(io), engine(io) {}
    Socket client;
    Socket engine;
  };

  core::awaitable<void> accept(std::shared_ptr<core::asio::local::stream_protocol::acceptor> acceptor);
  core::awaitable<void> forward(std::shared_ptr<Pair> pair, bool to_client);
  /// What may go on of `said`; an end that may be the beginning of what is replaced stays.
  std::string replaced(std::string& said) const;

  core::asio::io_context& io_;
  std::filesystem::path socket_;
  std::string engine_socket_;
  std::shared_ptr<core::asio::local::stream_protocol::acceptor> acceptor_;
  std::list<std::weak_ptr<Pair>> pairs_;
  core::TaskGroup tasks_;
  std::string what_;
  std::string by_;
  bool hung_ = false;
};

}  // namespace skill_verifier::test
