#pragma once

#include <array>
#include <cstdint>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::dcap {

/// What a PCK certificate says about its platform (Intel SGX PCK Certificate and CRL Profile Specification, 1.3.5).
struct SgxExtension {
  std::array<std::uint8_t, 16> ppid{};
  std::array<std::uint8_t, 16> components{};  ///< the SVNs that are matched with TCB levels
  std::uint16_t pce_svn = 0;
  std::array<std::uint8_t, 2> pce_id{};
  std::array<std::uint8_t, 6> fmspc{};
};

/// `value` is what the extension's OCTET STRING holds. Errors: invalid_argument `PCK_EXT`.
Result<SgxExtension> parse_sgx_extension(ByteView value);

}  // namespace skill_verifier::dcap
