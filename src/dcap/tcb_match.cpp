#include "dcap/tcb_match.hpp"

#include <algorithm>

#include "dcap/signed_json.hpp"
#include "dcap/text.hpp"

namespace skill_verifier::dcap {
namespace {

/// In TEE_TCB_SVN: the SVN of the TDX module, then its major version.
constexpr std::size_t kModuleSvn = 0, kModuleVersion = 1;

bool needs_configuration(TcbStatus status) {
  return status == TcbStatus::configuration_needed || status == TcbStatus::configuration_and_sw_hardening_needed ||
         status == TcbStatus::out_of_date_configuration_needed;
}

bool is_out_of_date(TcbStatus status) {
  return status == TcbStatus::out_of_date || status == TcbStatus::out_of_date_configuration_needed;
}

std::string module_id(std::uint8_t version) {
  return "TDX_" + upper_hex(core::to_hex(std::array{version}));
}

bool reaches(const SgxExtension& platform, const Svns& tee, const PlatformLevel& level) {
  for (std::size_t i = 0; i < level.sgx.size(); ++i)
    if (platform.components[i] < level.sgx[i]) return false;
  if (platform.pce_svn < level.pce_svn) return false;
  // From major version 1 on, the first two components have levels of their own, in the module's identity.
  for (std::size_t i = tee[kModuleVersion] > 0 ? 2 : 0; i < tee.size(); ++i)
    if (tee[i] < level.tdx[i]) return false;
  return true;
}

void add_advisories(std::vector<std::string>& all, const std::vector<std::string>& more) {
  for (const auto& id : more)
    if (std::ranges::find(all, id) == all.end()) all.push_back(id);
}

Result<const SvnLevel*> module_level(const TcbInfo& info, const Svns& tee) {
  const auto* identity = find_module(info, tee[kModuleVersion]);
  if (!identity) {
    return refusal("TCB_MODULE_UNKNOWN", text("the tcb info has no module identity ", module_id(tee[kModuleVersion])));
  }
  const auto* level = find_level(identity->levels, tee[kModuleSvn]);
  if (!level) {
    return refusal("TCB_MODULE_NOT_SUPPORTED",
                   text("module svn ", tee[kModuleSvn], " is below every level of ", identity->id));
  }
  return level;
}

Result<TcbVerdict> evaluate(const TcbInfo& info, const SgxExtension& platform, const Svns& tee, const LevelStatus& qe) {
  const auto level = std::ranges::find_if(
      info.levels, [&](const PlatformLevel& candidate) { return reaches(platform, tee, candidate); });
  if (level == info.levels.end()) {
    return refusal("TCB_NOT_SUPPORTED",
                   text("no level of the tcb info is reached by components ", ByteView(platform.components),
                        ", pcesvn ", platform.pce_svn, ", tee tcb svn ", ByteView(tee)));
  }
  const LevelStatus* module = nullptr;
  if (tee[kModuleVersion] > 0) {
    const auto found = module_level(info, tee);
    if (!found) return found.error();
    module = &(*found)->level;
  }
  const auto any = [&](TcbStatus status) { return qe.status == status || (module && module->status == status); };
  TcbVerdict verdict;
  verdict.platform = level->level.status;
  verdict.status = converge(verdict.platform, any(TcbStatus::out_of_date), any(TcbStatus::revoked));
  verdict.date = std::min(level->level.date, qe.date);
  add_advisories(verdict.advisory_ids, level->level.advisory_ids);
  add_advisories(verdict.advisory_ids, qe.advisory_ids);
  if (module) {
    verdict.module = module->status;
    verdict.date = std::min(verdict.date, module->date);
    add_advisories(verdict.advisory_ids, module->advisory_ids);
  }
  return verdict;
}

}  // namespace

TcbStatus converge(TcbStatus platform, bool any_out_of_date, bool any_revoked) {
  if (any_revoked || platform == TcbStatus::revoked) return TcbStatus::revoked;
  if (!any_out_of_date || is_out_of_date(platform)) return platform;
  return needs_configuration(platform) ? TcbStatus::out_of_date_configuration_needed : TcbStatus::out_of_date;
}

TcbStatus relaunch_status(TcbStatus launched, TcbStatus current) {
  if (current == TcbStatus::revoked) return TcbStatus::revoked;
  if (!is_out_of_date(launched) || is_out_of_date(current)) return launched;
  return needs_configuration(launched) || needs_configuration(current)
             ? TcbStatus::td_relaunch_advised_configuration_needed
             : TcbStatus::td_relaunch_advised;
}

const SvnLevel* find_level(const std::vector<SvnLevel>& levels, std::uint32_t svn) {
  const auto found = std::ranges::find_if(levels, [&](const SvnLevel& level) { return svn >= level.isv_svn; });
  return found == levels.end() ? nullptr : &*found;
}

const ModuleIdentity* find_module(const TcbInfo& info, std::uint8_t major_version) {
  if (major_version == 0) return &info.module;
  const auto found = std::ranges::find(info.identities, module_id(major_version), &ModuleIdentity::id);
  return found == info.identities.end() ? nullptr : &*found;
}

Result<void> check_module(const TcbInfo& info, const TdReport& td) {
  const auto version = td.tee_tcb_svn[kModuleVersion];
  const auto* module = find_module(info, version);
  if (!module) return refusal("TCB_MODULE_UNKNOWN", text("the tcb info has no module identity ", module_id(version)));
  if (td.mr_signer_seam != module->mr_signer) {
    return refusal("TD_MRSIGNERSEAM", text("mrsignerseam is ", ByteView(td.mr_signer_seam), ", the module's is ",
                                           ByteView(module->mr_signer)));
  }
  for (std::size_t i = 0; i < td.seam_attributes.size(); ++i) {
    const int mask = module->attributes_mask[i], reported = td.seam_attributes[i];
    if ((reported & ~mask) != 0 || (reported & mask) != (module->attributes[i] & mask)) {
      return refusal("TD_SEAMATTRIBUTES",
                     text("seamattributes is ", ByteView(td.seam_attributes), ", the module's is ",
                          ByteView(module->attributes), " under mask ", ByteView(module->attributes_mask)));
    }
  }
  return {};
}

Result<TcbVerdict> match_tcb(const TcbInfo& info, const SgxExtension& platform, const TdReport& td,
                             const LevelStatus& qe) {
  auto launched = evaluate(info, platform, td.tee_tcb_svn, qe);
  if (!launched || !td.tee_tcb_svn2) return launched;
  const auto current = evaluate(info, platform, *td.tee_tcb_svn2, qe);
  if (!current) return current.error();
  launched->status = relaunch_status(launched->status, current->status);
  return launched;
}

}  // namespace skill_verifier::dcap
