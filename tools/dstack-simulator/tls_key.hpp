#pragma once

#include <optional>
#include <string>
#include <vector>

#include "platform.hpp"
#include "skill_verifier/core/result.hpp"

namespace dstack_simulator {

struct TlsKeyRequest {
  std::string subject;
  std::vector<std::string> alt_names;
  bool server_auth = false;
  bool client_auth = false;
  std::optional<std::uint64_t> not_before;  ///< seconds since 1970; absent: now
  std::optional<std::uint64_t> not_after;   ///< absent: in ten years
  const Platform* platform = nullptr;       ///< set: the certificate carries a quote over its key (RA-TLS)
};

struct TlsKey {
  std::string private_key_pem;
  std::string certificate_pem;
};

/// The app's certificate authority, new with every instance.
class TlsKeyAuthority {
 public:
  explicit TlsKeyAuthority(skill_verifier::core::Time now);

  Bytes subject_public_key_info() const { return key_.subject_public_key_info(); }
  std::string certificate_pem() const { return certificate_.pem(); }
  /// Errors: invalid_argument for a validity that ends before it begins or after the year 9999.
  skill_verifier::Result<TlsKey> issue(const TlsKeyRequest& request, skill_verifier::core::Time now) const;

 private:
  test_pki::SigningKey key_;
  test_pki::Certificate certificate_;
};

}  // namespace dstack_simulator
