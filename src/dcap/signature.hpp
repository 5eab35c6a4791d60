#pragma once

#include <memory>
#include <optional>

#include "skill_verifier/core/bytes.hpp"

struct evp_pkey_st;
struct evp_md_st;

namespace skill_verifier::dcap {

/// What OpenSSL looks up by name, looked up once a verification.
class Crypto {
 public:
  Crypto();
  evp_md_st* sha256() const { return sha256_.get(); }

 private:
  struct FreeDigest {
    void operator()(evp_md_st* digest) const;
  };
  std::unique_ptr<evp_md_st, FreeDigest> sha256_;
};

/// A P-256 public key. Points that are not on the curve give none.
class PublicKey {
 public:
  /// x, y: 64 bytes.
  static std::optional<PublicKey> from_point(ByteView point);

  /// ECDSA with SHA-256: r, s of 32 bytes each, as quotes carry it.
  bool verify_raw(const Crypto& crypto, ByteView message, ByteView signature) const;
  /// The same as a DER SEQUENCE, as certificates carry it.
  bool verify_der(const Crypto& crypto, ByteView message, ByteView signature) const;

 private:
  struct FreeKey {
    void operator()(evp_pkey_st* key) const;
  };
  explicit PublicKey(evp_pkey_st* key) : key_(key) {}
  std::unique_ptr<evp_pkey_st, FreeKey> key_;
};

}  // namespace skill_verifier::dcap
