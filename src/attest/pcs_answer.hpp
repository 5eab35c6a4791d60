#pragma once

#include <string>
#include <string_view>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/clock.hpp"
#include "skill_verifier/net/http_client.hpp"

/// What PCS and PCCS answer, taken apart. Pure. Errors of all: unavailable `collateral_malformed`.
namespace skill_verifier::attest {

/// `{"tcbInfo":{…},"signature":"…"}` or the same with enclaveIdentity.
struct SignedBody {
  std::string text;       ///< the object byte for byte: the signature is over these bytes
  std::string signature;  ///< 128 hex digits
  std::string fmspc;      ///< empty where it has none
  core::Time next_update{};
};
/// `member` is the object's name, `id` what its `id` has to be.
Result<SignedBody> parse_signed_body(std::string_view body, std::string_view member, std::string_view id);

struct CrlBody {
  Bytes der;
  core::Time next_update{};
};
/// DER, the hex of DER (PCCS), or PEM.
Result<CrlBody> parse_crl_body(std::string_view body);

/// A chain of PEM certificates from the first of the headers that is there: percent-decoded, where a plus is a plus.
Result<std::string> issuer_chain(const net::Headers& headers, std::initializer_list<std::string_view> names);

}  // namespace skill_verifier::attest
