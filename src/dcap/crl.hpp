#pragma once

#include <cstdint>
#include <vector>

#include "dcap/certificate.hpp"

namespace skill_verifier::dcap {

/// A certificate revocation list in Intel's profile (RFC 5280 §5). The views point into `der`.
struct Crl {
  Bytes der;
  ByteView tbs;
  ByteView signature;
  ByteView issuer;
  ByteView authority_key_id;
  std::int64_t this_update = 0;
  std::int64_t next_update = 0;
  std::vector<ByteView> revoked;  ///< content octets of the serial numbers

  Crl() = default;
  Crl(Crl&&) noexcept = default;
  Crl& operator=(Crl&&) noexcept = default;

  bool revokes(const Certificate& certificate) const;
};

/// Errors: invalid_argument; the id is the end of a code: `FORMAT`, `NO_NEXTUPDATE`, `CRIT_EXT`, `MISSING_EXT`.
Result<Crl> parse_crl(Bytes der);

}  // namespace skill_verifier::dcap
