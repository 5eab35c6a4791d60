#pragma once

#include <memory>
#include <optional>

#include "skill_verifier/core/sha2.hpp"

struct evp_pkey_st;
struct evp_md_st;

namespace skill_verifier::dcap {

/// A point of P-256. May be shared between threads.
class PublicKey {
 public:
  struct Free {
    void operator()(evp_pkey_st* key) const;
  };
  explicit PublicKey(evp_pkey_st* key) : key_(key) {}
  evp_pkey_st* get() const { return key_.get(); }

 private:
  std::unique_ptr<evp_pkey_st, Free> key_;
};

/// ECDSA with SHA-256 over P-256. Holds the digest's implementation, fetched once.
class Ecdsa {
 public:
  Ecdsa();

  /// x, y of 32 bytes each. Nothing where they are no point of the curve.
  std::optional<PublicKey> import(ByteView point) const;
  /// `signature` is DER of r and s, in that one encoding.
  bool verify(const PublicKey& key, ByteView message, ByteView signature) const;
  /// `signature` is r, s of 32 bytes each.
  bool verify_raw(const PublicKey& key, ByteView message, ByteView signature) const;

 private:
  struct Free {
    void operator()(evp_md_st* digest) const;
  };
  std::unique_ptr<evp_md_st, Free> sha256_;
};

}  // namespace skill_verifier::dcap
