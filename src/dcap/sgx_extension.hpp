#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "dcap/checked.hpp"

namespace skill_verifier::dcap {

/// Extension 1.2.840.113741.1.13.1 of a PCK certificate: which platform it is and what it runs.
struct SgxExtension {
  Field<16> ppid{};
  std::array<std::uint8_t, 16> components{};
  std::uint16_t pce_svn = 0;
  Field<2> pce_id{};
  Field<6> fmspc{};
};

/// `content` is the extension's value. Exactly the elements of the Processor (5) or the Platform CA (7), each once,
/// with exact types and lengths. Code PCK_EXT.
Checked<SgxExtension> parse_sgx_extension(ByteView content);

/// As Intel writes FMSPC and PCEID.
std::string to_upper_hex(ByteView bytes);

}  // namespace skill_verifier::dcap
