#include "http/client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

namespace skill_verifier::test {
namespace {

bool same_name(std::string_view left, std::string_view right) {
  return left.size() == right.size() && ::strncasecmp(left.data(), right.data(), left.size()) == 0;
}

Answer parse_head(std::string_view text) {
  Answer answer;
  answer.status = std::stoi(std::string(text.substr(9, 3)));
  auto line_end = text.find("\r\n");
  while (line_end + 2 < text.size()) {
    const auto begin = line_end + 2;
    line_end = text.find("\r\n", begin);
    const auto line = text.substr(begin, line_end - begin);
    if (line.empty()) break;
    const auto colon = line.find(": ");
    answer.headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
  }
  return answer;
}

}  // namespace

std::string Answer::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (same_name(key, name)) return value;
  }
  return {};
}

Client::Client(std::uint16_t port) : Client(port, 0) {}

Client::Client(std::uint16_t port, int receive_buffer) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval limit{30, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (receive_buffer > 0) ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("connect failed");
}

Client::~Client() {
  close();
}

void Client::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

void Client::reset() {
  const linger at_once{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

bool Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0) {
      if (errno == EPIPE || errno == ECONNRESET) return false;
      throw std::runtime_error("send timed out");
    }
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

bool Client::fill() {
  char block[16384];
  const auto count = ::recv(socket_, block, sizeof block, 0);
  if (count < 0 && errno != ECONNRESET) throw std::runtime_error("nothing came from the server");
  if (count <= 0) return false;
  buffer_.append(block, static_cast<std::size_t>(count));
  return true;
}

Answer Client::read_head() {
  while (buffer_.find("\r\n\r\n") == std::string::npos) {
    if (!fill()) throw std::runtime_error("connection closed before an answer: " + buffer_);
  }
  const auto end = buffer_.find("\r\n\r\n") + 4;
  Answer answer = parse_head(std::string_view(buffer_).substr(0, end));
  buffer_.erase(0, end);
  return answer;
}

Answer Client::read(bool head) {
  Answer answer = read_head();
  if (head || answer.status == 204 || answer.status == 304 || answer.status == 100) {
    answer.complete = true;
    return answer;
  }
  if (answer.header("Transfer-Encoding") == "chunked") {
    while (true) {
      while (buffer_.find("\r\n") == std::string::npos) {
        if (!fill()) return answer;
      }
      const auto line_end = buffer_.find("\r\n");
      const auto size = std::stoul(buffer_.substr(0, line_end), nullptr, 16);
      while (buffer_.size() < line_end + 2 + size + 2) {
        if (!fill()) return answer;
      }
      answer.body += buffer_.substr(line_end + 2, size);
      buffer_.erase(0, line_end + 2 + size + 2);
      if (size == 0) break;
    }
    answer.complete = true;
    return answer;
  }
  const std::string length = answer.header("Content-Length");
  const std::size_t size = length.empty() ? std::string::npos : std::stoul(length);
  while (buffer_.size() < size && fill())
    continue;
  answer.complete = length.empty() || buffer_.size() >= size;
  answer.body = buffer_.substr(0, size);
  buffer_.erase(0, answer.body.size());
  return answer;
}

std::string Client::read_some() {
  if (buffer_.empty()) fill();
  return std::exchange(buffer_, {});
}

bool Client::closed() {
  return buffer_.empty() && !fill();
}

void Client::shutdown_write() {
  ::shutdown(socket_, SHUT_WR);
}

Answer Client::exchange(std::string_view request, bool head) {
  send(request);
  return read(head);
}

Answer get(std::uint16_t port, const std::string& path) {
  Client client(port);
  return client.exchange(request_text("GET", path));
}

std::string request_text(std::string_view method, std::string_view path, std::string_view headers,
                         std::string_view body) {
  std::string text;
  text.append(method).append(" ").append(path).append(" HTTP/1.1\r\nHost: localhost\r\n").append(headers);
  if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return text.append("\r\n").append(body);
}

}  // namespace skill_verifier::test
