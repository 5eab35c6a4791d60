#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dcap/checked.hpp"

namespace skill_verifier::dcap {

/// A level of a quoting enclave or a TDX module.
struct EnclaveLevel {
  std::uint32_t isv_svn = 0;
  TcbStatus status = TcbStatus::up_to_date;  ///< UpToDate, OutOfDate or Revoked
  std::int64_t tcb_date = 0;
  std::vector<std::string> advisory_ids;
};

struct PlatformLevel {
  std::array<std::uint8_t, 16> sgx_components{};
  std::uint16_t pce_svn = 0;
  std::array<std::uint8_t, 16> tdx_components{};
  TcbStatus status = TcbStatus::up_to_date;
  std::int64_t tcb_date = 0;
  std::vector<std::string> advisory_ids;
};

/// tdxModule, or one of tdxModuleIdentities (then with levels).
struct TdxModule {
  std::string id;  ///< `TDX_01`; empty for tdxModule
  Field<48> mr_signer{};
  Field<8> attributes{};
  Field<8> attributes_mask{};
  std::vector<EnclaveLevel> levels;  ///< newest first
};

/// Intel's TCB info, version 3, for TDX.
struct TcbInfo {
  CollateralWindow window;
  Field<6> fmspc{};
  Field<2> pce_id{};
  std::uint32_t evaluation_data_number = 0;
  TdxModule module;
  std::vector<TdxModule> module_identities;
  std::vector<PlatformLevel> levels;  ///< newest first, whatever order the text has
};
/// Of a text whose signature was verified. Codes TCB_JSON, _ID, _VERSION, _TYPE, _DATE, _FIELD, _COMPONENT_COUNT,
/// _STATUS_UNKNOWN.
Checked<TcbInfo> parse_tcb_info(std::string_view text);

/// Intel's identity of the TD quoting enclave, version 2.
struct QeIdentity {
  CollateralWindow window;
  std::uint32_t evaluation_data_number = 0;
  std::uint32_t misc_select = 0, misc_select_mask = 0;
  Field<16> attributes{}, attributes_mask{};
  Field<32> mr_signer{};
  std::uint16_t isv_prod_id = 0;
  std::vector<EnclaveLevel> levels;  ///< newest first
};
/// Of a text whose signature was verified. Codes QEID_JSON, _ID, _VERSION, _DATE, _FIELD, _STATUS_UNKNOWN.
Checked<QeIdentity> parse_qe_identity(std::string_view text);

}  // namespace skill_verifier::dcap
