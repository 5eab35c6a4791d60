#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ctime>
#include <string_view>

#include "http/byte_stream.hpp"
#include "skill_verifier/core/clock.hpp"

namespace skill_verifier::http {

namespace asio = core::asio;
namespace beast = boost::beast;

class TlsContext {
 public:
  asio::ssl::context context{asio::ssl::context::tls_server};
};

namespace {

template <class T, void (*kFree)(T*)>
struct Free {
  void operator()(T* object) const { kFree(object); }
};
using Bio = std::unique_ptr<BIO, Free<BIO, BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Free<X509, X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY, EVP_PKEY_free>>;

// RFC 9325 §4.2: forward secrecy and AEAD. TLS 1.3 has nothing else.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr std::string_view kProtocol = "http/1.1";
constexpr std::size_t kMaxCertificates = 16;

Bio bio_of(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// No terminal is asked for the password of an encrypted key.
int no_password(char*, int, int, void*) {
  return 0;
}

Result<void> use_certificates(SSL_CTX* context, const std::string& pem) {
  const Error invalid(Errc::invalid_argument, "tls_certificate_invalid",
                      "the certificate file holds no PEM certificate that can be used",
                      "it has the server's certificate first, then those up to the CA");
  const Bio bio = bio_of(pem);
  std::size_t count = 0;
  while (Certificate certificate{PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr)}) {
    const bool first = count++ == 0;
    if (count > kMaxCertificates) return invalid;
    const long used = first ? SSL_CTX_use_certificate(context, certificate.get())
                            : SSL_CTX_add1_chain_cert(context, certificate.get());
    if (used != 1) return invalid;
  }
  ERR_clear_error();  // that there was no further one
  if (count == 0) return invalid;
  return {};
}

Result<void> use_key(SSL_CTX* context, const std::string& pem) {
  const Bio bio = bio_of(pem);
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  if (!key)
    return Error{Errc::invalid_argument, "tls_key_invalid", "the key file holds no PEM private key without a password"};
  if (SSL_CTX_use_PrivateKey(context, key.get()) == 1 && SSL_CTX_check_private_key(context) == 1) return {};
  ERR_clear_error();
  return Error{Errc::invalid_argument, "tls_key_mismatch", "the private key is not that of the certificate"};
}

/// RFC 7301: a client that names protocols and not ours is told so.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* offered,
                    unsigned int length, void*) {
  for (unsigned int at = 0; at < length; at += offered[at] + 1u) {
    const std::string_view name(reinterpret_cast<const char*>(offered + at + 1), offered[at]);
    if (at + 1 + name.size() > length) break;
    if (name != kProtocol) continue;
    *out = offered + at + 1;
    *size = offered[at];
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

class TlsStream final : public ByteStream {
 public:
  TlsStream(asio::ip::tcp::socket socket, std::shared_ptr<TlsContext> context)
      : context_(std::move(context)), stream_(beast::tcp_stream(std::move(socket)), context_->context) {}

  beast::tcp_stream& transport() override { return stream_.next_layer(); }
  awaitable<bool> open(core::Duration limit) override {
    transport().expires_after(limit);
    error_code error;
    co_await stream_.async_handshake(asio::ssl::stream_base::server, asio::redirect_error(asio::use_awaitable, error));
    co_return !error;
  }
  awaitable<std::size_t> read_some(asio::mutable_buffer space, error_code& error) override {
    co_return co_await stream_.async_read_some(space, asio::redirect_error(asio::use_awaitable, error));
  }
  awaitable<std::size_t> write_some(std::array<asio::const_buffer, 3> pieces, error_code& error) override {
    // A record of no bytes would be an alarm to some clients: the first piece that has any is sent.
    const auto piece = *std::ranges::find_if(pieces, [](const auto& each) { return each.size() > 0; });
    co_return co_await stream_.async_write_some(piece, asio::redirect_error(asio::use_awaitable, error));
  }
  awaitable<void> end() override {
    // Waits for the other side's close_notify too; a client that goes on sending ends that with an error, and is read
    // out below TLS by the caller.
    error_code ignored;
    co_await stream_.async_shutdown(asio::redirect_error(asio::use_awaitable, ignored));
    transport().socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  }

 private:
  std::shared_ptr<TlsContext> context_;
  asio::ssl::stream<beast::tcp_stream> stream_;
};

}  // namespace

Result<std::shared_ptr<TlsContext>> make_tls_context(const TlsIdentity& identity) {
  auto made = std::make_shared<TlsContext>();
  SSL_CTX* context = made->context.native_handle();
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 || SSL_CTX_set_cipher_list(context, kCiphers) != 1)
    return Error{Errc::internal, "tls_setup_failed", "OpenSSL refuses the TLS settings"};
  SKILL_VERIFIER_TRY_VOID(use_certificates(context, identity.certificates));
  SKILL_VERIFIER_TRY_VOID(use_key(context, identity.key));
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  return made;
}

std::string expiry_of(const TlsContext& context) {
  auto& own = const_cast<TlsContext&>(context);
  const X509* certificate = SSL_CTX_get0_certificate(own.context.native_handle());
  std::tm parts{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) != 1) return {};
  return core::to_rfc3339(core::Time(std::chrono::seconds(timegm(&parts))));
}

std::unique_ptr<ByteStream> tls_stream(asio::ip::tcp::socket socket, std::shared_ptr<TlsContext> context) {
  return std::make_unique<TlsStream>(std::move(socket), std::move(context));
}

}  // namespace skill_verifier::http
