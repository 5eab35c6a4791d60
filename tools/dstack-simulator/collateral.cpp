#include "collateral.hpp"

#include <nlohmann/json.hpp>

#include "skill_verifier/core/json.hpp"
#include "test_pki/der.hpp"

namespace dstack_simulator {
namespace {

namespace core = skill_verifier::core;
namespace der = test_pki::der;
using core::OrderedJson;
using skill_verifier::Bytes;
using std::chrono::sys_seconds;
using test_pki::SigningKey;

constexpr std::chrono::days kLifetime{30};
constexpr int kEvaluation = 18;
constexpr const char* kQeSigner = "DC9E2A7C6F948F17474E34A7FC43ED030F7C1563F1BABDDF6340C82E0E54A8C5";

/// When everything was issued and ends.
struct Window {
  sys_seconds begin;
  sys_seconds end;
};

std::string iso(sys_seconds time) {
  return core::to_rfc3339(time).substr(0, 19) + "Z";
}

Bytes encode(const test_pki::Name& name) {
  const auto attribute = [](const char* oid, Bytes value) {
    return der::set({der::sequence({der::object_identifier(oid), std::move(value)})});
  };
  return der::sequence({attribute("2.5.4.3", der::utf8_string(name.common_name)),
                        attribute("2.5.4.10", der::utf8_string(name.organization)),
                        attribute("2.5.4.7", der::utf8_string(name.locality)),
                        attribute("2.5.4.8", der::utf8_string(name.state)),
                        attribute("2.5.4.6", der::printable_string(name.country))});
}

/// RFC 5280 §5: version 2, no entry, the two extensions that Intel's lists have.
std::string empty_crl(const test_pki::Name& issuer, const SigningKey& key, const Window& window) {
  const auto algorithm = der::sequence({der::object_identifier("1.2.840.10045.4.3.2")});
  const auto extension = [](const char* oid, const Bytes& value) {
    return der::sequence({der::object_identifier(oid), der::octet_string(value)});
  };
  const auto authority = der::sequence({der::tlv(0x80, test_pki::key_identifier(key))});
  const auto extensions =
      der::explicit_tag(0, der::sequence({extension("2.5.29.35", authority), extension("2.5.29.20", der::integer(1))}));
  const auto list = der::sequence(
      {der::integer(1), algorithm, encode(issuer), der::time(window.begin), der::time(window.end), extensions});
  return core::to_hex(der::sequence({list, algorithm, der::bit_string(key.sign_der(list))}));
}

test_pki::Certificate issue_tcb_signer(const SigningKey& key, const test_pki::PckChain& chain,
                                       const test_pki::PckChainSpec& names) {
  test_pki::CertificateSpec spec;
  spec.serial = spec.subject_key_id.emplace(test_pki::key_identifier(key));
  spec.issuer = names.root;
  spec.subject = names.root;
  spec.subject.common_name = "Intel SGX TCB Signing";
  spec.not_before = names.not_before;
  spec.not_after = names.not_after;
  spec.subject_public_key_info = key.subject_public_key_info();
  spec.authority_key_id = test_pki::key_identifier(chain.root_key);
  spec.crl_url = names.root_crl_url;
  spec.key_usage = {test_pki::KeyUsage::digital_signature, test_pki::KeyUsage::non_repudiation};
  spec.basic_constraints = test_pki::CertificateSpec::BasicConstraints{};
  return test_pki::issue(spec, chain.root_key);
}

OrderedJson up_to_date(OrderedJson tcb, const Window& window) {
  return OrderedJson{{"tcb", std::move(tcb)}, {"tcbDate", iso(window.begin)}, {"tcbStatus", "UpToDate"}};
}

OrderedJson head(const char* id, int version, const Window& window) {
  return OrderedJson{
      {"id", id}, {"version", version}, {"issueDate", iso(window.begin)}, {"nextUpdate", iso(window.end)}};
}

/// The chain's PCK certificate and test_pki::TdReport's SVNs reach its one level.
std::string tcb_info(const test_pki::SgxExtension& sgx, const Window& window) {
  const OrderedJson module{{"mrsigner", std::string(96, '0')},
                           {"attributes", std::string(16, '0')},
                           {"attributesMask", std::string(16, 'F')}};
  OrderedJson identity{{"id", "TDX_01"}};
  identity.update(module);
  identity["tcbLevels"] = OrderedJson::array({up_to_date({{"isvsvn", 5}}, window)});
  auto sgx_components = OrderedJson::array();
  auto tdx_components = OrderedJson::array();
  const std::array<int, 16> tdx = {5, 0, 2};
  for (std::size_t i = 0; i < sgx.components.size(); ++i) {
    sgx_components.push_back({{"svn", sgx.components[i]}});
    tdx_components.push_back({{"svn", tdx[i]}});
  }
  OrderedJson info = head("TDX", 3, window);
  info["fmspc"] = core::to_hex(sgx.fmspc);
  info["pceId"] = core::to_hex(sgx.pce_id);
  info["tcbType"] = 0;
  info["tcbEvaluationDataNumber"] = kEvaluation;
  info["tdxModule"] = module;
  info["tdxModuleIdentities"] = OrderedJson::array({std::move(identity)});
  info["tcbLevels"] = OrderedJson::array({up_to_date({{"sgxtcbcomponents", std::move(sgx_components)},
                                                      {"pcesvn", sgx.pce_svn},
                                                      {"tdxtcbcomponents", std::move(tdx_components)}},
                                                     window)});
  return core::dump_json(info);
}

std::string qe_identity(const Window& window) {
  OrderedJson identity = head("TD_QE", 2, window);
  identity["tcbEvaluationDataNumber"] = kEvaluation;
  identity["miscselect"] = std::string(8, '0');
  identity["miscselectMask"] = std::string(8, 'F');
  identity["attributes"] = "11000000000000000000000000000000";
  identity["attributesMask"] = "FBFFFFFFFFFFFFFF0000000000000000";
  identity["mrsigner"] = kQeSigner;
  identity["isvprodid"] = 2;
  identity["tcbLevels"] = OrderedJson::array({up_to_date({{"isvsvn", 6}}, window)});
  return core::dump_json(identity);
}

}  // namespace

std::string make_collateral(const test_pki::PckChain& chain, const test_pki::PckChainSpec& spec, core::Time now) {
  const auto today = std::chrono::floor<std::chrono::seconds>(now);
  const Window window{std::max(spec.not_before, today - std::chrono::days(1)), today + kLifetime};
  const auto signer_key = SigningKey::generate();
  const auto signer_chain = issue_tcb_signer(signer_key, chain, spec).pem() + chain.root.pem();
  const auto info = tcb_info(spec.sgx, window);
  const auto identity = qe_identity(window);
  const auto sign = [&](const std::string& text) { return core::to_hex(signer_key.sign_raw(core::as_bytes(text))); };
  return core::dump_json_pretty(OrderedJson{{"pck_crl_issuer_chain", chain.ca.pem() + chain.root.pem()},
                                            {"root_ca_crl", empty_crl(spec.root, chain.root_key, window)},
                                            {"pck_crl", empty_crl(spec.ca, chain.ca_key, window)},
                                            {"tcb_info_issuer_chain", signer_chain},
                                            {"tcb_info", info},
                                            {"tcb_info_signature", sign(info)},
                                            {"qe_identity_issuer_chain", signer_chain},
                                            {"qe_identity", identity},
                                            {"qe_identity_signature", sign(identity)},
                                            {"fetchedAt", core::to_rfc3339(now)}});
}

}  // namespace dstack_simulator
