#include "http/tls_client.hpp"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

namespace skill_verifier::test {
namespace {

void check(bool good, const char* what) {
  if (!good) throw std::runtime_error(std::string("TLS client: ") + what);
}

void trust(SSL_CTX* context, const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  check(certificate != nullptr && X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate) == 1, "CA");
  X509_free(certificate);
  BIO_free(bio);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
}

int open_socket(std::uint16_t port) {
  const int handle = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval limit{30, 0};
  ::setsockopt(handle, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(handle, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  check(::connect(handle, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "connect");
  return handle;
}

std::size_t body_length(std::string_view head) {
  constexpr std::string_view kName = "\r\nContent-Length: ";
  const auto at = head.find(kName);
  return at == std::string_view::npos ? 0 : std::stoul(std::string(head.substr(at + kName.size(), 12)));
}

}  // namespace

struct TlsClient::Impl {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL* ssl = nullptr;
  int handle = -1;
  bool connected = false;
  std::string buffer;

  bool fill() {
    char piece[16384];
    const int count = SSL_read(ssl, piece, sizeof piece);
    if (count > 0) buffer.append(piece, static_cast<std::size_t>(count));
    return count > 0;
  }
};

TlsClient::TlsClient(std::uint16_t port, const TlsClientOptions& options) : impl_(std::make_unique<Impl>()) {
  SSL_CTX* context = impl_->context;
  if (!options.ca.empty()) trust(context, options.ca);
  // Old versions and ciphers are only spoken at this level: what refuses them must be the server.
  SSL_CTX_set_security_level(context, 0);
  if (options.max_version != 0) {
    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context, options.max_version);
  }
  if (!options.ciphers.empty()) check(SSL_CTX_set_cipher_list(context, options.ciphers.c_str()) == 1, "ciphers");
  impl_->handle = open_socket(port);
  impl_->ssl = SSL_new(context);
  SSL_set_tlsext_host_name(impl_->ssl, options.host.c_str());
  if (!options.ca.empty()) SSL_set1_host(impl_->ssl, options.host.c_str());
  if (!options.protocol.empty()) {
    const std::string list = static_cast<char>(options.protocol.size()) + options.protocol;
    SSL_set_alpn_protos(impl_->ssl, reinterpret_cast<const unsigned char*>(list.data()),
                        static_cast<unsigned int>(list.size()));
  }
  SSL_set_fd(impl_->ssl, impl_->handle);
  impl_->connected = SSL_connect(impl_->ssl) == 1;
}

TlsClient::~TlsClient() {
  SSL_free(impl_->ssl);
  SSL_CTX_free(impl_->context);
  ::close(impl_->handle);
}

bool TlsClient::connected() const {
  return impl_->connected;
}
std::string TlsClient::version() const {
  return SSL_get_version(impl_->ssl);
}
std::string TlsClient::protocol() const {
  const unsigned char* name = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(impl_->ssl, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

bool TlsClient::send(std::string_view bytes) {
  return SSL_write(impl_->ssl, bytes.data(), static_cast<int>(bytes.size())) == static_cast<int>(bytes.size());
}

std::string TlsClient::read_answer() {
  std::string& buffer = impl_->buffer;
  while (buffer.find("\r\n\r\n") == std::string::npos)
    if (!impl_->fill()) return std::exchange(buffer, {});
  const std::size_t head = buffer.find("\r\n\r\n") + 4;
  const std::size_t size = head + body_length(std::string_view(buffer).substr(0, head));
  while (buffer.size() < size)
    if (!impl_->fill()) break;
  std::string answer = buffer.substr(0, size);
  buffer.erase(0, answer.size());
  return answer;
}

std::string TlsClient::exchange(std::string_view request) {
  return send(request) ? read_answer() : std::string();
}

bool TlsClient::ended() {
  char byte = 0;
  const int count = SSL_read(impl_->ssl, &byte, 1);
  return count <= 0 && SSL_get_error(impl_->ssl, count) == SSL_ERROR_ZERO_RETURN;
}

}  // namespace skill_verifier::test
