#include "key_crypto.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include <array>
#include <bit>
#include <memory>
#include <stdexcept>
#include <string>

namespace dstack_simulator {
namespace {

using skill_verifier::Errc;
using skill_verifier::Error;

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Pkey = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;
using Kdf = std::unique_ptr<EVP_KDF, Freer<EVP_KDF_free>>;
using KdfContext = std::unique_ptr<EVP_KDF_CTX, Freer<EVP_KDF_CTX_free>>;

void require(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(what);
}

using KeccakState = std::array<std::uint64_t, 25>;

constexpr std::array<std::uint64_t, 24> kRoundConstants = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b,
    0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088,
    0x0000000080008009, 0x000000008000000a, 0x000000008000808b, 0x800000000000008b, 0x8000000000008089,
    0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008};
constexpr std::array<int, 24> kRotations = {1,  3,  6,  10, 15, 21, 28, 36, 45, 55, 2,  14,
                                            27, 41, 56, 8,  25, 43, 62, 18, 39, 61, 20, 44};
constexpr std::array<std::size_t, 24> kLanes = {10, 7,  11, 17, 18, 3, 5,  16, 8,  21, 24, 4,
                                                15, 23, 19, 13, 12, 2, 20, 14, 22, 9,  6,  1};

/// FIPS 202 §3.3, with the steps rho and pi in one walk.
void keccak_f1600(KeccakState& a) {
  for (const auto constant : kRoundConstants) {
    std::array<std::uint64_t, 5> c{};
    for (std::size_t x = 0; x < 5; ++x)
      c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
    for (std::size_t x = 0; x < 5; ++x) {
      const auto d = c[(x + 4) % 5] ^ std::rotl(c[(x + 1) % 5], 1);
      for (std::size_t y = 0; y < 25; y += 5)
        a[y + x] ^= d;
    }
    auto moving = a[1];
    for (std::size_t i = 0; i < kLanes.size(); ++i) {
      const auto next = a[kLanes[i]];
      a[kLanes[i]] = std::rotl(moving, kRotations[i]);
      moving = next;
    }
    for (std::size_t y = 0; y < 25; y += 5) {
      const std::array<std::uint64_t, 5> row = {a[y], a[y + 1], a[y + 2], a[y + 3], a[y + 4]};
      for (std::size_t x = 0; x < 5; ++x)
        a[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
    }
    a[0] ^= constant;
  }
}

const secp256k1_context* context() {
  static const auto* const kContext = secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
  return kContext;
}

Error shape_error(const char* what) {
  return Error{Errc::invalid_argument, what};
}

Pkey ed25519_key(ByteView private_key) {
  Pkey key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, private_key.data(), private_key.size()));
  require(key != nullptr, "not an Ed25519 private key");
  return key;
}

}  // namespace

Digest256 keccak256(ByteView message) {
  constexpr std::size_t kRate = 136;
  Bytes padded(message.begin(), message.end());
  padded.push_back(0x01);
  padded.resize((padded.size() + kRate - 1) / kRate * kRate);
  padded.back() |= 0x80;
  KeccakState state{};
  for (std::size_t block = 0; block < padded.size(); block += kRate) {
    for (std::size_t i = 0; i < kRate; ++i)
      state[i / 8] ^= std::uint64_t{padded[block + i]} << (8 * (i % 8));
    keccak_f1600(state);
  }
  Digest256 digest;
  for (std::size_t i = 0; i < digest.size(); ++i)
    digest[i] = static_cast<std::uint8_t>(state[i / 8] >> (8 * (i % 8)));
  return digest;
}

Bytes hkdf_sha256(ByteView key, std::string_view salt, ByteView info) {
  const Kdf kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  const KdfContext context(EVP_KDF_CTX_new(kdf.get()));
  std::string digest = "SHA256";
  Bytes key_copy(key.begin(), key.end());
  std::string salt_copy(salt);
  Bytes info_copy(info.begin(), info.end());
  const std::array<OSSL_PARAM, 5> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), digest.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key_copy.data(), key_copy.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt_copy.data(), salt_copy.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info_copy.data(), info_copy.size()),
      OSSL_PARAM_construct_end()};
  Bytes derived(32);
  require(context && EVP_KDF_derive(context.get(), derived.data(), derived.size(), parameters.data()) == 1,
          "HKDF failed");
  return derived;
}

namespace secp256k1 {

Bytes public_key(ByteView private_key) {
  secp256k1_pubkey key;
  require(private_key.size() == 32 && secp256k1_ec_pubkey_create(context(), &key, private_key.data()) == 1,
          "not a secp256k1 private key");
  Bytes compressed(33);
  std::size_t size = compressed.size();
  secp256k1_ec_pubkey_serialize(context(), compressed.data(), &size, &key, SECP256K1_EC_COMPRESSED);
  return compressed;
}

Bytes sign(ByteView private_key, const Digest256& digest) {
  auto signature = sign_recoverable(private_key, digest);
  signature.resize(64);
  return signature;
}

Bytes sign_recoverable(ByteView private_key, const Digest256& digest) {
  secp256k1_ecdsa_recoverable_signature signature;
  require(private_key.size() == 32 && secp256k1_ecdsa_sign_recoverable(context(), &signature, digest.data(),
                                                                       private_key.data(), nullptr, nullptr) == 1,
          "cannot sign with secp256k1");
  Bytes compact(65);
  int recovery_id = 0;
  secp256k1_ecdsa_recoverable_signature_serialize_compact(context(), compact.data(), &recovery_id, &signature);
  compact[64] = static_cast<std::uint8_t>(recovery_id);
  return compact;
}

Result<bool> verify(ByteView public_key, ByteView signature, const Digest256& digest) {
  secp256k1_pubkey key;
  if (secp256k1_ec_pubkey_parse(context(), &key, public_key.data(), public_key.size()) != 1) {
    return shape_error("invalid secp256k1 public key");
  }
  secp256k1_ecdsa_signature parsed;
  if (signature.size() != 64 || secp256k1_ecdsa_signature_parse_compact(context(), &parsed, signature.data()) != 1) {
    return shape_error("invalid secp256k1 signature");
  }
  return secp256k1_ecdsa_verify(context(), &parsed, digest.data(), &key) == 1;
}

}  // namespace secp256k1

namespace ed25519 {

Bytes public_key(ByteView private_key) {
  const auto key = ed25519_key(private_key);
  Bytes raw(32);
  std::size_t size = raw.size();
  require(EVP_PKEY_get_raw_public_key(key.get(), raw.data(), &size) == 1, "cannot read an Ed25519 public key");
  return raw;
}

Bytes sign(ByteView private_key, ByteView message) {
  const auto key = ed25519_key(private_key);
  const DigestContext context(EVP_MD_CTX_new());
  Bytes signature(64);
  std::size_t size = signature.size();
  require(context && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
              EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) == 1,
          "cannot sign with Ed25519");
  return signature;
}

Result<bool> verify(ByteView public_key, ByteView signature, ByteView message) {
  if (public_key.size() != 32) return shape_error("invalid ed25519 public key");
  if (signature.size() != 64) return shape_error("invalid ed25519 signature");
  const Pkey key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, public_key.data(), public_key.size()));
  const DigestContext context(EVP_MD_CTX_new());
  require(key && context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1,
          "cannot verify with Ed25519");
  return EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
}

}  // namespace ed25519
}  // namespace dstack_simulator
