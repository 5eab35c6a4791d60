#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::core {

using Digest256 = std::array<std::uint8_t, 32>;
using Digest384 = std::array<std::uint8_t, 48>;
using Digest512 = std::array<std::uint8_t, 64>;

Digest256 sha256(ByteView bytes);
Digest384 sha384(ByteView bytes);
Digest512 sha512(ByteView bytes);
/// RFC 2104.
Digest256 hmac_sha256(ByteView key, ByteView bytes);
/// `to_hex(sha256(as_bytes(text)))`.
std::string sha256_hex(std::string_view text);

/// SHA-256 over bytes that arrive in pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(ByteView bytes);
  /// Ends the computation; the object may only be destroyed or assigned to afterwards.
  Digest256 finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace skill_verifier::core
