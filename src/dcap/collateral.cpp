#include <algorithm>
#include <array>

#include "dcap/certificate_chain.hpp"
#include "dcap/json_reader.hpp"
#include "dcap/signed_json.hpp"
#include "dcap/text.hpp"
#include "skill_verifier/dcap/verify.hpp"

namespace skill_verifier::dcap {
namespace {

struct Member {
  std::string_view name;
  std::string Collateral::* place;
};
constexpr std::array<Member, 9> kMembers = {{
    {"pck_crl_issuer_chain", &Collateral::pck_crl_issuer_chain},
    {"root_ca_crl", &Collateral::root_ca_crl},
    {"pck_crl", &Collateral::pck_crl},
    {"tcb_info_issuer_chain", &Collateral::tcb_info_issuer_chain},
    {"tcb_info", &Collateral::tcb_info},
    {"tcb_info_signature", &Collateral::tcb_info_signature},
    {"qe_identity_issuer_chain", &Collateral::qe_identity_issuer_chain},
    {"qe_identity", &Collateral::qe_identity},
    {"qe_identity_signature", &Collateral::qe_identity_signature},
}};
constexpr std::string_view kUnusedMember = kMembers[0].name;

Error invalid(std::string message) {
  return refusal("collateral_invalid", std::move(message));
}

struct Window {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

Result<Window> document_window(std::string_view document, std::string_view name) {
  const SignedJson reader("JSON");
  const auto parsed = reader.parse(document);
  if (!parsed) return invalid(text(name, ": ", parsed.error().message));
  const auto begin = reader.instant(parsed->root(), "issueDate");
  const auto end = reader.instant(parsed->root(), "nextUpdate");
  if (!begin || !end) return invalid(text(name, ": ", (begin ? end : begin).error().message));
  return Window{*begin, *end};
}

Result<Window> list_window(std::string_view hex, std::string_view name) {
  const auto crl = load_crl(hex, "CRL");
  if (!crl) return invalid(text(name, ": ", crl.error().message));
  return Window{crl->this_update, crl->next_update};
}

}  // namespace

Result<Collateral> parse_collateral(std::string_view json) {
  const auto document = json::Document::parse(json, {.bytes = kMaxCollateralBytes});
  if (!document) return invalid(text("the collateral is not JSON: ", document.error().message));
  const auto root = document->root();
  if (!root.is_object()) return invalid("the collateral is not a JSON object");
  Collateral collateral;
  for (const auto& [name, place] : kMembers) {
    const auto member = root[name];
    const auto value = member ? member->string() : std::nullopt;
    if (!value && name != kUnusedMember)
      return invalid(text("member '", name, "' of the collateral is missing or not a string"));
    collateral.*place = value.value_or("");
  }
  return collateral;
}

std::string to_json(const Collateral& collateral) {
  std::string out = "{";
  for (const auto& [name, place] : kMembers) {
    if (out.size() > 1) out += ',';
    out += json::quote(name) + ":" + json::quote(collateral.*place);
  }
  return out + "}";
}

Result<CollateralWindow> collateral_window(const Collateral& collateral) {
  SKILL_VERIFIER_TRY(const auto tcb, document_window(collateral.tcb_info, "tcb_info"));
  SKILL_VERIFIER_TRY(const auto qe, document_window(collateral.qe_identity, "qe_identity"));
  SKILL_VERIFIER_TRY(const auto root, list_window(collateral.root_ca_crl, "root_ca_crl"));
  SKILL_VERIFIER_TRY(const auto pck, list_window(collateral.pck_crl, "pck_crl"));
  return CollateralWindow{std::max({tcb.begin, qe.begin, root.begin, pck.begin}),
                          std::min({tcb.end, qe.end, root.end, pck.end})};
}

}  // namespace skill_verifier::dcap
