#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "dcap/crl.hpp"
#include "dcap/json_reader.hpp"
#include "dcap/tcb_info.hpp"
#include "skill_verifier/dcap/verify.hpp"

namespace skill_verifier::dcap {
namespace {

struct MemberName {
  const char* name;
  std::string Collateral::* member;
};
constexpr auto kMembers = std::to_array<MemberName>({
    {"root_ca_crl", &Collateral::root_ca_crl},
    {"pck_crl", &Collateral::pck_crl},
    {"tcb_info_issuer_chain", &Collateral::tcb_info_issuer_chain},
    {"tcb_info", &Collateral::tcb_info},
    {"tcb_info_signature", &Collateral::tcb_info_signature},
    {"qe_identity_issuer_chain", &Collateral::qe_identity_issuer_chain},
    {"qe_identity", &Collateral::qe_identity},
    {"qe_identity_signature", &Collateral::qe_identity_signature},
});
constexpr const char* kPckCrlChain = "pck_crl_issuer_chain";

Error invalid(std::string message) {
  return Error{Errc::invalid_argument, "collateral_invalid", "the collateral " + std::move(message)};
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\')
      (out += '\\') += c;
    else if (static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  out += '"';
}

void append_member(std::string& out, const char* name, std::string_view value) {
  out += out.empty() ? '{' : ',';
  append_json_string(out, name);
  out += ':';
  append_json_string(out, value);
}

}  // namespace

Result<Collateral> parse_collateral(std::string_view json) {
  const auto document = parse_strict_json(json, kMaxCollateralBytes);
  if (!document) return invalid("is no JSON: " + document.error().message);
  Collateral collateral;
  for (const auto& [name, member] : kMembers) {
    const auto* value = document->find(name);
    if (value == nullptr || value->string() == nullptr)
      return invalid(fmt::format("lacks {}, or it is no string", name));
    collateral.*member = *value->string();
  }
  if (const auto* chain = document->find(kPckCrlChain); chain != nullptr && chain->string() != nullptr)
    collateral.pck_crl_issuer_chain = *chain->string();
  return collateral;
}

std::string to_json(const Collateral& collateral) {
  std::string out;
  append_member(out, kPckCrlChain, collateral.pck_crl_issuer_chain);
  for (const auto& [name, member] : kMembers)
    append_member(out, name, collateral.*member);
  return out + "}";
}

Result<CollateralWindow> collateral_window(const Collateral& collateral) {
  const auto root_crl = parse_crl("ROOTCRL", collateral.root_ca_crl);
  if (!root_crl) return invalid(root_crl.error().message);
  const auto pck_crl = parse_crl("PCKCRL", collateral.pck_crl);
  if (!pck_crl) return invalid(pck_crl.error().message);
  const auto info = parse_tcb_info(collateral.tcb_info);
  if (!info) return invalid(info.error().message);
  const auto identity = parse_qe_identity(collateral.qe_identity);
  if (!identity) return invalid(identity.error().message);
  return CollateralWindow{
      std::max({root_crl->this_update, pck_crl->this_update, info->window.begin, identity->window.begin}),
      std::min({root_crl->next_update, pck_crl->next_update, info->window.end, identity->window.end})};
}

}  // namespace skill_verifier::dcap
