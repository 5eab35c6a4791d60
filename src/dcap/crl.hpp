#pragma once

#include <vector>

#include "dcap/certificate.hpp"

namespace skill_verifier::dcap {

/// A certificate revocation list (RFC 5280 §5) as Intel publishes them. The views point into `der`.
struct Crl {
  Bytes der;
  ByteView tbs;
  ByteView signature;
  ByteView issuer;
  std::int64_t this_update = 0;
  std::int64_t next_update = 0;
  ByteView authority_key_id;
  std::vector<ByteView> serials;  ///< content octets, sorted

  Crl() = default;
  Crl(Crl&&) = default;
  Crl& operator=(Crl&&) = default;

  bool lists(ByteView serial) const;
};

/// Codes `_FORMAT`, `_NO_NEXTUPDATE`, `_CRIT_EXT`, `_MISSING_EXT` after `prefix`.
Checked<Crl> parse_crl(std::string_view prefix, std::string_view hex);
/// Whether it is that CA's: codes `_ISSUER`, `_AKI`, `_SIGNATURE`.
Checked<void> check_crl_issuer(std::string_view prefix, const Crypto& crypto, const Crl& crl, const Certificate& issuer,
                               const PublicKey& issuer_key);
/// Codes `_NOT_YET_VALID`, `_EXPIRED`.
Checked<void> check_crl_time(std::string_view prefix, const Crl& crl, std::int64_t now);

}  // namespace skill_verifier::dcap
