#pragma once

#include <memory>
#include <string>

#include "skill_verifier/core/bytes.hpp"

namespace test_pki {

using skill_verifier::Bytes;
using skill_verifier::ByteView;

/// A P-256 private key that is made, used and forgotten. Throws std::runtime_error where OpenSSL fails.
class SigningKey {
 public:
  static SigningKey generate();
  ~SigningKey();
  SigningKey(SigningKey&&) noexcept;
  SigningKey& operator=(SigningKey&&) noexcept;

  /// x, y: 64 bytes.
  const Bytes& public_point() const;
  /// DER of SubjectPublicKeyInfo.
  Bytes subject_public_key_info() const;
  /// ECDSA with SHA-256: DER SEQUENCE of r and s, as certificates carry it.
  Bytes sign_der(ByteView message) const;
  /// The same as r, s of 32 bytes each, as quotes carry it.
  Bytes sign_raw(ByteView message) const;
  /// PKCS #8, unencrypted.
  std::string private_pem() const;

 private:
  struct Impl;
  explicit SigningKey(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Whether `signature` (r, s) is ECDSA with SHA-256 over `message` by the key with that point (x, y).
bool verify_raw(ByteView public_point, ByteView message, ByteView signature);

}  // namespace test_pki
