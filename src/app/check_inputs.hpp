#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "skill_verifier/attest/check.hpp"
#include "skill_verifier/core/clock.hpp"
#include "skill_verifier/core/result.hpp"

namespace skill_verifier::app {

/// The bytes of a file, or of standard input for `-`. Errors: not_found `input_unreadable`, too_large
/// `input_too_large`.
Result<std::string> read_input(const std::string& path, std::size_t limit = attest::kMaxEvidenceBytes);

bool is_url(std::string_view input);
/// GET over HTTP or verified TLS, with a time and a size limit; redirects are not followed. Errors: invalid_argument
/// `url_invalid`, unavailable `fetch_failed` for any other status than 200, and those of net::HttpClient.
Result<std::string> fetch(const std::string& url, std::size_t limit = attest::kMaxEvidenceBytes);
/// Collateral for that quote (hexadecimal) from a PCS or PCCS at `base` (scheme, host and port), as QuoteCollateralV3
/// with `fetchedAt`. Errors: those of dcap::collateral_key and attest::CollateralClient::fetch.
Result<std::string> fetch_collateral(const std::string& quote, const std::string& base);
/// What a URL says about the document behind it: a server that answers with another one must not pass.
struct Address {
  std::optional<attest::EvidenceKind>
      kind;  ///< a job's below /verify/ and at /attestation/<id>, a service's at /attestation
  std::optional<std::string> job_id;
  std::optional<std::string> nonce;  ///< of the query
};
/// Escapes are decoded first. Errors: invalid_argument `url_invalid` for a broken escape or two nonces.
Result<Address> parse_address(std::string_view url);

/// `now`, whole seconds since 1970, an RFC 3339 time, or such a time without its zone or a date alone, which are UTC.
/// Errors: invalid_argument.
Result<std::int64_t> parse_instant(const std::string& text, core::Time now);

/// Digests of a skill folder or archive, the way intake takes them.
Result<attest::Expectations::Package> package_digests(const std::string& path);

}  // namespace skill_verifier::app
