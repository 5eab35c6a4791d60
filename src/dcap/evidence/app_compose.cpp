#include "skill_verifier/dcap/app_compose.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace skill_verifier::dcap {

Result<AppComposeCheck> check_app_compose(std::string_view raw, const RuntimeClaims& claims) {
  if (raw.size() > kMaxAppComposeBytes) {
    return Error{Errc::too_large, "app_compose_too_large",
                 fmt::format("app-compose.json has {} bytes, the limit is {}", raw.size(), kMaxAppComposeBytes)};
  }
  AppComposeCheck check;
  check.hash = core::sha256(core::as_bytes(raw));
  check.app_id_is_hash_prefix = claims.app_id && std::ranges::equal(*claims.app_id, ByteView(check.hash).first(20));
  if (!claims.compose_hash) {
    check.findings.push_back({"compose_hash_missing", "the event log has no compose-hash"});
  } else if (*claims.compose_hash != check.hash) {
    check.findings.push_back(
        {"compose_hash_mismatch", fmt::format("compose-hash is {}, the app-compose.json given has {}",
                                              core::to_hex(*claims.compose_hash), core::to_hex(check.hash))});
  }
  return check;
}

}  // namespace skill_verifier::dcap
