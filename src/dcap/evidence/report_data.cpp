#include "skill_verifier/dcap/report_data.hpp"

#include <cryptopp/keccak.h>
#include <cryptopp/sha3.h>
#include <fmt/core.h>

#include "dcap/evidence/fixed_bytes.hpp"
#include "skill_verifier/core/sha2.hpp"
#include "skill_verifier/dcap/key_chain.hpp"

namespace skill_verifier::dcap {
namespace {

template <class Hash>
Bytes digest_of(ByteView message) {
  Hash hash;
  Bytes digest(hash.DigestSize());
  hash.CalculateDigest(digest.data(), message.data(), message.size());
  return digest;
}

std::optional<Bytes> digest_named(std::string_view name, ByteView message) {
  const auto bytes = [](const auto& digest) { return Bytes(digest.begin(), digest.end()); };
  if (name == "sha256") return bytes(core::sha256(message));
  if (name == "sha384") return bytes(core::sha384(message));
  if (name == "sha512") return bytes(core::sha512(message));
  if (name == "sha3-256") return digest_of<CryptoPP::SHA3_256>(message);
  if (name == "sha3-384") return digest_of<CryptoPP::SHA3_384>(message);
  if (name == "sha3-512") return digest_of<CryptoPP::SHA3_512>(message);
  if (name == "keccak256") return digest_of<CryptoPP::Keccak_256>(message);
  if (name == "keccak384") return digest_of<CryptoPP::Keccak_384>(message);
  if (name == "keccak512") return digest_of<CryptoPP::Keccak_512>(message);
  return std::nullopt;
}

ReportDataBytes padded(ByteView bytes) {
  ReportDataBytes out{};
  std::ranges::copy(bytes, out.begin());
  return out;
}

}  // namespace

core::Digest256 keccak256(ByteView message) {
  core::Digest256 digest{};
  CryptoPP::Keccak_256().CalculateDigest(digest.data(), message.data(), message.size());
  return digest;
}

Result<ReportDataBytes> tagged_report_data(std::string_view tag, ByteView content, std::string_view hash) {
  Bytes message;
  append(message, tag);
  append(message, ":");
  append(message, content);
  const auto digest = digest_named(hash, message);
  if (!digest) {
    return Error{Errc::unsupported, "report_data_hash_unsupported",
                 fmt::format("unknown hash {} for report data", core::shorten(hash))};
  }
  return padded(*digest);
}

Result<ReportDataBytes> padded_report_data(std::string_view hex) {
  SKILL_VERIFIER_TRY(const auto bytes, core::parse_hex(hex));
  if (bytes.size() > 64) {
    return Error{Errc::invalid_argument, "report_data_too_long",
                 fmt::format("report data has {} bytes, the limit is 64", bytes.size())};
  }
  return padded(bytes);
}

}  // namespace skill_verifier::dcap
