#include "dcap/ecdsa.hpp"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>

namespace skill_verifier::dcap {
namespace {

struct FreeContext {
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_PKEY_CTX, FreeContext>;

/// SEQUENCE of two INTEGERs of at most 33 octets.
class SignatureDer {
 public:
  explicit SignatureDer(ByteView raw) {
    append(raw.first(32));
    append(raw.subspan(32));
    bytes_[1] = static_cast<std::uint8_t>(size_ - 2);
  }
  ByteView view() const { return ByteView(bytes_).first(size_); }

 private:
  void append(ByteView magnitude) {
    while (magnitude.size() > 1 && magnitude[0] == 0)
      magnitude = magnitude.subspan(1);
    const bool sign_octet = magnitude[0] >= 0x80;
    bytes_[size_++] = 0x02;
    bytes_[size_++] = static_cast<std::uint8_t>(magnitude.size() + (sign_octet ? 1 : 0));
    if (sign_octet) bytes_[size_++] = 0;
    for (const std::uint8_t octet : magnitude)
      bytes_[size_++] = octet;
  }

  std::array<std::uint8_t, 72> bytes_{0x30};
  std::size_t size_ = 2;
};

}  // namespace

void PublicKey::Free::operator()(evp_pkey_st* key) const {
  EVP_PKEY_free(key);
}

void Ecdsa::Free::operator()(evp_md_st* digest) const {
  EVP_MD_free(digest);
}

Ecdsa::Ecdsa() : sha256_(EVP_MD_fetch(nullptr, "SHA256", nullptr)) {}

std::optional<PublicKey> Ecdsa::import(ByteView point) const {
  if (point.size() != 64) return std::nullopt;
  std::array<std::uint8_t, 65> encoded{0x04};
  std::ranges::copy(point, encoded.begin() + 1);
  std::array<char, 11> group{"prime256v1"};
  const std::array parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size() - 1),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, encoded.data(), encoded.size()),
      OSSL_PARAM_construct_end()};
  const Context context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, const_cast<OSSL_PARAM*>(parameters.data())) != 1) {
    ERR_clear_error();
    return std::nullopt;
  }
  return PublicKey(key);
}

bool Ecdsa::verify(const PublicKey& key, ByteView message, ByteView signature) const {
  core::Digest256 digest{};
  unsigned int size = 0;
  if (!sha256_ || EVP_Digest(message.data(), message.size(), digest.data(), &size, sha256_.get(), nullptr) != 1 ||
      size != digest.size()) {
    return false;
  }
  const Context context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  const bool good =
      context && EVP_PKEY_verify_init(context.get()) == 1 &&
      EVP_PKEY_verify(context.get(), signature.data(), signature.size(), digest.data(), digest.size()) == 1;
  if (!good) ERR_clear_error();
  return good;
}

bool Ecdsa::verify_raw(const PublicKey& key, ByteView message, ByteView signature) const {
  return signature.size() == 64 && verify(key, message, SignatureDer(signature).view());
}

}  // namespace skill_verifier::dcap
