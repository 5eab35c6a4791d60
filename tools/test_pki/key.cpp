#include "test_pki/key.hpp"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>

#include <stdexcept>

#include "test_pki/der.hpp"

namespace test_pki {
namespace {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Pkey = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, Freer<ECDSA_SIG_free>>;
using PkeyContext = std::unique_ptr<EVP_PKEY_CTX, Freer<EVP_PKEY_CTX_free>>;
using Bio = std::unique_ptr<BIO, Freer<BIO_vfree>>;

void require(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(std::string("openssl: ") + what);
}

}  // namespace

struct SigningKey::Impl {
  Pkey key;
  Bytes point;
};

SigningKey::SigningKey(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SigningKey::~SigningKey() = default;
SigningKey::SigningKey(SigningKey&&) noexcept = default;
SigningKey& SigningKey::operator=(SigningKey&&) noexcept = default;

SigningKey SigningKey::generate() {
  auto impl = std::make_unique<Impl>();
  impl->key.reset(EVP_EC_gen("P-256"));
  require(impl->key != nullptr, "cannot generate a P-256 key");
  unsigned char* encoded = nullptr;
  const auto size = EVP_PKEY_get1_encoded_public_key(impl->key.get(), &encoded);
  require(size == 65 && encoded != nullptr, "cannot encode the public key");
  impl->point.assign(encoded + 1, encoded + size);
  OPENSSL_free(encoded);
  return SigningKey(std::move(impl));
}

const Bytes& SigningKey::public_point() const {
  return impl_->point;
}

Bytes SigningKey::subject_public_key_info() const {
  const auto point = der::concat({Bytes{0x04}, impl_->point});
  return der::sequence({der::sequence({der::object_identifier("1.2.840.10045.2.1"),      // id-ecPublicKey
                                       der::object_identifier("1.2.840.10045.3.1.7")}),  // prime256v1
                        der::bit_string(point)});
}

Bytes SigningKey::sign_der(ByteView message) const {
  const DigestContext context(EVP_MD_CTX_new());
  require(context && EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, impl_->key.get()) == 1,
          "cannot start a signature");
  std::size_t size = 0;
  require(EVP_DigestSign(context.get(), nullptr, &size, message.data(), message.size()) == 1, "cannot sign");
  Bytes signature(size);
  require(EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) == 1, "cannot sign");
  signature.resize(size);
  return signature;
}

Bytes SigningKey::sign_raw(ByteView message) const {
  const auto encoded = sign_der(message);
  const unsigned char* at = encoded.data();
  const Signature signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(encoded.size())));
  require(signature != nullptr, "cannot read a signature back");
  Bytes raw(64);
  require(BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), raw.data(), 32) == 32, "cannot encode r");
  require(BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), raw.data() + 32, 32) == 32, "cannot encode s");
  return raw;
}

std::string SigningKey::private_pem() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  require(bio && PEM_write_bio_PKCS8PrivateKey(bio.get(), impl_->key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1,
          "cannot write the private key");
  char* text = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

bool verify_raw(ByteView public_point, ByteView message, ByteView signature) {
  if (public_point.size() != 64 || signature.size() != 64) return false;
  auto encoded = der::concat({Bytes{0x04}, Bytes(public_point.begin(), public_point.end())});
  std::string group = "P-256";
  OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size()),
                             OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, encoded.data(), encoded.size()),
                             OSSL_PARAM_construct_end()};
  const PkeyContext loader(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* loaded = nullptr;
  if (!loader || EVP_PKEY_fromdata_init(loader.get()) != 1 ||
      EVP_PKEY_fromdata(loader.get(), &loaded, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
    return false;
  }
  const Pkey key(loaded);
  const auto sequence =
      der::sequence({der::unsigned_integer(signature.first(32)), der::unsigned_integer(signature.subspan(32))});
  const DigestContext context(EVP_MD_CTX_new());
  return context && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), sequence.data(), sequence.size(), message.data(), message.size()) == 1;
}

}  // namespace test_pki
