#include "dcap/tcb_info.hpp"

#include <tuple>

#include "dcap/signed_json.hpp"
#include "dcap/text.hpp"

namespace skill_verifier::dcap {
namespace {

constexpr std::uint32_t kMaxModuleSvn = 255;
const SignedJson& document() {
  static const SignedJson kDocument("TCB");
  return kDocument;
}

Result<Svns> parse_components(const json::Value& tcb, std::string_view name) {
  const auto list = tcb[name];
  if (!list || !list->is_array()) return document().wrong_field(name);
  const auto elements = list->elements();
  Svns svns{};
  if (elements.size() != svns.size()) {
    return document().refuse("COMPONENT_COUNT",
                             text("'", name, "' has ", elements.size(), " components, not ", svns.size()));
  }
  for (std::size_t i = 0; i < svns.size(); ++i) {
    const auto svn = document().number(elements[i], "svn", 255);
    if (!svn) return svn.error();
    svns[i] = static_cast<std::uint8_t>(*svn);
  }
  return svns;
}

Result<PlatformLevel> parse_level(const json::Value& entry) {
  const auto tcb = entry["tcb"];
  if (!tcb) return document().wrong_field("tcb");
  PlatformLevel level;
  SKILL_VERIFIER_TRY(level.sgx, parse_components(*tcb, "sgxtcbcomponents"));
  SKILL_VERIFIER_TRY(level.pce_svn, document().number(*tcb, "pcesvn", 65535));
  SKILL_VERIFIER_TRY(level.tdx, parse_components(*tcb, "tdxtcbcomponents"));
  SKILL_VERIFIER_TRY(level.level, document().level_status(entry, true));
  return level;
}

Result<std::vector<PlatformLevel>> parse_levels(const json::Value& root) {
  const auto list = root["tcbLevels"];
  if (!list || !list->is_array()) return document().wrong_field("tcbLevels");
  const auto rank = [](const PlatformLevel& one) { return std::tie(one.sgx, one.pce_svn, one.tdx); };
  std::vector<PlatformLevel> levels;
  for (const auto& entry : list->elements()) {
    auto level = parse_level(entry);
    if (!level) return level.error();
    insert_level(levels, std::move(*level), rank);
  }
  if (levels.empty()) return document().wrong_field("tcbLevels");
  return levels;
}

Result<ModuleIdentity> parse_module(const json::Value& object) {
  ModuleIdentity module;
  SKILL_VERIFIER_TRY_VOID(document().octets(object, "mrsigner", module.mr_signer));
  SKILL_VERIFIER_TRY_VOID(document().octets(object, "attributes", module.attributes));
  SKILL_VERIFIER_TRY_VOID(document().octets(object, "attributesMask", module.attributes_mask));
  return module;
}

/// Intel writes the identities of modules in either case.
std::string upper_case(std::string_view id) {
  std::string out(id);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

Result<ModuleIdentity> parse_identity(const json::Value& object) {
  SKILL_VERIFIER_TRY(auto module, parse_module(object));
  SKILL_VERIFIER_TRY(const std::string_view id, document().string(object, "id"));
  module.id = upper_case(id);
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); };
  if (module.id.size() != 6 || !module.id.starts_with("TDX_") || !is_digit(module.id[4]) || !is_digit(module.id[5])) {
    return document().wrong_field("id");
  }
  SKILL_VERIFIER_TRY(module.levels, document().svn_levels(object, kMaxModuleSvn));
  return module;
}

Result<std::vector<ModuleIdentity>> parse_identities(const json::Value& root) {
  std::vector<ModuleIdentity> identities;
  const auto list = root["tdxModuleIdentities"];
  if (!list) return identities;
  if (!list->is_array()) return document().wrong_field("tdxModuleIdentities");
  for (const auto& entry : list->elements()) {
    auto identity = parse_identity(entry);
    if (!identity) return identity.error();
    if (std::ranges::find(identities, identity->id, &ModuleIdentity::id) != identities.end()) {
      return document().refuse("FIELD", text("module identity ", identity->id, " stands there twice"));
    }
    identities.push_back(std::move(*identity));
  }
  return identities;
}

}  // namespace

Result<TcbInfo> parse_tcb_info(std::string_view text) {
  SKILL_VERIFIER_TRY(const auto json, document().parse(text));
  const auto root = json.root();
  TcbInfo info;
  SKILL_VERIFIER_TRY_VOID(document().head(root, "TDX", 3, info.issue_date, info.next_update));
  const auto type = root["tcbType"] ? root["tcbType"]->integer() : std::nullopt;
  if (type != 0) return document().refuse("TYPE", dcap::text("its tcbType is ", type.value_or(-1), ", not 0"));
  SKILL_VERIFIER_TRY(const auto fmspc, document().octets(root, "fmspc", 6));
  SKILL_VERIFIER_TRY(const auto pce_id, document().octets(root, "pceId", 2));
  info.fmspc = upper_hex(core::to_hex(fmspc));
  info.pce_id = upper_hex(core::to_hex(pce_id));
  SKILL_VERIFIER_TRY(info.evaluation_data_number, document().number(root, "tcbEvaluationDataNumber", UINT32_MAX));
  const auto module = root["tdxModule"];
  if (!module) return document().wrong_field("tdxModule");
  SKILL_VERIFIER_TRY(info.module, parse_module(*module));
  SKILL_VERIFIER_TRY(info.identities, parse_identities(root));
  SKILL_VERIFIER_TRY(info.levels, parse_levels(root));
  return info;
}

}  // namespace skill_verifier::dcap
