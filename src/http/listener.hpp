#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "http/backend.hpp"
#include "skill_verifier/http/server.hpp"

namespace skill_verifier::http {

/// Server without its Service: accepts connections, counts them, and hands each to a Connection. Promises as of Server.
class Listener {
 public:
  Listener(core::asio::any_io_executor executor, core::WorkPool& pool, Backend backend, const core::Clock& clock,
           std::filesystem::path spool, ServerOptions options);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  awaitable<Result<void>> reload();
  Result<void> start();
  void reconfigure(const ServerOptions& wanted);
  std::uint16_t port() const;
  std::uint16_t tls_port() const;
  awaitable<void> stop(core::Duration grace);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace skill_verifier::http
