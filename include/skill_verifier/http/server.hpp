#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "skill_verifier/auth/access.hpp"
#include "skill_verifier/auth/audit_log.hpp"
#include "skill_verifier/auth/key_ring.hpp"
#include "skill_verifier/core/async.hpp"
#include "skill_verifier/service/service.hpp"

namespace skill_verifier::http {

using core::awaitable;

/// PEM texts: the server's certificate followed by those up to its CA, and its private key.
struct TlsIdentity {
  std::string certificates;
  std::string key;
};

struct TlsOptions {
  std::string address;  ///< empty: ServerOptions::address
  std::uint16_t port = 3443;
  core::Duration handshake_time = std::chrono::seconds(10);
  /// Where certificate and key come from, asked by every Server::reload. Empty: no TLS listener.
  std::function<awaitable<Result<TlsIdentity>>()> identity;
};

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 3000;                           ///< 0 = any free one
  bool plain = true;                                   ///< whether HTTP without TLS is listened for
  std::uint64_t body_bytes = 51u << 20;                ///< of an upload
  std::uint64_t spool_bytes = std::uint64_t{4} << 30;  ///< uploads being received plus packages of waiting jobs
  std::uint64_t response_bytes = 64u << 20;            ///< large answers held at once; one reader more gets 503
  std::uint64_t json_bytes = 64u << 10;                ///< of a JSON request
  std::size_t header_bytes = 16u << 10;
  core::Duration header_time = std::chrono::seconds(10);
  core::Duration body_time = std::chrono::seconds(120);  ///< whole upload
  core::Duration body_idle = std::chrono::seconds(15);   ///< between two pieces of it
  core::Duration idle_time = std::chrono::seconds(60);   ///< between two requests
  core::Duration write_time = std::chrono::seconds(30);  ///< no progress in sending
  std::size_t connections = 1024;
  std::size_t connections_per_address = 256;           ///< IPv6: of one /64; not of a trusted proxy
  std::size_t uploads = 64;                            ///< bodies being received at once; one more is 503
  core::Duration max_wait = std::chrono::seconds(60);  ///< of `?wait=`; a longer one is shortened
  /// How long answers that go on may say nothing, and how far behind the end of their caller's key they may be.
  core::Duration beat = std::chrono::seconds(15);
  std::string version;  ///< shown by /health
  /// Write families of /metrics beside those of the server and the service.
  std::vector<std::function<void(core::MetricsText&)>> metrics;
  /// The same on the pool, for what looks at files. Called from several threads at once.
  std::vector<std::function<void(core::MetricsText&)>> file_metrics;
  TlsOptions tls;  ///< limits on connections hold for both listeners together
  auth::AccessPolicy access;
  auth::Rate key_rate, address_rate;    ///< requests; of keys that have no rate of their own, of callers without a key
  auth::Rate key_quota, address_quota;  ///< submissions
  std::vector<auth::Network> trusted_proxies;  ///< whose `proxy_field` is believed
  auth::ProxyField proxy_field = auth::ProxyField::x_forwarded_for;
  auth::KeyRing* keys = nullptr;    ///< null: there are no keys
  auth::AuditLog* audit = nullptr;  ///< null: off
};

/// The HTTP/1.1 face of a Service. One thread. `pool` writes uploads into `spool` (JobStore::spool()). Everything
/// handed in outlives the server; `stop` has returned before it is destroyed.
class Server {
 public:
  Server(core::asio::any_io_executor executor, core::WorkPool& pool, service::Service& service,
         const core::Clock& clock, std::filesystem::path spool, ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Takes certificate and key anew: for handshakes from now on, while connections that are open go on with theirs.
  /// Called before `start`, and again at any time (SIGHUP). When it fails the earlier ones stay in use. Nothing to do
  /// without TLS. Errors: those of TlsOptions::identity; invalid_argument `tls_certificate_invalid`, `tls_key_invalid`,
  /// `tls_key_mismatch`.
  awaitable<Result<void>> reload();
  /// Binds and begins to accept. Errors: unavailable `listen_failed` naming address and port; internal
  /// `tls_not_loaded` when there was no successful `reload`.
  Result<void> start();
  /// Takes on what can change while it serves: times, numbers of connections and uploads, `body_bytes`, `max_wait`, who
  /// may do what, rates and quotas.
  void reconfigure(const ServerOptions& wanted);
  /// The ports that are listened on, once `start` has succeeded; 0 for a listener that is off.
  std::uint16_t port() const;
  std::uint16_t tls_port() const;
  /// Stops accepting and closes idle connections, lets requests in flight finish for `grace`, then ends long polls and
  /// followed logs early and closes what is left.
  awaitable<void> stop(core::Duration grace);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// OpenAPI 3.1 description of every route, JSON text; what /docs is rendered from.
std::string openapi_json();

}  // namespace skill_verifier::http
