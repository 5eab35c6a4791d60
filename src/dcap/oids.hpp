#pragma once

#include <array>
#include <cstdint>

/// Object identifiers as DER contents.
namespace skill_verifier::dcap::oid {

inline constexpr std::array<std::uint8_t, 8> kEcdsaWithSha256 = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
inline constexpr std::array<std::uint8_t, 7> kEcPublicKey = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
inline constexpr std::array<std::uint8_t, 8> kPrime256v1 = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
inline constexpr std::array<std::uint8_t, 3> kCommonName = {0x55, 0x04, 0x03};
inline constexpr std::array<std::uint8_t, 3> kSubjectKeyId = {0x55, 0x1d, 0x0e};
inline constexpr std::array<std::uint8_t, 3> kKeyUsage = {0x55, 0x1d, 0x0f};
inline constexpr std::array<std::uint8_t, 3> kBasicConstraints = {0x55, 0x1d, 0x13};
inline constexpr std::array<std::uint8_t, 3> kCrlNumber = {0x55, 0x1d, 0x14};
inline constexpr std::array<std::uint8_t, 3> kCrlDistributionPoints = {0x55, 0x1d, 0x1f};
inline constexpr std::array<std::uint8_t, 3> kAuthorityKeyId = {0x55, 0x1d, 0x23};
/// 1.2.840.113741.1.13.1: Intel's SGX extension.
inline constexpr std::array<std::uint8_t, 9> kSgx = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01};

}  // namespace skill_verifier::dcap::oid
