#include "dcap/signature.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <new>

namespace skill_verifier::dcap {
namespace {

constexpr std::size_t kCoordinate = 32;

/// DER INTEGER of a big-endian magnitude.
void append_integer(Bytes& out, ByteView magnitude) {
  while (magnitude.size() > 1 && magnitude[0] == 0)
    magnitude = magnitude.subspan(1);
  const bool padded = (magnitude[0] & 0x80) != 0;
  out.push_back(0x02);
  out.push_back(static_cast<std::uint8_t>(magnitude.size() + (padded ? 1 : 0)));
  if (padded) out.push_back(0);
  out.insert(out.end(), magnitude.begin(), magnitude.end());
}

}  // namespace

void Crypto::FreeDigest::operator()(evp_md_st* digest) const {
  EVP_MD_free(digest);
}

Crypto::Crypto() : sha256_(EVP_MD_fetch(nullptr, "SHA256", nullptr)) {
  if (!sha256_) throw std::bad_alloc();
}

void PublicKey::FreeKey::operator()(evp_pkey_st* key) const {
  EVP_PKEY_free(key);
}

std::optional<PublicKey> PublicKey::from_point(ByteView point) {
  if (point.size() != 2 * kCoordinate) return std::nullopt;
  std::array<std::uint8_t, 1 + 2 * kCoordinate> encoded{0x04};
  std::ranges::copy(point, encoded.begin() + 1);
  char group[] = "prime256v1";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, encoded.data(), encoded.size()),
      OSSL_PARAM_construct_end()};
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr), &EVP_PKEY_CTX_free);
  EVP_PKEY* key = nullptr;
  const bool made =
      context && EVP_PKEY_fromdata_init(context.get()) == 1 &&
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, const_cast<OSSL_PARAM*>(parameters)) == 1;
  if (!made) return std::nullopt;
  return PublicKey(key);
}

bool PublicKey::verify_raw(const Crypto& crypto, ByteView message, ByteView signature) const {
  if (signature.size() != 2 * kCoordinate) return false;
  Bytes integers;
  integers.reserve(72);
  append_integer(integers, signature.first(kCoordinate));
  append_integer(integers, signature.subspan(kCoordinate));
  Bytes der = {0x30, static_cast<std::uint8_t>(integers.size())};
  der.insert(der.end(), integers.begin(), integers.end());
  return verify_der(crypto, message, der);
}

bool PublicKey::verify_der(const Crypto& crypto, ByteView message, ByteView signature) const {
  std::array<std::uint8_t, 32> digest{};
  unsigned int size = 0;
  if (EVP_Digest(message.data(), message.size(), digest.data(), &size, crypto.sha256(), nullptr) != 1) return false;
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new_from_pkey(nullptr, key_.get(), nullptr), &EVP_PKEY_CTX_free);
  return context && EVP_PKEY_verify_init(context.get()) == 1 &&
         EVP_PKEY_verify(context.get(), signature.data(), signature.size(), digest.data(), digest.size()) == 1;
}

}  // namespace skill_verifier::dcap
