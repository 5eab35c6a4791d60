#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace skill_verifier::test {

struct TlsClientOptions {
  std::string ca;                  ///< PEM; empty: the server is not verified
  std::string host = "localhost";  ///< that its certificate must name
  int max_version = 0;             ///< TLS1_1_VERSION …; 0: the newest
  std::string ciphers;             ///< of TLS 1.2 and older, OpenSSL's names
  std::string protocol;            ///< ALPN; empty: none is named
};

/// A blocking OpenSSL client of 127.0.0.1. Every wait ends after 30 s with a failure.
class TlsClient {
 public:
  TlsClient(std::uint16_t port, const TlsClientOptions& options);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  /// Whether the handshake succeeded.
  bool connected() const;
  std::string version() const;
  std::string protocol() const;  ///< that the server chose
  bool send(std::string_view bytes);
  /// Status line, headers and a body of Content-Length; as far as it comes.
  std::string read_answer();
  std::string exchange(std::string_view request);
  /// Whether the server says that this is the end (close_notify), rather than cutting the connection.
  bool ended();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace skill_verifier::test
