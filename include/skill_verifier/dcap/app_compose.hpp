#pragma once

#include <string_view>
#include <vector>

#include "skill_verifier/dcap/event_log.hpp"

namespace skill_verifier::dcap {

inline constexpr std::size_t kMaxAppComposeBytes = 256u << 10;

struct AppComposeCheck {
  core::Digest256 hash{};                 ///< SHA-256 of the bytes
  bool app_id_is_hash_prefix = false;     ///< app-id is compose_hash[0:20]; with an on-chain app id it is not
  std::vector<EvidenceFinding> findings;  ///< compose_hash_mismatch, compose_hash_missing
};

/// Compares app-compose.json with the measured compose-hash. Only the exact bytes that the guest got will do: nothing
/// is re-serialised. Errors: too_large `app_compose_too_large`.
Result<AppComposeCheck> check_app_compose(std::string_view raw, const RuntimeClaims& claims);

}  // namespace skill_verifier::dcap
