#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace skill_verifier::test {

/// An answer as it came over the wire.
struct Answer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;       ///< chunks joined
  bool complete = false;  ///< the length or the last chunk was reached

  std::string header(std::string_view name) const;
};

/// A blocking socket to 127.0.0.1 that sends whatever it is told to, well-formed or not. Every wait ends after 30 s
/// with an exception, so that a server that hangs fails the test.
class Client {
 public:
  explicit Client(std::uint16_t port);
  /// With a small receive buffer, for a client that does not read.
  Client(std::uint16_t port, int receive_buffer);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// False when the server has closed the connection.
  bool send(std::string_view bytes);
  /// Reads one answer; `head` for the answer to a HEAD request. Throws when the connection ends before its head does.
  Answer read(bool head = false);
  /// Reads a status line and headers only, the body stays.
  Answer read_head();
  /// Next bytes of the body, as they come; empty at the end of the connection.
  std::string read_some();
  /// True when the server closes (or resets) without sending anything more.
  bool closed();
  void shutdown_write();
  void close();
  /// Closes with RST instead of FIN.
  void reset();

  Answer exchange(std::string_view request, bool head = false);

 private:
  bool fill();

  int socket_ = -1;
  std::string buffer_;
};

/// `GET path` on a connection of its own.
Answer get(std::uint16_t port, const std::string& path);
/// `METHOD path` with Host and the given header lines (each with CRLF) and body.
std::string request_text(std::string_view method, std::string_view path, std::string_view headers = {},
                         std::string_view body = {});

}  // namespace skill_verifier::test
