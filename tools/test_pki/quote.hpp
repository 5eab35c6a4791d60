#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "test_pki/certificate.hpp"

/// TDX quotes (Intel, versions 4 and 5) with every field settable, signed so that a full verification against the
/// chain's root succeeds when nothing was changed.
namespace test_pki {

template <std::size_t Size>
using Field = std::array<std::uint8_t, Size>;

/// TD report 1.0; the last two fields exist in 1.5 only.
struct TdReport {
  Field<16> tee_tcb_svn{0x05, 0x01, 0x02};
  Field<48> mr_seam{};
  Field<48> mr_signer_seam{};
  Field<8> seam_attributes{};
  Field<8> td_attributes{0x00, 0x00, 0x00, 0x10};  ///< SEPT_VE_DISABLE
  Field<8> xfam{0xe7, 0x02, 0x06};
  Field<48> mr_td{};
  Field<48> mr_config_id{};
  Field<48> mr_owner{};
  Field<48> mr_owner_config{};
  std::array<Field<48>, 4> rtmr{};
  Field<64> report_data{};
  Field<16> tee_tcb_svn2{0x05, 0x01, 0x02};
  Field<48> mr_service_td{};
};

/// SGX report of the quoting enclave. `report_data` absent: SHA-256(attestation key, auth data), zeros.
struct QeReport {
  Field<16> cpu_svn{};
  std::uint32_t misc_select = 0;
  Field<16> attributes{0x15, 0, 0, 0, 0, 0, 0, 0, 0xe7};
  Field<32> mr_enclave{};
  Field<32> mr_signer{0xdc, 0x9e, 0x2a, 0x7c, 0x6f, 0x94, 0x8f, 0x17, 0x47, 0x4e, 0x34, 0xa7, 0xfc, 0x43, 0xed, 0x03,
                      0x0f, 0x7c, 0x15, 0x63, 0xf1, 0xba, 0xbd, 0xdf, 0x63, 0x40, 0xc8, 0x2e, 0x0e, 0x54, 0xa8, 0xc5};
  std::uint16_t isv_prod_id = 2;
  std::uint16_t isv_svn = 6;
  std::optional<Field<64>> report_data;
};

struct QuoteSpec {
  std::uint16_t version = 4;
  std::uint16_t key_type = 2;
  std::uint32_t tee_type = 0x81;
  Field<16> vendor{0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};
  Field<20> user_data{};
  std::uint16_t body_type = 2;             ///< version 5 only: 2 = TD 1.0, 3 = TD 1.5
  std::optional<std::uint32_t> body_size;  ///< version 5 only; absent: the body's size
  TdReport td;
  QeReport qe;
  Bytes qe_auth_data = default_auth_data();
  std::uint16_t outer_type = 6;
  std::uint16_t inner_type = 5;
  std::optional<Bytes> certification_data;  ///< absent: the chain
  std::optional<std::uint32_t> auth_size;   ///< absent: right
  std::optional<std::uint32_t> outer_size;  ///< absent: right
  std::optional<std::uint32_t> inner_size;  ///< absent: right
  std::size_t trailing_zeros = 70;          ///< as real hosts append

  static Bytes default_auth_data();  ///< 00 01 … 1f
};

/// The quote's bytes, signed by `attestation_key`, whose QE report is signed by the chain's PCK key.
Bytes build_quote(const QuoteSpec& spec, const SigningKey& attestation_key, const PckChain& chain);

}  // namespace test_pki
