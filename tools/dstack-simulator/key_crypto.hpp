#pragma once

#include <string_view>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/sha2.hpp"

/// What the guest agent does with keys: HKDF, secp256k1 and Ed25519. Private keys are 32 bytes. Functions that take
/// only bytes of ours throw std::runtime_error where a library fails; those that judge bytes from outside return a
/// Result.
namespace dstack_simulator {

using skill_verifier::Bytes;
using skill_verifier::ByteView;
using skill_verifier::Result;
using skill_verifier::core::Digest256;

/// Keccak with the padding from before SHA-3, as Ethereum uses it.
Digest256 keccak256(ByteView message);
/// RFC 5869, 32 bytes.
Bytes hkdf_sha256(ByteView key, std::string_view salt, ByteView info);

namespace secp256k1 {
/// Compressed, 33 bytes.
Bytes public_key(ByteView private_key);
/// r, s: 64 bytes, low s.
Bytes sign(ByteView private_key, const Digest256& digest);
/// r, s, recovery id: 65 bytes.
Bytes sign_recoverable(ByteView private_key, const Digest256& digest);
/// Errors: invalid_argument for a key or a signature of the wrong shape.
Result<bool> verify(ByteView public_key, ByteView signature, const Digest256& digest);
}  // namespace secp256k1

namespace ed25519 {
Bytes public_key(ByteView private_key);
Bytes sign(ByteView private_key, ByteView message);
/// Errors: invalid_argument for a key or a signature of the wrong shape.
Result<bool> verify(ByteView public_key, ByteView signature, ByteView message);
}  // namespace ed25519

}  // namespace dstack_simulator
