#pragma once

#include <optional>

#include "dcap/sgx_extension.hpp"
#include "dcap/tcb_info.hpp"

namespace skill_verifier::dcap {

/// What a platform's levels, its module's and its quoting enclave's come to.
struct TcbVerdict {
  TcbStatus status = TcbStatus::revoked;  ///< converged
  TcbStatus platform = TcbStatus::revoked;
  std::optional<TcbStatus> module;
  std::vector<std::string> advisory_ids;
  std::string date;  ///< the oldest
};

/// Intel's table (QVL, "TCB status convergence"): `components` are the statuses of module and quoting enclave.
TcbStatus converge(TcbStatus platform, bool any_out_of_date, bool any_revoked);
/// A TD 1.5 whose module was updated while it ran: what it was launched with, and what runs now.
TcbStatus relaunch_status(TcbStatus launched, TcbStatus current);

/// The first level whose SVN the given one reaches.
const SvnLevel* find_level(const std::vector<SvnLevel>& levels, std::uint32_t svn);
/// Null where no identity is for modules of that major version.
const ModuleIdentity* find_module(const TcbInfo& info, std::uint8_t major_version);

/// MRSIGNERSEAM and SEAMATTRIBUTES against the module's identity. Errors: TCB_MODULE_UNKNOWN, TD_MRSIGNERSEAM,
/// TD_SEAMATTRIBUTES.
Result<void> check_module(const TcbInfo& info, const TdReport& td);
/// Levels, convergence and relaunch. Errors: TCB_NOT_SUPPORTED, TCB_MODULE_UNKNOWN, TCB_MODULE_NOT_SUPPORTED.
Result<TcbVerdict> match_tcb(const TcbInfo& info, const SgxExtension& platform, const TdReport& td,
                             const LevelStatus& qe);

}  // namespace skill_verifier::dcap
