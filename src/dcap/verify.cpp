#include "skill_verifier/dcap/verify.hpp"

#include <algorithm>

#include "dcap/iso_time.hpp"
#include "dcap/quote_layout.hpp"
#include "dcap/sgx_extension.hpp"
#include "dcap/signed_json.hpp"
#include "dcap/tcb_match.hpp"
#include "dcap/text.hpp"
#include "dcap/verified_collateral.hpp"

namespace skill_verifier::dcap {
namespace {

/// What a step that passed found.
using Found = Result<std::string>;
using Impl = VerifiedCollateral::Impl;

/// One verification: every step in its order, the first refusal wins.
class Run {
 public:
  Run(ByteView quote, std::int64_t now, const Policy& policy) : bytes_(quote), now_(now), policy_(policy) {}

  bool step(std::string_view name, const auto& check) {
    if (!verification_.code.empty()) return false;
    record(name, check());
    return verification_.code.empty();
  }

  Found read_quote() {
    SKILL_VERIFIER_TRY(layout_, parse_layout(bytes_));
    has_layout_ = true;
    return text("version ", layout_.version, ", body type ", layout_.body_type, ", ", layout_.trailing_zeros,
                " zero bytes of padding");
  }

  void check_quote(const Impl& collateral) {
    step("pck_chain", [&] { return check_pck_chain(collateral); });
    step("pck_crl", [&] { return check_pck_crl(collateral); });
    step("platform", [&] { return check_platform(*collateral.tcb_info); });
    step("qe_report", [&] { return check_qe_report(collateral.ecdsa); });
    step("qe_policy", [&] { return check_qe_policy(*collateral.qe_identity); });
    step("quote_signature", [&] { return check_quote_signature(collateral.ecdsa); });
    step("tcb", [&] { return check_tcb(collateral); });
    step("policy", [&] { return check_policy(); });
  }

  Verification finish() {
    if (has_layout_) {
      verification_.quote = to_quote(layout_);
      record("td_attributes", check_td());
    }
    verification_.ok = verification_.code.empty() && has_layout_;
    return std::move(verification_);
  }

 private:
  void record(std::string_view name, Found found) {
    if (found) {
      verification_.steps.push_back({std::string(name), true, std::move(*found)});
      return;
    }
    verification_.steps.push_back({std::string(name), false, found.error().message});
    if (!verification_.code.empty()) return;
    verification_.code = std::move(found.error().id);
    verification_.message = std::move(found.error().message);
  }

  Found check_pck_chain(const Impl& collateral) {
    SKILL_VERIFIER_TRY_VOID(parse_pck_chain(layout_));
    const auto& chain = layout_.certificates;
    SKILL_VERIFIER_TRY(leaf_, parse_link(chain[0], "PCK"));
    if (collateral.pck_issuer && collateral.pck_issuer->ca.der == chain[1]) {
      issuer_ = &*collateral.pck_issuer;
      SKILL_VERIFIER_TRY_VOID(check_is_root(chain[2], *collateral.root, "PCK"));
    } else {
      SKILL_VERIFIER_TRY(auto ca, parse_link(chain[1], "PCK"));
      SKILL_VERIFIER_TRY_VOID(check_is_root(chain[2], *collateral.root, "PCK"));
      SKILL_VERIFIER_TRY(auto key, collateral.check_pck_ca(ca));
      own_issuer_.emplace(PckIssuer{std::move(ca), std::move(key), {}});
      issuer_ = &*own_issuer_;
    }
    const auto& ca = issuer_->ca;
    SKILL_VERIFIER_TRY_VOID(check_window(ca.not_before, ca.not_after, now_, "PCKCA", "the pck ca's certificate"));
    SKILL_VERIFIER_TRY_VOID(check_issued_by(leaf_, ca, issuer_->key, collateral.ecdsa, "PCK"));
    SKILL_VERIFIER_TRY_VOID(check_end_entity(leaf_, "Intel SGX PCK Certificate", "PCK"));
    SKILL_VERIFIER_TRY_VOID(check_window(leaf_.not_before, leaf_.not_after, now_, "PCK", "the pck certificate"));
    return text("'", core::shorten(leaf_.common_name), "', '", core::shorten(ca.common_name),
                "' and the trusted root, each signed by the next");
  }

  Found check_pck_crl(const Impl& collateral) {
    if (own_issuer_) {
      SKILL_VERIFIER_TRY(own_issuer_->crl, collateral.load_pck_crl(own_issuer_->ca, own_issuer_->key));
    }
    const Crl& crl = issuer_->crl;
    SKILL_VERIFIER_TRY_VOID(
        check_window(crl.this_update, crl.next_update, now_, "PCKCRL", "the pck ca's revocation list"));
    if (crl.revokes(leaf_)) return refusal("PCK_REVOKED", text("serial ", leaf_.serial, " is on the pck ca's list"));
    return text("serial ", leaf_.serial, " is not among ", crl.revoked.size(), " revoked ones, list valid until ",
                format_time(crl.next_update));
  }

  Found check_platform(const TcbInfo& info) {
    if (!leaf_.sgx_extension) return refusal("PCK_EXT", "the pck certificate has no sgx extension");
    SKILL_VERIFIER_TRY(platform_, parse_sgx_extension(*leaf_.sgx_extension));
    verification_.fmspc = upper_hex(core::to_hex(platform_.fmspc));
    verification_.pce_id = upper_hex(core::to_hex(platform_.pce_id));
    verification_.ppid = core::to_hex(platform_.ppid);
    if (verification_.fmspc != info.fmspc) {
      return refusal("TCB_FMSPC_MISMATCH",
                     text("the platform's fmspc is ", verification_.fmspc, ", the tcb info's ", info.fmspc));
    }
    if (verification_.pce_id != info.pce_id) {
      return refusal("TCB_PCEID_MISMATCH",
                     text("the platform's pce id is ", verification_.pce_id, ", the tcb info's ", info.pce_id));
    }
    return text("fmspc ", verification_.fmspc, ", pce id ", verification_.pce_id);
  }

  Found check_qe_report(const Ecdsa& ecdsa) {
    SKILL_VERIFIER_TRY(const auto key, import_key(leaf_, ecdsa, "PCK"));
    if (!ecdsa.verify_raw(key, layout_.qe_report, layout_.qe_report_signature)) {
      return refusal("QE_REPORT_SIGNATURE", "the pck's signature over the qe report does not verify");
    }
    qe_ = to_quote(layout_).qe;
    Bytes bound(layout_.attestation_key.begin(), layout_.attestation_key.end());
    bound.insert(bound.end(), layout_.qe_auth_data.begin(), layout_.qe_auth_data.end());
    Field<64> expected{};
    std::ranges::copy(core::sha256(bound), expected.begin());
    if (qe_.report_data != expected) {
      return refusal("QE_REPORT_DATA", text("the qe reported ", ByteView(qe_.report_data),
                                            ", the attestation key binds ", ByteView(expected)));
    }
    return "signed by the pck certificate's key, binds the attestation key";
  }

  Found check_qe_policy(const QeIdentity& identity) {
    constexpr std::uint8_t kDebug = 0x02;
    if (qe_.mr_signer != identity.mr_signer) {
      return refusal("QE_MRSIGNER",
                     text("mrsigner is ", ByteView(qe_.mr_signer), ", not ", ByteView(identity.mr_signer)));
    }
    if (qe_.isv_prod_id != identity.isv_prod_id) {
      return refusal("QE_PRODID", text("isvprodid is ", qe_.isv_prod_id, ", not ", identity.isv_prod_id));
    }
    if ((qe_.attributes[0] & kDebug) != 0) return refusal("QE_DEBUG", "the quoting enclave runs in debug mode");
    if (((qe_.misc_select ^ identity.misc_select) & identity.misc_select_mask) != 0) {
      return refusal("QE_MISCSELECT", text("miscselect is ", qe_.misc_select, ", not ", identity.misc_select,
                                           " under mask ", identity.misc_select_mask));
    }
    for (std::size_t i = 0; i < qe_.attributes.size(); ++i)
      if (((qe_.attributes[i] ^ identity.attributes[i]) & identity.attributes_mask[i]) != 0) {
        return refusal("QE_ATTRIBUTES",
                       text("attributes are ", ByteView(qe_.attributes), ", not ", ByteView(identity.attributes),
                            " under mask ", ByteView(identity.attributes_mask)));
      }
    const auto* level = find_level(identity.levels, qe_.isv_svn);
    if (!level) return refusal("QE_SVN_NOT_SUPPORTED", text("isvsvn ", qe_.isv_svn, " is below every level"));
    qe_level_ = &level->level;
    verification_.qe_status = level->level.status;
    return text("isvsvn ", qe_.isv_svn, ": ", to_string(level->level.status));
  }

  Found check_quote_signature(const Ecdsa& ecdsa) {
    const auto key = ecdsa.import(layout_.attestation_key);
    if (!key) return refusal("AK_NOT_ON_CURVE", "the attestation key is not a point of P-256");
    if (!ecdsa.verify_raw(*key, layout_.signed_bytes, layout_.signature)) {
      return refusal("QUOTE_SIGNATURE", "the attestation key's signature over the quote does not verify");
    }
    return text(layout_.signed_bytes.size(), " bytes signed by the attestation key");
  }

  Found check_tcb(const Impl& collateral) {
    const auto td = to_quote(layout_).td;
    SKILL_VERIFIER_TRY_VOID(check_module(*collateral.tcb_info, td));
    SKILL_VERIFIER_TRY(auto verdict, match_tcb(*collateral.tcb_info, platform_, td, *qe_level_));
    verification_.status = verdict.status;
    verification_.platform_status = verdict.platform;
    verification_.module_status = verdict.module;
    verification_.advisory_ids = std::move(verdict.advisory_ids);
    verification_.tcb_date = std::move(verdict.date);
    verification_.evaluation_data_number =
        std::min(collateral.tcb_info->evaluation_data_number, collateral.qe_identity->evaluation_data_number);
    if (verdict.status == TcbStatus::revoked)
      return refusal("TCB_REVOKED", "the status of the platform's TCB is Revoked");
    return text(to_string(verdict.status), ", evaluation ", verification_.evaluation_data_number, ", levels from ",
                verification_.tcb_date);
  }

  Found check_policy() {
    if (!policy_.accepted.contains(*verification_.status)) {
      return refusal("TCB_STATUS_NOT_ACCEPTED",
                     text("the status is ", to_string(*verification_.status), ", which the policy does not accept"));
    }
    if (verification_.evaluation_data_number < policy_.min_evaluation_data_number) {
      return refusal("TCB_EVALUATION_TOO_OLD",
                     text("the collateral is of evaluation ", verification_.evaluation_data_number,
                          ", the policy wants at least ", policy_.min_evaluation_data_number));
    }
    return text(to_string(*verification_.status), " is accepted");
  }

  Found check_td() const {
    const auto& td = verification_.quote->td;
    const auto refusals = check_td_attributes(td, policy_);
    if (!refusals.empty()) return refusal(refusals.front().code, refusals.front().message);
    return text("tdattributes ", ByteView(td.td_attributes));
  }

  ByteView bytes_;
  std::int64_t now_;
  const Policy& policy_;
  Verification verification_;
  QuoteLayout layout_;
  bool has_layout_ = false;
  Certificate leaf_;
  const PckIssuer* issuer_ = nullptr;
  std::optional<PckIssuer> own_issuer_;
  SgxExtension platform_;
  QeReport qe_;
  const LevelStatus* qe_level_ = nullptr;
};

Found root_crl_step(const Impl& collateral, std::int64_t now) {
  SKILL_VERIFIER_TRY_VOID(collateral.check_root_crl(now));
  return text("valid until ", format_time(collateral.root_crl->next_update), ", signed by the trusted root");
}

Found tcb_info_step(const Impl& collateral, std::int64_t now) {
  SKILL_VERIFIER_TRY_VOID(collateral.check_tcb_info(now));
  return text("evaluation ", collateral.tcb_info->evaluation_data_number, " for ", collateral.tcb_info->fmspc,
              ", valid until ", format_time(collateral.tcb_info->next_update));
}

Found qe_identity_step(const Impl& collateral, std::int64_t now) {
  SKILL_VERIFIER_TRY_VOID(collateral.check_qe_identity(now));
  return text("evaluation ", collateral.qe_identity->evaluation_data_number, ", valid until ",
              format_time(collateral.qe_identity->next_update));
}

}  // namespace

Verification verify(ByteView quote, const Collateral& collateral, const TrustRoot& root, std::int64_t now,
                    const Policy& policy) {
  Run run(quote, now, policy);
  Impl impl;
  impl.pck_crl = collateral.pck_crl;
  const auto load_root_crl = [&]() -> Found {
    SKILL_VERIFIER_TRY_VOID(impl.load_root_crl(collateral, root));
    return root_crl_step(impl, now);
  };
  const auto load_tcb_info = [&]() -> Found {
    SKILL_VERIFIER_TRY_VOID(impl.load_tcb_info(collateral));
    return tcb_info_step(impl, now);
  };
  const auto load_qe_identity = [&]() -> Found {
    SKILL_VERIFIER_TRY_VOID(impl.load_qe_identity(collateral));
    return qe_identity_step(impl, now);
  };
  run.step("quote", [&] { return run.read_quote(); });
  run.step("root_crl", load_root_crl);
  run.step("tcb_info", load_tcb_info);
  if (run.step("qe_identity", load_qe_identity)) run.check_quote(impl);
  return run.finish();
}

Verification verify(ByteView quote, const VerifiedCollateral& collateral, std::int64_t now, const Policy& policy) {
  Run run(quote, now, policy);
  const Impl& impl = collateral.impl();
  run.step("quote", [&] { return run.read_quote(); });
  run.step("root_crl", [&] { return root_crl_step(impl, now); });
  run.step("tcb_info", [&] { return tcb_info_step(impl, now); });
  if (run.step("qe_identity", [&] { return qe_identity_step(impl, now); })) {
    run.check_quote(impl);
  }
  return run.finish();
}

}  // namespace skill_verifier::dcap
