#include <fmt/core.h>

#include "test_pki/der.hpp"
#include "test_pki/world.hpp"

namespace test_pki {
namespace {

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out + "\"";
}

template <class Items, class Write>
std::string array(const Items& items, Write write) {
  std::string out = "[";
  for (const auto& item : items)
    out += (out.size() > 1 ? "," : "") + write(item);
  return out + "]";
}

std::string components(const std::array<int, 16>& svns) {
  return array(svns, [](int svn) { return fmt::format(R"({{"svn":{}}})", svn); });
}

template <class Level>
std::string status_members(const Level& level) {
  std::string out = fmt::format(R"("tcbDate":{},"tcbStatus":{})", json_string(level.date), json_string(level.status));
  if (!level.advisory_ids.empty()) out += R"(,"advisoryIDs":)" + array(level.advisory_ids, json_string);
  return out;
}

std::string svn_level(const SvnLevelSpec& level) {
  return fmt::format(R"({{"tcb":{{"isvsvn":{}}},{}}})", level.isv_svn, status_members(level));
}

std::string platform_level(const PlatformLevelSpec& level) {
  return fmt::format(R"({{"tcb":{{"sgxtcbcomponents":{},"pcesvn":{},"tdxtcbcomponents":{}}},{}}})",
                     components(level.sgx), level.pce_svn, components(level.tdx), status_members(level));
}

std::string module(const ModuleSpec& spec) {
  std::string out = "{";
  if (!spec.id.empty()) out += fmt::format(R"("id":{},)", json_string(spec.id));
  out += fmt::format(R"("mrsigner":{},"attributes":{},"attributesMask":{})", json_string(spec.mr_signer),
                     json_string(spec.attributes), json_string(spec.attributes_mask));
  if (!spec.levels.empty()) out += R"(,"tcbLevels":)" + array(spec.levels, svn_level);
  return out + "}";
}

Bytes distinguished_name(const Name& name) {
  const auto attribute = [](const char* oid, Bytes value) {
    return der::set({der::sequence({der::object_identifier(oid), std::move(value)})});
  };
  return der::sequence({attribute("2.5.4.3", der::utf8_string(name.common_name)),
                        attribute("2.5.4.10", der::utf8_string(name.organization)),
                        attribute("2.5.4.7", der::utf8_string(name.locality)),
                        attribute("2.5.4.8", der::utf8_string(name.state)),
                        attribute("2.5.4.6", der::printable_string(name.country))});
}

Bytes encode(const Extension& extension) {
  const auto critical = extension.critical ? der::boolean(true) : Bytes{};
  return der::sequence({der::object_identifier(extension.oid), critical, der::octet_string(extension.value)});
}

Bytes crl_extensions(const CrlSpec& spec) {
  Bytes all;
  if (spec.number) all = encode(Extension{"2.5.29.20", false, der::integer(*spec.number)});
  if (spec.authority_key_id) {
    const auto value = der::sequence({der::tlv(0x80, *spec.authority_key_id)});
    all = der::concat({all, encode(Extension{"2.5.29.35", false, value})});
  }
  for (const auto& extension : spec.extensions)
    all = der::concat({all, encode(extension)});
  return all.empty() ? all : der::explicit_tag(0, der::tlv(0x30, all));
}

}  // namespace

Bytes issue_crl(const CrlSpec& spec, const SigningKey& issuer_key) {
  const auto algorithm = der::sequence({der::object_identifier(spec.signature_algorithm)});
  const auto version = spec.version == 1 ? Bytes{} : der::integer(spec.version - 1);
  Bytes revoked;
  for (const auto& serial : spec.revoked)
    revoked = der::concat({revoked, der::sequence({der::unsigned_integer(serial), der::time(spec.this_update)})});
  if (!revoked.empty()) revoked = der::tlv(0x30, revoked);
  const auto next = spec.next_update ? der::time(*spec.next_update) : Bytes{};
  const auto list = der::sequence({version, algorithm, distinguished_name(spec.issuer), der::time(spec.this_update),
                                   next, revoked, crl_extensions(spec)});
  return der::sequence({list, algorithm, der::bit_string(issuer_key.sign_der(list))});
}

std::string to_json(const TcbInfoSpec& spec) {
  std::string out =
      fmt::format(R"({{"id":{},"version":{},"issueDate":{},"nextUpdate":{},"fmspc":{},"pceId":{},"tcbType":{},)"
                  R"("tcbEvaluationDataNumber":{},"tdxModule":{})",
                  json_string(spec.id), spec.version, json_string(spec.issue_date), json_string(spec.next_update),
                  json_string(spec.fmspc), json_string(spec.pce_id), spec.tcb_type, spec.evaluation_data_number,
                  module(spec.module));
  if (!spec.identities.empty()) out += R"(,"tdxModuleIdentities":)" + array(spec.identities, module);
  return out + R"(,"tcbLevels":)" + array(spec.levels, platform_level) + "}";
}

std::string to_json(const QeIdentitySpec& spec) {
  return fmt::format(
      R"({{"id":{},"version":{},"issueDate":{},"nextUpdate":{},"tcbEvaluationDataNumber":{},"miscselect":{},)"
      R"("miscselectMask":{},"attributes":{},"attributesMask":{},"mrsigner":{},"isvprodid":{},"tcbLevels":{}}})",
      json_string(spec.id), spec.version, json_string(spec.issue_date), json_string(spec.next_update),
      spec.evaluation_data_number, json_string(spec.misc_select), json_string(spec.misc_select_mask),
      json_string(spec.attributes), json_string(spec.attributes_mask), json_string(spec.mr_signer), spec.isv_prod_id,
      array(spec.levels, svn_level));
}

std::string CollateralTexts::to_json() const {
  return fmt::format(
      R"({{"pck_crl_issuer_chain":{},"root_ca_crl":{},"pck_crl":{},"tcb_info_issuer_chain":{},"tcb_info":{},)"
      R"("tcb_info_signature":{},"qe_identity_issuer_chain":{},"qe_identity":{},"qe_identity_signature":{}}})",
      json_string(pck_crl_issuer_chain), json_string(root_ca_crl), json_string(pck_crl),
      json_string(tcb_info_issuer_chain), json_string(tcb_info), json_string(tcb_info_signature),
      json_string(qe_identity_issuer_chain), json_string(qe_identity), json_string(qe_identity_signature));
}

}  // namespace test_pki
