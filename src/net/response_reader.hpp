#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "skill_verifier/core/result.hpp"
#include "skill_verifier/net/http_client.hpp"

namespace skill_verifier::net {

/// Turns the bytes of a connection into one response. Knows nothing of sockets or time. Interim answers (1xx but 101)
/// are skipped. Stricter than its parser: a Transfer-Encoding other than exactly `chunked`, or one in HTTP/1.0, is
/// refused.
class ResponseReader {
 public:
  struct Options {
    std::size_t header_bytes = 0;
    std::size_t body_bytes = 0;
    bool head_request = false;    ///< no body follows whatever the header says
    bool stop_at_header = false;  ///< until `resume`
    /// Takes the body of statuses below 400; `false` ends with `cancelled`.
    std::function<bool(std::string_view)> on_chunk;
  };

  explicit ResponseReader(Options options);
  ~ResponseReader();
  ResponseReader(const ResponseReader&) = delete;
  ResponseReader& operator=(const ResponseReader&) = delete;

  /// The next bytes of the connection. Errors: unavailable `response_invalid`, too_large `response_too_large`,
  /// cancelled.
  Result<void> feed(std::string_view bytes);
  /// The connection ended. Fine for a body without a length; else unavailable `connection_lost`.
  Result<void> feed_end();
  /// Goes on after stop_at_header, with what has come since.
  Result<void> resume();

  bool started() const;  ///< whether any byte came
  bool header_done() const;
  bool done() const;
  /// Whether the connection may serve another request: complete, not to be closed, and nothing came after it.
  bool reusable() const;
  /// Whether the header announces how long the body is.
  bool has_length() const;
  Response& response();
  /// What came after the header (stop_at_header) or after the message.
  std::string take_rest();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace skill_verifier::net
