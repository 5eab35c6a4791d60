#include "sandbox/container_engine.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace skill_verifier::testing_support {
namespace {

using nlohmann::json;

constexpr int kPatienceMs = 60'000;

class Connection {
 public:
  explicit Connection(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      ::close(fd_);
      throw std::runtime_error("the engine does not answer");
    }
  }
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool write(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  std::string read() {
    pollfd ready{fd_, POLLIN, 0};
    if (::poll(&ready, 1, kPatienceMs) <= 0) return {};
    std::string bytes(64u << 10, '\0');
    const auto count = ::recv(fd_, bytes.data(), bytes.size(), 0);
    bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return bytes;
  }
  /// Up to the empty line after the header; what came behind it stays in `rest`.
  std::string read_header(std::string& rest) {
    std::string text;
    while (text.find("\r\n\r\n") == std::string::npos) {
      const auto bytes = read();
      if (bytes.empty()) throw std::runtime_error("the engine closed the connection");
      text += bytes;
    }
    const auto end = text.find("\r\n\r\n") + 4;
    rest = text.substr(end);
    return text.substr(0, end);
  }

 private:
  int fd_;
};

int status_of(const std::string& header) {
  return std::stoi(header.substr(header.find(' ') + 1, 3));
}

std::string unchunk(const std::string& text) {
  std::string body;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto end = text.find("\r\n", at);
    const auto size = std::stoul(text.substr(at, end - at), nullptr, 16);
    if (size == 0) break;
    body += text.substr(end + 2, size);
    at = end + 2 + size + 2;
  }
  return body;
}

/// The engine's framing of an attached stream: u8 stream, three zeros, u32 length.
class AttachedStream final : public ByteStream {
 public:
  AttachedStream(std::unique_ptr<Connection> connection, std::string rest)
      : connection_(std::move(connection)), raw_(std::move(rest)) {}

  bool write(std::string_view bytes) override { return connection_->write(bytes); }
  std::string read() override {
    while (true) {
      std::string output;
      while (raw_.size() >= 8) {
        std::size_t size = 0;
        for (std::size_t i = 4; i < 8; ++i)
          size = size << 8 | static_cast<unsigned char>(raw_[i]);
        if (raw_.size() < 8 + size) break;
        if (raw_[0] == 1) output += raw_.substr(8, size);
        raw_.erase(0, 8 + size);
      }
      if (!output.empty()) return output;
      const auto bytes = connection_->read();
      if (bytes.empty()) return {};
      raw_ += bytes;
    }
  }

 private:
  std::unique_ptr<Connection> connection_;
  std::string raw_;
};

std::string tar_entry(const ContainerEngine::ImageFile& file) {
  std::string header(512, '\0');
  const auto put = [&header](std::size_t at, const std::string& text) { header.replace(at, text.size(), text); };
  const auto octal = [](std::size_t value, int width) {
    char text[16];
    std::snprintf(text, sizeof text, "%0*zo", width, value);
    return std::string(text);
  };
  const bool folder = file.path.ends_with('/');
  put(0, file.path);
  put(100, octal(file.mode, 7));
  put(108, octal(0, 7));
  put(116, octal(0, 7));
  put(124, octal(file.bytes.size(), 11));
  put(136, octal(0, 11));
  put(156, !file.link.empty() ? "2" : folder ? "5" : "0");
  put(157, file.link);
  put(257, std::string("ustar\00000", 8));
  put(148, "        ");
  std::size_t sum = 0;
  for (const char byte : header)
    sum += static_cast<unsigned char>(byte);
  put(148, octal(sum, 6) + std::string("\0 ", 2));
  std::string entry = header + file.bytes;
  entry.resize((entry.size() + 511) / 512 * 512, '\0');
  return entry;
}

}  // namespace

ContainerEngine::ContainerEngine(std::string host) {
  constexpr std::string_view kScheme = "unix://";
  if (!host.starts_with(kScheme)) throw std::runtime_error("these tests need a unix:// engine");
  socket_ = host.substr(kScheme.size());
}

ContainerEngine::Answer ContainerEngine::request(std::string_view method, std::string_view target,
                                                 std::string_view type, std::string_view body) {
  Connection connection(socket_);
  std::string text(method);
  text += " /v1.41" + std::string(target) + " HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n";
  if (!type.empty()) text += "Content-Type: " + std::string(type) + "\r\n";
  text += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  text += body;
  if (!connection.write(text)) throw std::runtime_error("the engine does not listen");
  std::string rest;
  const auto header = connection.read_header(rest);
  for (auto bytes = connection.read(); !bytes.empty(); bytes = connection.read())
    rest += bytes;
  const bool chunked = header.find("ransfer-Encoding: chunked") != std::string::npos;
  return {status_of(header), chunked ? unchunk(rest) : rest};
}

std::string ContainerEngine::expect(std::string_view what, const Answer& answer) {
  if (answer.status >= 200 && answer.status < 400) return answer.body;
  throw std::runtime_error(std::string(what) + ": " + std::to_string(answer.status) + " " + answer.body);
}

std::string ContainerEngine::import_image(const std::vector<ImageFile>& files) {
  std::string tar;
  for (const auto& file : files)
    tar += tar_entry(file);
  tar += std::string(1024, '\0');
  const auto body = expect("import", request("POST", "/images/create?fromSrc=-", "application/x-tar", tar));
  return json::parse(body).at("status");
}

void ContainerEngine::remove_image(const std::string& id) {
  // Without noprune the engine would take the untagged image along from which this one was made.
  expect("remove image", request("DELETE", "/images/" + id + "?force=1&noprune=1", "", ""));
}

std::string ContainerEngine::create(const std::string& body) {
  const auto answer = json::parse(expect("create", request("POST", "/containers/create", "application/json", body)));
  if (!answer.at("Warnings").is_null() && !answer.at("Warnings").empty()) throw std::runtime_error(answer.dump());
  return answer.at("Id");
}

std::unique_ptr<ByteStream> ContainerEngine::attach(const std::string& id) {
  auto connection = std::make_unique<Connection>(socket_);
  connection->write("POST /v1.41/containers/" + id +
                    "/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\nHost: engine\r\n"
                    "Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n");
  std::string rest;
  const auto header = connection->read_header(rest);
  if (status_of(header) != 101) throw std::runtime_error("attach: " + header + rest);
  return std::make_unique<AttachedStream>(std::move(connection), std::move(rest));
}

void ContainerEngine::start(const std::string& id) {
  expect("start", request("POST", "/containers/" + id + "/start", "", ""));
}

int ContainerEngine::wait(const std::string& id) {
  const auto answer = request("POST", "/containers/" + id + "/wait?condition=not-running", "", "");
  return json::parse(expect("wait", answer)).at("StatusCode");
}

std::string ContainerEngine::commit(const std::string& id) {
  const auto answer = request("POST", "/commit?pause=0&container=" + id, "application/json", "{}");
  return json::parse(expect("commit", answer)).at("Id");
}

void ContainerEngine::remove(const std::string& id) {
  const auto answer = request("DELETE", "/containers/" + id + "?force=1&v=1", "", "");
  // A container that removes itself may be gone or on its way.
  if (answer.status != 404 && answer.status != 409) expect("remove", answer);
}

}  // namespace skill_verifier::testing_support
