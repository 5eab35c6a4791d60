#pragma once

#include <optional>

#include "dcap/sgx_extension.hpp"
#include "dcap/tcb_info.hpp"

namespace skill_verifier::dcap {

/// What a platform runs, as its PCK certificate and its TD report say.
struct PlatformSvns {
  const SgxExtension& pck;
  const Field<16>& tee_tcb_svn;
};

struct MatchedTcb {
  TcbStatus status = TcbStatus::revoked;  ///< converged with the module's and the quoting enclave's
  const PlatformLevel* platform = nullptr;
  const EnclaveLevel* module = nullptr;  ///< null for a module of major version 0, which has no levels of its own
};

/// Intel's matching and convergence (facts/dcap.md §2.10). Codes TCB_NOT_SUPPORTED, TCB_MODULE_UNKNOWN.
Checked<MatchedTcb> match_tcb(const TcbInfo& info, const PlatformSvns& svns, const EnclaveLevel& qe);

/// The worst of a platform's status and one component's (out of date or revoked).
TcbStatus converge(TcbStatus platform, TcbStatus component);
/// TD 1.5: what runs now (`current`) may be newer than what launched the TD.
TcbStatus relaunch(TcbStatus launched, TcbStatus current);

/// The first level that `isv_svn` reaches; null when it reaches none.
const EnclaveLevel* find_level(const std::vector<EnclaveLevel>& levels, std::uint32_t isv_svn);
/// tdxModule, or the identity of the module's major version; null when there is none.
const TdxModule* find_module(const TcbInfo& info, const Field<16>& tee_tcb_svn);

/// `TDX_01` for the major version in TEE_TCB_SVN.
std::string module_id(const Field<16>& tee_tcb_svn);

}  // namespace skill_verifier::dcap
