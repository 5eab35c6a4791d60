#include "test_pki/quote.hpp"

#include <algorithm>
#include <numeric>

#include "skill_verifier/core/sha2.hpp"

namespace test_pki {
namespace {

class Writer {
 public:
  Writer& bytes(ByteView more) {
    out_.insert(out_.end(), more.begin(), more.end());
    return *this;
  }
  Writer& zeros(std::size_t count) {
    out_.insert(out_.end(), count, 0);
    return *this;
  }
  Writer& u16(std::uint16_t value) { return little_endian(value, 2); }
  Writer& u32(std::uint32_t value) { return little_endian(value, 4); }
  Bytes take() { return std::move(out_); }

 private:
  Writer& little_endian(std::uint32_t value, int count) {
    for (int i = 0; i < count; ++i)
      out_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    return *this;
  }
  Bytes out_;
};

Bytes encode(const TdReport& td, bool version_1_5) {
  Writer out;
  out.bytes(td.tee_tcb_svn).bytes(td.mr_seam).bytes(td.mr_signer_seam).bytes(td.seam_attributes);
  out.bytes(td.td_attributes).bytes(td.xfam).bytes(td.mr_td).bytes(td.mr_config_id).bytes(td.mr_owner);
  out.bytes(td.mr_owner_config);
  for (const auto& rtmr : td.rtmr)
    out.bytes(rtmr);
  out.bytes(td.report_data);
  if (version_1_5) out.bytes(td.tee_tcb_svn2).bytes(td.mr_service_td);
  return out.take();
}

Bytes encode(const QeReport& qe, const Field<64>& report_data) {
  Writer out;
  out.bytes(qe.cpu_svn).u32(qe.misc_select).zeros(28).bytes(qe.attributes).bytes(qe.mr_enclave).zeros(32);
  out.bytes(qe.mr_signer).zeros(96).u16(qe.isv_prod_id).u16(qe.isv_svn).zeros(60).bytes(report_data);
  return out.take();
}

Field<64> bind_key(const SigningKey& attestation_key, ByteView auth_data) {
  const auto digest =
      skill_verifier::core::sha256(Writer().bytes(attestation_key.public_point()).bytes(auth_data).take());
  Field<64> report_data{};
  std::ranges::copy(digest, report_data.begin());
  return report_data;
}

Bytes build_signed_part(const QuoteSpec& spec) {
  const auto body = encode(spec.td, spec.version == 5 && spec.body_type == 3);
  Writer out;
  out.u16(spec.version).u16(spec.key_type).u32(spec.tee_type).zeros(4).bytes(spec.vendor).bytes(spec.user_data);
  if (spec.version == 5) {
    out.u16(spec.body_type).u32(spec.body_size.value_or(static_cast<std::uint32_t>(body.size())));
  }
  return out.bytes(body).take();
}

Bytes build_qe_certification(const QuoteSpec& spec, const SigningKey& attestation_key, const PckChain& chain) {
  const auto report = encode(spec.qe, spec.qe.report_data.value_or(bind_key(attestation_key, spec.qe_auth_data)));
  const auto certification = spec.certification_data.value_or(chain.certification_data());
  Writer out;
  out.bytes(report).bytes(chain.pck_key.sign_raw(report));
  out.u16(static_cast<std::uint16_t>(spec.qe_auth_data.size())).bytes(spec.qe_auth_data);
  out.u16(spec.inner_type).u32(spec.inner_size.value_or(static_cast<std::uint32_t>(certification.size())));
  return out.bytes(certification).take();
}

}  // namespace

Bytes QuoteSpec::default_auth_data() {
  Bytes data(32);
  std::iota(data.begin(), data.end(), std::uint8_t{0});
  return data;
}

Bytes build_quote(const QuoteSpec& spec, const SigningKey& attestation_key, const PckChain& chain) {
  const auto signed_part = build_signed_part(spec);
  const auto qe = build_qe_certification(spec, attestation_key, chain);
  Writer auth;
  auth.bytes(attestation_key.sign_raw(signed_part)).bytes(attestation_key.public_point());
  auth.u16(spec.outer_type).u32(spec.outer_size.value_or(static_cast<std::uint32_t>(qe.size()))).bytes(qe);
  const auto auth_data = auth.take();
  Writer out;
  out.bytes(signed_part).u32(spec.auth_size.value_or(static_cast<std::uint32_t>(auth_data.size()))).bytes(auth_data);
  return out.zeros(spec.trailing_zeros).take();
}

}  // namespace test_pki
