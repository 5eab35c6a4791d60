#include "skill_verifier/dcap/key_chain.hpp"

#include <fmt/core.h>
#include <openssl/evp.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "dcap/evidence/fixed_bytes.hpp"

namespace skill_verifier::dcap {
namespace {

constexpr std::size_t kSignatureBytes = 65;
constexpr std::size_t kCompressedBytes = 33;
constexpr std::size_t kEd25519Bytes = 32;

struct PkeyFree {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct DigestFree {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

void find(KeyChainCheck& check, std::string code, std::string message) {
  check.findings.push_back({std::move(code), std::move(message)});
}

/// Both forms of s verify; only the low one is made, so the other is somebody's change.
bool has_high_s(const secp256k1_ecdsa_signature& signature) {
  return secp256k1_ecdsa_signature_normalize(secp256k1_context_static, nullptr, &signature) == 1;
}

/// The compressed key that made the signature; empty, with a finding, where there is none.
Bytes recover(KeyChainCheck& check, std::string_view which, ByteView signature, const core::Digest256& digest) {
  const auto* const context = secp256k1_context_static;
  secp256k1_ecdsa_recoverable_signature parsed;
  if (signature[64] > 3 ||
      secp256k1_ecdsa_recoverable_signature_parse_compact(context, &parsed, signature.data(), signature[64]) != 1) {
    find(check, "key_chain_signature_invalid", fmt::format("{} is not a recoverable signature", which));
    return {};
  }
  secp256k1_ecdsa_signature plain;
  secp256k1_ecdsa_recoverable_signature_convert(context, &plain, &parsed);
  if (has_high_s(plain)) {
    find(check, "key_chain_high_s", fmt::format("{} has a high s", which));
    return {};
  }
  secp256k1_pubkey key;
  if (secp256k1_ecdsa_recover(context, &key, &parsed, digest.data()) != 1) {
    find(check, "key_chain_signature_invalid", fmt::format("{} gives no public key", which));
    return {};
  }
  Bytes compressed(kCompressedBytes);
  std::size_t size = compressed.size();
  secp256k1_ec_pubkey_serialize(context, compressed.data(), &size, &key, SECP256K1_EC_COMPRESSED);
  return compressed;
}

bool has_shape(KeyChainCheck& check, const KeyChain& chain, ByteView trusted_root) {
  const auto wants = [&](std::string_view what, std::size_t size, bool ok) {
    if (!ok) find(check, "key_chain_shape", fmt::format("{} has the wrong size: {} bytes", what, size));
  };
  wants("the public key", chain.public_key.size(),
        chain.public_key.size() == kCompressedBytes || chain.public_key.size() == kEd25519Bytes);
  wants("the app id", chain.app_id.size(), chain.app_id.size() == 20);
  wants("the trusted root", trusted_root.size(), trusted_root.size() == kCompressedBytes);
  for (const auto& signature : chain.signatures)
    wants("a signature of the chain", signature.size(), signature.size() == kSignatureBytes);
  return check.findings.empty();
}

Error shape_error(std::string_view what) {
  return Error{Errc::invalid_argument, "key_signature_invalid", fmt::format("not {}", what)};
}

Result<bool> verify_ed25519(ByteView public_key, ByteView data, ByteView signature) {
  if (public_key.size() != kEd25519Bytes) return shape_error("an Ed25519 public key");
  const std::unique_ptr<EVP_PKEY, PkeyFree> key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, public_key.data(), public_key.size()));
  const std::unique_ptr<EVP_MD_CTX, DigestFree> context(EVP_MD_CTX_new());
  if (!key || !context || EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1) {
    return shape_error("an Ed25519 public key");
  }
  return EVP_DigestVerify(context.get(), signature.data(), signature.size(), data.data(), data.size()) == 1;
}

Result<bool> verify_secp256k1(ByteView public_key, const core::Digest256& digest, ByteView signature) {
  const auto* const context = secp256k1_context_static;
  secp256k1_pubkey key;
  if (public_key.size() != kCompressedBytes ||
      secp256k1_ec_pubkey_parse(context, &key, public_key.data(), public_key.size()) != 1) {
    return shape_error("a compressed secp256k1 public key");
  }
  secp256k1_ecdsa_signature parsed;
  if (secp256k1_ecdsa_signature_parse_compact(context, &parsed, signature.data()) != 1) {
    return shape_error("a secp256k1 signature");
  }
  return !has_high_s(parsed) && secp256k1_ecdsa_verify(context, &parsed, digest.data(), &key) == 1;
}

}  // namespace

KeyChainCheck check_key_chain(const KeyChain& chain, ByteView trusted_root) {
  KeyChainCheck check;
  if (!has_shape(check, chain, trusted_root)) return check;
  const auto named = chain.purpose + ":" + core::to_hex(chain.public_key);
  check.app_public_key =
      recover(check, "the app key's signature", chain.signatures[0], keccak256(core::as_bytes(named)));
  if (check.app_public_key.empty()) return check;
  Bytes issued;
  append(issued, "dstack-kms-issued:");
  append(issued, chain.app_id);
  append(issued, check.app_public_key);
  check.root_public_key = recover(check, "the KMS root's signature", chain.signatures[1], keccak256(issued));
  if (!check.root_public_key.empty() && !std::ranges::equal(check.root_public_key, trusted_root)) {
    find(check, "key_chain_untrusted_root",
         fmt::format("the chain ends at {}, trusted is {}", core::to_hex(check.root_public_key),
                     core::to_hex(trusted_root)));
  }
  return check;
}

Result<bool> verify_key_signature(std::string_view algorithm, ByteView public_key, ByteView data, ByteView signature) {
  const bool edwards = algorithm == "ed25519";
  if (signature.size() != 64 && (edwards || signature.size() != kSignatureBytes)) {
    return shape_error("a signature of 64 bytes");
  }
  if (edwards) return verify_ed25519(public_key, data, signature);
  if (algorithm == "secp256k1" || algorithm == "k256") {
    return verify_secp256k1(public_key, core::sha256(data), signature);
  }
  if (algorithm == "secp256k1_prehashed") {
    const auto digest = fixed<32>(data);
    if (!digest) return shape_error("a digest of 32 bytes");
    return verify_secp256k1(public_key, *digest, signature);
  }
  return Error{Errc::unsupported, "key_algorithm_unsupported",
               fmt::format("unknown signature algorithm {}", core::shorten(algorithm))};
}

}  // namespace skill_verifier::dcap
