#include "skill_verifier/dcap/verify.hpp"

#include <fmt/core.h>
#include <openssl/crypto.h>

#include <algorithm>

#include "dcap/calendar.hpp"
#include "dcap/quote_layout.hpp"
#include "dcap/tcb_match.hpp"
#include "dcap/verified_collateral.hpp"
#include "dcap/window.hpp"

namespace skill_verifier::dcap {
namespace {

using Impl = VerifiedCollateral::Impl;

constexpr std::size_t kPckChainLength = 3;
constexpr std::uint8_t kSgxDebug = 0x02;

Refusal refuse(const char* code, std::string message) {
  return {code, std::move(message)};
}

/// Which step a refusal of check_collateral belongs to.
const char* collateral_step(std::string_view code) {
  if (code.starts_with("TCB")) return "tcb_info";
  if (code.starts_with("QEID")) return "qe_identity";
  if (code.starts_with("PCK")) return "pck_crl";
  return "root_crl";
}

void append_new(std::vector<std::string>& ids, const std::vector<std::string>& more) {
  for (const auto& id : more)
    if (std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
}

/// One verification, step by step. Every step either passes with a sentence about what was found or ends it.
class Run {
 public:
  Run(std::int64_t now, const Policy& policy) : now_(now), policy_(policy) {}

  bool read_quote(ByteView bytes) {
    return step("quote", [&]() -> Checked<std::string> {
      SKILL_VERIFIER_TRY(layout_, parse_layout(bytes));
      auto& quote = out_.quote.emplace();
      if (auto parsed = parse_quote(bytes)) {
        quote = std::move(*parsed);
      } else {
        quote.header = layout_.header;
        quote.td = read_td_report(layout_.td_report);
        quote.qe = read_qe_report(layout_.qe_report);
      }
      return fmt::format("version {}, {}", layout_.header.version, layout_.body_type == 3 ? "TD 1.5" : "TD 1.0");
    });
  }

  bool take_collateral(const Collateral& collateral, const TrustRoot& root) {
    auto checked = check_collateral(collateral, root);
    if (!checked) return fail(collateral_step(checked.error().code), checked.error());
    owned_ = std::move(*checked);
    collateral_ = owned_.get();
    return true;
  }
  void use(const VerifiedCollateral& collateral) { collateral_ = &collateral.impl(); }

  Verification finish_with_quote() {
    if (!check_all() || !out_.code.empty()) {
      if (out_.quote) check_attributes();
      return std::move(out_);
    }
    if (!check_attributes()) return std::move(out_);
    out_.ok = true;
    return std::move(out_);
  }
  Verification finish() {
    if (out_.quote) check_attributes();
    return std::move(out_);
  }

 private:
  bool fail(const char* name, const Refusal& refusal) {
    out_.steps.push_back({name, false, refusal.message});
    if (!out_.code.empty()) return false;
    out_.code = refusal.code;
    out_.message = refusal.message;
    return false;
  }
  template <class F>
  bool step(const char* name, F work) {
    Checked<std::string> found = work();
    if (!found) return fail(name, found.error());
    out_.steps.push_back({name, true, std::move(*found)});
    return true;
  }

  bool check_all() {
    return step("root_crl", [this] { return root_crl(); }) && step("tcb_info", [this] { return tcb_info(); }) &&
           step("qe_identity", [this] { return qe_identity(); }) && step("pck_chain", [this] { return pck_chain(); }) &&
           step("pck_crl", [this] { return pck_crl(); }) && step("platform", [this] { return platform(); }) &&
           step("qe_report", [this] { return qe_report(); }) && step("qe_policy", [this] { return qe_policy(); }) &&
           step("quote_signature", [this] { return quote_signature(); }) && step("tcb", [this] { return tcb(); }) &&
           step("policy", [this] { return policy(); });
  }

  Checked<std::string> root_crl() {
    SKILL_VERIFIER_TRY_VOID(check_root_time(*collateral_, now_));
    return fmt::format("'{}', {} revoked, until {}", collateral_->root->certificate.common_name,
                       collateral_->root_crl.serials.size(), format_instant(collateral_->root_crl.next_update));
  }

  Checked<std::string> tcb_info() {
    SKILL_VERIFIER_TRY_VOID(check_tcb_info_time(*collateral_, now_));
    const auto& info = collateral_->tcb_info;
    out_.evaluation_data_number = info.evaluation_data_number;
    return fmt::format("evaluation {}, until {}", info.evaluation_data_number, format_instant(info.window.end));
  }

  Checked<std::string> qe_identity() {
    SKILL_VERIFIER_TRY_VOID(check_qe_identity_time(*collateral_, now_));
    const auto& identity = collateral_->qe_identity;
    return fmt::format("evaluation {}, until {}", identity.evaluation_data_number, format_instant(identity.window.end));
  }

  Checked<std::string> pck_chain() {
    const auto& crypto = collateral_->crypto;
    const auto root = collateral_->root->issuer();
    SKILL_VERIFIER_TRY(chain_, read_chain("PCK", layout_.pck_chain, kPckChainLength, root.certificate));
    const auto& leaf = chain_[0];
    const auto& ca = chain_[1];
    known_ca_ = collateral_->pck_ca && collateral_->pck_ca->certificate.der == ca.der;
    if (!known_ca_) {
      SKILL_VERIFIER_TRY_VOID(check_pck_ca(crypto, ca, root, collateral_->root_crl));
      SKILL_VERIFIER_TRY(ca_key_, public_key("PCKCA", ca));
    }
    SKILL_VERIFIER_TRY_VOID(
        check_window("PCKCA", fmt::format("'{}'", ca.common_name), {ca.not_before, ca.not_after}, now_));
    SKILL_VERIFIER_TRY_VOID(check_issued_by("PCK", crypto, leaf, ca_issuer()));
    SKILL_VERIFIER_TRY_VOID(check_end_entity("PCK", leaf, kPckName));
    SKILL_VERIFIER_TRY_VOID(check_window("PCK", "the PCK certificate", {leaf.not_before, leaf.not_after}, now_));
    SKILL_VERIFIER_TRY(leaf_key_, public_key("PCK", leaf));
    return fmt::format("serial {} by '{}'", core::to_hex(leaf.serial), ca.common_name);
  }

  Checked<std::string> pck_crl() {
    const auto& crl = collateral_->pck_crl;
    if (!known_ca_) SKILL_VERIFIER_TRY_VOID(check_crl_issuer("PCKCRL", collateral_->crypto, crl, chain_[1], *ca_key_));
    SKILL_VERIFIER_TRY_VOID(check_crl_time("PCKCRL", crl, now_));
    SKILL_VERIFIER_TRY_VOID(check_not_listed("PCK", chain_[0], crl));
    return fmt::format("{} revoked, until {}", crl.serials.size(), format_instant(crl.next_update));
  }

  Checked<std::string> platform() {
    SKILL_VERIFIER_TRY(sgx_, parse_sgx_extension(chain_[0].sgx_extension));
    const auto& info = collateral_->tcb_info;
    out_.fmspc = to_upper_hex(sgx_.fmspc);
    out_.pce_id = to_upper_hex(sgx_.pce_id);
    out_.ppid = core::to_hex(sgx_.ppid);
    if (sgx_.fmspc != info.fmspc)
      return refuse("TCB_FMSPC_MISMATCH", fmt::format("the platform has FMSPC {}, the TCB info is for {}", out_.fmspc,
                                                      to_upper_hex(info.fmspc)));
    if (sgx_.pce_id != info.pce_id)
      return refuse("TCB_PCEID_MISMATCH", fmt::format("the platform has PCEID {}, the TCB info is for {}", out_.pce_id,
                                                      to_upper_hex(info.pce_id)));
    return fmt::format("FMSPC {}, PCEID {}", out_.fmspc, out_.pce_id);
  }

  Checked<std::string> qe_report() {
    if (!leaf_key_->verify_raw(collateral_->crypto, layout_.qe_report, layout_.qe_report_signature))
      return refuse("QE_REPORT_SIGNATURE", "the QE report's signature is not that of the PCK certificate's key");
    Bytes bound(layout_.attestation_key.begin(), layout_.attestation_key.end());
    bound.insert(bound.end(), layout_.qe_auth_data.begin(), layout_.qe_auth_data.end());
    Field<64> expected{};
    std::ranges::copy(core::sha256(bound), expected.begin());
    const auto& found = out_.quote->qe.report_data;
    if (CRYPTO_memcmp(found.data(), expected.data(), expected.size()) != 0)
      return refuse("QE_REPORT_DATA", fmt::format("the QE report is bound to {}, key and authentication data give {}",
                                                  core::to_hex(found), core::to_hex(expected)));
    return "signed by the PCK key, bound to the attestation key";
  }

  Checked<std::string> qe_policy() {
    const auto& identity = collateral_->qe_identity;
    const auto& qe = out_.quote->qe;
    if (qe.mr_signer != identity.mr_signer)
      return refuse("QE_MRSIGNER", fmt::format("the QE's MRSIGNER is {}, the identity's {}", core::to_hex(qe.mr_signer),
                                               core::to_hex(identity.mr_signer)));
    if (qe.isv_prod_id != identity.isv_prod_id)
      return refuse("QE_PRODID",
                    fmt::format("the QE's ISVPRODID is {}, the identity's {}", qe.isv_prod_id, identity.isv_prod_id));
    if ((qe.misc_select & identity.misc_select_mask) != (identity.misc_select & identity.misc_select_mask))
      return refuse("QE_MISCSELECT", fmt::format("the QE's MISCSELECT is {:#010x}, the identity's {:#010x}",
                                                 qe.misc_select, identity.misc_select));
    if ((qe.attributes[0] & kSgxDebug) != 0) return refuse("QE_DEBUG", "the QE is a debug enclave");
    for (std::size_t i = 0; i < qe.attributes.size(); ++i) {
      const auto mask = identity.attributes_mask[i];
      if ((qe.attributes[i] & mask) != (identity.attributes[i] & mask))
        return refuse("QE_ATTRIBUTES",
                      fmt::format("the QE's ATTRIBUTES are {}, the identity's {} under {}", core::to_hex(qe.attributes),
                                  core::to_hex(identity.attributes), core::to_hex(identity.attributes_mask)));
    }
    qe_level_ = find_level(identity.levels, qe.isv_svn);
    if (qe_level_ == nullptr)
      return refuse("QE_SVN_NOT_SUPPORTED",
                    fmt::format("the QE's ISVSVN {} reaches no level of the identity", qe.isv_svn));
    out_.qe_status = qe_level_->status;
    return fmt::format("ISVSVN {}: {}", qe.isv_svn, to_string(qe_level_->status));
  }

  Checked<std::string> quote_signature() {
    const auto key = PublicKey::from_point(layout_.attestation_key);
    if (!key) return refuse("AK_NOT_ON_CURVE", "the attestation key is no point of P-256");
    if (!key->verify_raw(collateral_->crypto, layout_.signed_bytes, layout_.signature))
      return refuse("QUOTE_SIGNATURE", "the quote's signature is not that of its attestation key");
    return fmt::format("{} bytes signed by the attestation key", layout_.signed_bytes.size());
  }

  Checked<void> module_identity() {
    const auto& td = out_.quote->td;
    const auto* module = find_module(collateral_->tcb_info, td.tee_tcb_svn);
    if (module == nullptr)
      return refuse("TCB_MODULE_UNKNOWN", fmt::format("the TCB info has no TDX module {}", module_id(td.tee_tcb_svn)));
    if (td.mr_signer_seam != module->mr_signer)
      return refuse("TD_MRSIGNERSEAM", fmt::format("MRSIGNERSEAM is {}, the module's {}",
                                                   core::to_hex(td.mr_signer_seam), core::to_hex(module->mr_signer)));
    for (std::size_t i = 0; i < td.seam_attributes.size(); ++i) {
      const auto mask = module->attributes_mask[i];
      if (td.seam_attributes[i] != (module->attributes[i] & mask))
        return refuse("TD_SEAMATTRIBUTES",
                      fmt::format("SEAMATTRIBUTES are {}, the module's {} under {}", core::to_hex(td.seam_attributes),
                                  core::to_hex(module->attributes), core::to_hex(module->attributes_mask)));
    }
    return {};
  }

  Checked<std::string> tcb() {
    SKILL_VERIFIER_TRY_VOID(module_identity());
    const auto& info = collateral_->tcb_info;
    const auto& td = out_.quote->td;
    SKILL_VERIFIER_TRY(const MatchedTcb matched, match_tcb(info, {sgx_, td.tee_tcb_svn}, *qe_level_));
    auto status = matched.status;
    if (td.tee_tcb_svn2) {
      SKILL_VERIFIER_TRY(const MatchedTcb current, match_tcb(info, {sgx_, *td.tee_tcb_svn2}, *qe_level_));
      status = relaunch(status, current.status);
    }
    out_.status = status;
    out_.platform_status = matched.platform->status;
    append_new(out_.advisory_ids, matched.platform->advisory_ids);
    append_new(out_.advisory_ids, qe_level_->advisory_ids);
    auto date = std::min(matched.platform->tcb_date, qe_level_->tcb_date);
    if (matched.module != nullptr) {
      out_.module_status = matched.module->status;
      append_new(out_.advisory_ids, matched.module->advisory_ids);
      date = std::min(date, matched.module->tcb_date);
    }
    out_.tcb_date = format_instant(date);
    if (status == TcbStatus::revoked) return refuse("TCB_REVOKED", "the TCB is revoked");
    return fmt::format("{}, TCB date {}", to_string(status), out_.tcb_date);
  }

  Checked<std::string> policy() {
    if (!policy_.accepted.contains(*out_.status))
      return refuse("TCB_STATUS_NOT_ACCEPTED",
                    fmt::format("the TCB is {}, which the policy does not accept", to_string(*out_.status)));
    const auto least =
        std::min(collateral_->tcb_info.evaluation_data_number, collateral_->qe_identity.evaluation_data_number);
    if (least < policy_.min_evaluation_data_number)
      return refuse("TCB_EVALUATION_TOO_OLD",
                    fmt::format("the collateral's evaluation data number is {}, the policy wants {}", least,
                                policy_.min_evaluation_data_number));
    return fmt::format("{} is accepted", to_string(*out_.status));
  }

  bool check_attributes() {
    const auto refusals = check_td_attributes(out_.quote->td, policy_);
    if (!refusals.empty()) return fail("td_attributes", refusals.front());
    out_.steps.push_back({"td_attributes", true, core::to_hex(out_.quote->td.td_attributes)});
    return true;
  }

  Issuer ca_issuer() const { return {chain_[1], known_ca_ ? collateral_->pck_ca->key : *ca_key_}; }

  std::int64_t now_;
  const Policy& policy_;
  Verification out_;
  QuoteLayout layout_;
  std::shared_ptr<const Impl> owned_;
  const Impl* collateral_ = nullptr;
  std::vector<Certificate> chain_;
  std::optional<PublicKey> ca_key_, leaf_key_;
  bool known_ca_ = false;
  SgxExtension sgx_;
  const EnclaveLevel* qe_level_ = nullptr;
};

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

}  // namespace

VerifiedCollateral::VerifiedCollateral(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
VerifiedCollateral::VerifiedCollateral(VerifiedCollateral&&) noexcept = default;
VerifiedCollateral& VerifiedCollateral::operator=(VerifiedCollateral&&) noexcept = default;
VerifiedCollateral::~VerifiedCollateral() = default;

Result<VerifiedCollateral> verify_collateral(const Collateral& collateral, const TrustRoot& root, std::int64_t now) {
  const auto error = [](const Refusal& refusal) {
    return Error{Errc::invalid_argument, lower(refusal.code), refusal.message};
  };
  auto checked = check_collateral(collateral, root);
  if (!checked) return error(checked.error());
  for (const auto check : {check_root_time, check_tcb_info_time, check_qe_identity_time})
    if (auto good = check(**checked, now); !good) return error(good.error());
  return VerifiedCollateral(std::move(*checked));
}

Verification verify(ByteView quote, const Collateral& collateral, const TrustRoot& root, std::int64_t now,
                    const Policy& policy) {
  Run run(now, policy);
  if (!run.read_quote(quote) || !run.take_collateral(collateral, root)) return run.finish();
  return run.finish_with_quote();
}

Verification verify(ByteView quote, const VerifiedCollateral& collateral, std::int64_t now, const Policy& policy) {
  Run run(now, policy);
  if (!run.read_quote(quote)) return run.finish();
  run.use(collateral);
  return run.finish_with_quote();
}

}  // namespace skill_verifier::dcap
