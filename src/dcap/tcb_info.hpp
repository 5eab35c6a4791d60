#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/dcap/verify.hpp"

namespace skill_verifier::dcap {

using Svns = std::array<std::uint8_t, 16>;

/// What every level says, whatever it is a level of.
struct LevelStatus {
  TcbStatus status = TcbStatus::revoked;
  std::string date;  ///< as it stands in the document
  std::vector<std::string> advisory_ids;
};

/// A level of a module or of the quoting enclave.
struct SvnLevel {
  std::uint32_t isv_svn = 0;
  LevelStatus level;
};

struct PlatformLevel {
  Svns sgx{};
  std::uint32_t pce_svn = 0;
  Svns tdx{};
  LevelStatus level;
};

struct ModuleIdentity {
  std::string id;  ///< `TDX_01`; empty for the one of modules with major version 0
  std::array<std::uint8_t, 48> mr_signer{};
  std::array<std::uint8_t, 8> attributes{};
  std::array<std::uint8_t, 8> attributes_mask{};
  std::vector<SvnLevel> levels;  ///< highest first
};

/// TCB info of version 3 for TDX (Intel PCS API v4).
struct TcbInfo {
  std::int64_t issue_date = 0;
  std::int64_t next_update = 0;
  std::string fmspc;   ///< upper-case hex
  std::string pce_id;  ///< upper-case hex
  std::uint32_t evaluation_data_number = 0;
  ModuleIdentity module;
  std::vector<ModuleIdentity> identities;
  std::vector<PlatformLevel> levels;  ///< highest first
};

/// Errors: TCB_JSON, TCB_ID, TCB_VERSION, TCB_TYPE, TCB_DATE, TCB_FIELD, TCB_COMPONENT_COUNT, TCB_STATUS_UNKNOWN.
Result<TcbInfo> parse_tcb_info(std::string_view text);

/// Identity of the quoting enclave (Intel PCS API v4), version 2.
struct QeIdentity {
  std::int64_t issue_date = 0;
  std::int64_t next_update = 0;
  std::uint32_t evaluation_data_number = 0;
  std::uint32_t misc_select = 0;
  std::uint32_t misc_select_mask = 0;
  std::array<std::uint8_t, 16> attributes{};
  std::array<std::uint8_t, 16> attributes_mask{};
  std::array<std::uint8_t, 32> mr_signer{};
  std::uint32_t isv_prod_id = 0;
  std::vector<SvnLevel> levels;  ///< highest first
};

/// Errors: QEID_JSON, QEID_ID, QEID_VERSION, QEID_DATE, QEID_FIELD, QEID_STATUS_UNKNOWN.
Result<QeIdentity> parse_qe_identity(std::string_view text);

}  // namespace skill_verifier::dcap
