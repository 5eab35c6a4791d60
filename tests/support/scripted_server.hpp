#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace skill_verifier::test {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct ReceivedRequest {
  std::string method;
  std::string target;
  Headers headers;
  std::string body;  ///< chunked encoding removed
  std::string raw;   ///< the header block as it came

  /// Empty when absent; ASCII case ignored.
  std::string_view header(std::string_view name) const;
};

/// What the server does after it has read a request: steps in order, then it waits for the next request of the same
/// connection unless a step closed it.
class Reply {
 public:
  /// Status line, Content-Length, the headers given and the body.
  static Reply with(int status, std::string body = {}, Headers headers = {});
  /// The same with `Content-Type: application/json`.
  static Reply json(int status, std::string body);
  /// Exactly these bytes.
  static Reply raw(std::string bytes);
  /// Closes the connection without an answer.
  static Reply closed();
  /// Never answers; the connection stays open until the client or the server goes away.
  static Reply silent();

  Reply then_send(std::string bytes) const;
  /// Goes on when the test calls ScriptedServer::open(gate).
  Reply then_wait(std::string gate) const;
  /// Waits for so many bytes after the request and records them (ScriptedServer::received).
  Reply then_read(std::size_t bytes) const;
  /// Records everything until the client ends its side.
  Reply then_read_to_end() const;
  /// Ends the server's side only.
  Reply then_half_close() const;
  Reply then_close() const;
  /// Closes so that the client sees a reset (TCP).
  Reply then_reset() const;
  Reply then_hang() const;

  struct Step {
    enum class Kind { send, wait, read, read_to_end, half_close, close, reset, hang };
    Kind kind;
    std::string text;
    std::size_t count = 0;
  };
  const std::vector<Step>& steps() const { return steps_; }

 private:
  Reply and_then(Step step) const;
  std::vector<Step> steps_;
};

/// A request with the header `X-Answer-Early` is answered before its body is read, and the body is left unread.
///
/// Runs on the server's thread; must be thread-safe with regard to what the test touches meanwhile.
using Handler = std::function<Reply(const ReceivedRequest&)>;
/// The replies one after the other, whatever the request; 599 when they are used up.
Handler in_order(std::vector<Reply> replies);
/// By "METHOD /path" (query ignored), else by "METHOD /path?query"; anything else gets 404 `{"message":"no route …"}`.
Handler routes(std::map<std::string, Reply> table);

/// An HTTP server of canned answers in a thread of its own, for tests of clients. Listens once constructed; the
/// destructor ends the thread and removes the socket.
class ScriptedServer {
 public:
  enum class Transport {
    tcp,          ///< 127.0.0.1, a free port
    unix_socket,  ///< in a fresh directory
    tls           ///< as tcp, with a certificate for `localhost` signed by a CA made for this instance
  };
  explicit ScriptedServer(Handler handler, Transport transport = Transport::tcp);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  /// `http://127.0.0.1:port`, `unix:///path` or `https://localhost:port`.
  std::string url() const;
  unsigned short port() const;
  std::string socket_path() const;
  /// PEM file with the CA certificate (tls only).
  std::string ca_file() const;

  /// Lets `then_wait(gate)` pass, now and later.
  void open(const std::string& gate);
  /// Everything asked so far.
  std::vector<ReceivedRequest> requests() const;
  /// Blocks until that many requests came (10 s at most); false when they did not.
  bool wait_for_requests(std::size_t count) const;
  /// What then_read and then_read_to_end recorded, all connections together.
  std::string received() const;
  /// Blocks until that many connections have ended on the server's side (10 s at most); false when they have not.
  bool wait_for_closed(std::size_t count) const;
  /// How many connections were accepted so far.
  std::size_t connections() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace skill_verifier::test
