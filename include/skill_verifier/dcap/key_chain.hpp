#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/sha2.hpp"
#include "skill_verifier/dcap/evidence_finding.hpp"

namespace skill_verifier::dcap {

/// Keccak with the padding from before SHA-3, as Ethereum uses it.
core::Digest256 keccak256(ByteView message);

/// What GetKey (and Sign, from its second element on) answers: `public_key` of the derived key and two signatures r, s,
/// recovery id of 65 bytes each.
struct KeyChain {
  std::string purpose;
  Bytes public_key;  ///< 33 bytes compressed secp256k1, or 32 bytes Ed25519
  Bytes app_id;      ///< 20 bytes: take it from a verified event log, never from the agent
  std::array<Bytes, 2> signatures;
};

struct KeyChainCheck {
  Bytes app_public_key;   ///< recovered from the first signature; empty where that fails
  Bytes root_public_key;  ///< recovered from the second
  /// Codes: key_chain_shape, key_chain_signature_invalid, key_chain_high_s, key_chain_untrusted_root.
  std::vector<EvidenceFinding> findings;
  bool ok() const { return findings.empty(); }
};

/// chain[0]: the app key over Keccak-256(purpose ":" hex(public_key)); chain[1]: the KMS root over
/// Keccak-256("dstack-kms-issued:" | app_id | app public key). Signatures with a high s are refused. `trusted_root`:
/// compressed key of the KMS, known out of band.
KeyChainCheck check_key_chain(const KeyChain& chain, ByteView trusted_root);

/// A signature made by the agent's Sign: `ed25519`, `secp256k1` (over SHA-256 of the data), `secp256k1_prehashed` (32
/// bytes). Signatures are 64 bytes, or 65 with a recovery id that is ignored; high s is refused. Errors: unsupported
/// for another algorithm, invalid_argument for a key or signature of the wrong shape.
Result<bool> verify_key_signature(std::string_view algorithm, ByteView public_key, ByteView data, ByteView signature);

}  // namespace skill_verifier::dcap
