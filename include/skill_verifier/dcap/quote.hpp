#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/sha2.hpp"

namespace skill_verifier::dcap {

template <std::size_t Size>
using Field = std::array<std::uint8_t, Size>;

/// The first 48 bytes of a quote (Intel "TDX DCAP Quoting Library API", A.3.1).
struct QuoteHeader {
  std::uint16_t version = 0;
  std::uint16_t attestation_key_type = 0;
  std::uint32_t tee_type = 0;
  std::uint16_t qe_svn = 0;
  std::uint16_t pce_svn = 0;
  Field<16> qe_vendor_id{};
  Field<20> user_data{};
};

/// TD report 1.0, or 1.5 with its two further fields. Bytes as they stand in the quote; numbers are little-endian.
struct TdReport {
  Field<16> tee_tcb_svn{};
  Field<48> mr_seam{};
  Field<48> mr_signer_seam{};
  Field<8> seam_attributes{};
  Field<8> td_attributes{};
  Field<8> xfam{};
  Field<48> mr_td{};
  Field<48> mr_config_id{};
  Field<48> mr_owner{};
  Field<48> mr_owner_config{};
  std::array<Field<48>, 4> rtmr{};
  Field<64> report_data{};
  std::optional<Field<16>> tee_tcb_svn2;
  std::optional<Field<48>> mr_service_td;
};

/// SGX report of the quoting enclave.
struct QeReport {
  Field<16> cpu_svn{};
  std::uint32_t misc_select = 0;
  Field<16> attributes{};
  Field<32> mr_enclave{};
  Field<32> mr_signer{};
  std::uint16_t isv_prod_id = 0;
  std::uint16_t isv_svn = 0;
  Field<64> report_data{};
};

/// Every field of a quote. A claim of whoever made the bytes until `verify` (verify.hpp) said otherwise.
struct Quote {
  QuoteHeader header;
  std::uint16_t body_type = 2;  ///< 2 = TD report 1.0, 3 = 1.5; stands in quotes of version 5 only
  TdReport td;
  Field<64> signature{};        ///< r, s
  Field<64> attestation_key{};  ///< x, y
  QeReport qe;
  Field<64> qe_report_signature{};
  Bytes qe_auth_data;
  std::vector<Bytes> pck_chain;    ///< DER: PCK certificate, PCK CA, root
  std::size_t trailing_zeros = 0;  ///< after the authentication data
};

/// Reads the whole structure of a quote (Intel, versions 4 and 5) and checks every length and type in it, but no
/// signature. Bounds-checked; at most 64 KiB. Zero bytes after the quote and a NUL or white space after its PEM text
/// are tolerated, as real hosts add them. Errors: invalid_argument `quote_invalid` saying which field.
Result<Quote> parse_quote(ByteView quote);

/// The parts of a quote that the service looks at before the full verification.
struct QuoteSummary {
  std::uint16_t version = 0;
  std::array<std::uint8_t, 64> report_data{};
  core::Digest256 root_certificate_sha256{};  ///< of the DER of the last certificate of the embedded chain
};

/// As parse_quote.
Result<QuoteSummary> summarize_quote(ByteView quote);

/// Which collateral a quote needs: read from its PCK certificate, nothing is verified.
struct CollateralKey {
  std::string fmspc;   ///< 12 upper-case hex digits
  std::string pck_ca;  ///< `platform` or `processor`, as PCS names them
  auto operator<=>(const CollateralKey&) const = default;
};
/// Errors: as parse_quote; also for a PCK certificate without Intel's SGX extension.
Result<CollateralKey> collateral_key(ByteView quote);

/// SHA-256 of the DER of "Intel SGX Root CA", serial 22650CD65A9D3489F383B49552BF501B392706AC, valid from 2018 to 2049
/// (https://certificates.trustedservices.intel.com/IntelSGXRootCA.cer).
const core::Digest256& intel_root_sha256();

}  // namespace skill_verifier::dcap
