#include "dcap/signed_json.hpp"
#include "dcap/tcb_info.hpp"

namespace skill_verifier::dcap {
namespace {

/// The octets as SGX has them in memory: little-endian.
std::uint32_t from_octets(const std::array<std::uint8_t, 4>& octets) {
  return std::uint32_t{octets[0]} | std::uint32_t{octets[1]} << 8 | std::uint32_t{octets[2]} << 16 |
         std::uint32_t{octets[3]} << 24;
}

}  // namespace

Result<QeIdentity> parse_qe_identity(std::string_view text) {
  const SignedJson document("QEID");
  SKILL_VERIFIER_TRY(const auto json, document.parse(text));
  const auto root = json.root();
  QeIdentity identity;
  SKILL_VERIFIER_TRY_VOID(document.head(root, "TD_QE", 2, identity.issue_date, identity.next_update));
  SKILL_VERIFIER_TRY(identity.evaluation_data_number, document.number(root, "tcbEvaluationDataNumber", UINT32_MAX));
  std::array<std::uint8_t, 4> misc_select{};
  std::array<std::uint8_t, 4> misc_select_mask{};
  SKILL_VERIFIER_TRY_VOID(document.octets(root, "miscselect", misc_select));
  SKILL_VERIFIER_TRY_VOID(document.octets(root, "miscselectMask", misc_select_mask));
  identity.misc_select = from_octets(misc_select);
  identity.misc_select_mask = from_octets(misc_select_mask);
  SKILL_VERIFIER_TRY_VOID(document.octets(root, "attributes", identity.attributes));
  SKILL_VERIFIER_TRY_VOID(document.octets(root, "attributesMask", identity.attributes_mask));
  SKILL_VERIFIER_TRY_VOID(document.octets(root, "mrsigner", identity.mr_signer));
  SKILL_VERIFIER_TRY(identity.isv_prod_id, document.number(root, "isvprodid", 65535));
  SKILL_VERIFIER_TRY(identity.levels, document.svn_levels(root, 65535));
  return identity;
}

}  // namespace skill_verifier::dcap
