#include "skill_verifier/core/sha2.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <new>

namespace skill_verifier::core {
namespace {

template <std::size_t N>
std::array<std::uint8_t, N> digest(const EVP_MD* algorithm, ByteView bytes) {
  std::array<std::uint8_t, N> out{};
  unsigned int size = 0;
  // Only a failed allocation or a broken libcrypto gets here with 0; a wrong digest must never leave.
  if (EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, algorithm, nullptr) != 1 || size != N)
    throw std::bad_alloc();
  return out;
}

}  // namespace

Digest256 sha256(ByteView bytes) {
  return digest<32>(EVP_sha256(), bytes);
}
Digest384 sha384(ByteView bytes) {
  return digest<48>(EVP_sha384(), bytes);
}
Digest512 sha512(ByteView bytes) {
  return digest<64>(EVP_sha512(), bytes);
}
Digest256 hmac_sha256(ByteView key, ByteView bytes) {
  Digest256 out{};
  unsigned int size = 0;
  const auto* done =
      HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes.data(), bytes.size(), out.data(), &size);
  if (done == nullptr || size != out.size()) throw std::bad_alloc();
  return out;
}
std::string sha256_hex(std::string_view text) {
  return to_hex(sha256(as_bytes(text)));
}

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  if (!state_->context || EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) != 1) throw std::bad_alloc();
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(ByteView bytes) {
  if (EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) != 1) throw std::bad_alloc();
}

Digest256 Sha256::finish() {
  Digest256 out{};
  unsigned int size = 0;
  if (EVP_DigestFinal_ex(state_->context, out.data(), &size) != 1 || size != out.size()) throw std::bad_alloc();
  return out;
}

}  // namespace skill_verifier::core
