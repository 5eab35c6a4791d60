#include "dcap/tcb_match.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace skill_verifier::dcap {
namespace {

constexpr std::size_t kModuleMinor = 0;
constexpr std::size_t kModuleMajor = 1;

bool reaches(const PlatformLevel& level, const PlatformSvns& svns, std::size_t first_tdx_component) {
  for (std::size_t i = 0; i < level.sgx_components.size(); ++i)
    if (svns.pck.components[i] < level.sgx_components[i]) return false;
  if (svns.pck.pce_svn < level.pce_svn) return false;
  for (std::size_t i = first_tdx_component; i < level.tdx_components.size(); ++i)
    if (svns.tee_tcb_svn[i] < level.tdx_components[i]) return false;
  return true;
}

bool needs_configuration(TcbStatus status) {
  return status == TcbStatus::configuration_needed || status == TcbStatus::out_of_date_configuration_needed ||
         status == TcbStatus::configuration_and_sw_hardening_needed;
}

bool is_out_of_date(TcbStatus status) {
  return status == TcbStatus::out_of_date || status == TcbStatus::out_of_date_configuration_needed;
}

}  // namespace

TcbStatus converge(TcbStatus platform, TcbStatus component) {
  if (component == TcbStatus::revoked || platform == TcbStatus::revoked) return TcbStatus::revoked;
  if (component != TcbStatus::out_of_date) return platform;
  switch (platform) {
    case TcbStatus::up_to_date:
    case TcbStatus::sw_hardening_needed:
      return TcbStatus::out_of_date;
    case TcbStatus::configuration_needed:
    case TcbStatus::configuration_and_sw_hardening_needed:
      return TcbStatus::out_of_date_configuration_needed;
    default:
      return platform;
  }
}

TcbStatus relaunch(TcbStatus launched, TcbStatus current) {
  if (!is_out_of_date(launched) || is_out_of_date(current) || current == TcbStatus::revoked) return launched;
  return needs_configuration(launched) || needs_configuration(current)
             ? TcbStatus::td_relaunch_advised_configuration_needed
             : TcbStatus::td_relaunch_advised;
}

const EnclaveLevel* find_level(const std::vector<EnclaveLevel>& levels, std::uint32_t isv_svn) {
  const auto found = std::ranges::find_if(levels, [&](const auto& level) { return isv_svn >= level.isv_svn; });
  return found == levels.end() ? nullptr : &*found;
}

std::string module_id(const Field<16>& tee_tcb_svn) {
  return fmt::format("TDX_{:02X}", tee_tcb_svn[kModuleMajor]);
}

const TdxModule* find_module(const TcbInfo& info, const Field<16>& tee_tcb_svn) {
  if (tee_tcb_svn[kModuleMajor] == 0) return &info.module;
  const auto found = std::ranges::find(info.module_identities, module_id(tee_tcb_svn), &TdxModule::id);
  return found == info.module_identities.end() ? nullptr : &*found;
}

Checked<MatchedTcb> match_tcb(const TcbInfo& info, const PlatformSvns& svns, const EnclaveLevel& qe) {
  const bool own_levels = svns.tee_tcb_svn[kModuleMajor] > 0;
  // The first two components are the module's version, which then has levels of its own.
  const std::size_t first_tdx_component = own_levels ? 2 : 0;
  const auto level = std::ranges::find_if(
      info.levels, [&](const auto& candidate) { return reaches(candidate, svns, first_tdx_component); });
  if (level == info.levels.end())
    return Refusal{
        "TCB_NOT_SUPPORTED",
        fmt::format("the platform (components {}, PCESVN {}, TEE_TCB_SVN {}) reaches no level of the TCB info",
                    core::to_hex(svns.pck.components), svns.pck.pce_svn, core::to_hex(svns.tee_tcb_svn))};
  MatchedTcb matched;
  matched.platform = &*level;
  matched.status = converge(level->status, qe.status);
  if (!own_levels) return matched;
  const auto* module = find_module(info, svns.tee_tcb_svn);
  if (module == nullptr)
    return Refusal{"TCB_MODULE_UNKNOWN", fmt::format("the TCB info has no TDX module {}", module_id(svns.tee_tcb_svn))};
  matched.module = find_level(module->levels, svns.tee_tcb_svn[kModuleMinor]);
  if (matched.module == nullptr)
    return Refusal{"TCB_MODULE_NOT_SUPPORTED", fmt::format("module {} has SVN {}, which reaches none of its levels",
                                                           module->id, svns.tee_tcb_svn[kModuleMinor])};
  matched.status = converge(matched.status, matched.module->status);
  return matched;
}

}  // namespace skill_verifier::dcap
