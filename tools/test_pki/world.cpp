#include "test_pki/world.hpp"

#include <fmt/core.h>

#include <fstream>
#include <stdexcept>

#include "test_pki/der.hpp"

namespace test_pki {
namespace {

using skill_verifier::core::as_bytes;
using skill_verifier::core::to_hex;

Bytes content_of(const std::string& text) {
  const auto view = as_bytes(text);
  return {view.begin(), view.end()};
}

Certificate issue_tcb_signing(const WorldSpec& spec, const PckChain& chain, const SigningKey& key) {
  CertificateSpec certificate;
  certificate.serial = key_identifier(key);
  certificate.issuer = spec.chain.root;
  certificate.subject = spec.tcb_signing;
  certificate.not_before = spec.chain.not_before;
  certificate.not_after = spec.chain.not_after;
  certificate.subject_public_key_info = key.subject_public_key_info();
  certificate.authority_key_id = key_identifier(chain.root_key);
  certificate.subject_key_id = key_identifier(key);
  certificate.crl_url = spec.chain.root_crl_url;
  certificate.key_usage = spec.tcb_signing_usage;
  certificate.basic_constraints = spec.tcb_signing_constraints;
  return issue(certificate, chain.root_key);
}

std::string crl_hex(const WorldSpec& spec, const Name& issuer, const SigningKey& key, std::vector<Bytes> revoked) {
  CrlSpec crl;
  crl.issuer = issuer;
  crl.this_update = spec.crl_begin;
  crl.next_update = spec.crl_end;
  crl.revoked = std::move(revoked);
  crl.authority_key_id = key_identifier(key);
  return to_hex(issue_crl(crl, key));
}

void write_file(const std::filesystem::path& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

}  // namespace

PckChainSpec WorldSpec::default_chain() {
  PckChainSpec spec;
  spec.not_before = std::chrono::sys_days(std::chrono::year{2024} / 1 / 1);
  spec.not_after = std::chrono::sys_days(std::chrono::year{2049} / 12 / 31);
  return spec;
}

World make_world(const WorldSpec& spec) {
  World world{make_pck_chain(spec.chain), SigningKey::generate(), SigningKey::generate(), {}, {}};
  world.tcb_signing = issue_tcb_signing(spec, world.chain, world.tcb_signing_key);
  std::vector<Bytes> by_root, by_ca;
  if (spec.revoke_tcb_signing) by_root.push_back(key_identifier(world.tcb_signing_key));
  if (spec.revoke_ca) by_root.push_back(key_identifier(world.chain.ca_key));
  if (spec.revoke_pck) by_ca.push_back(key_identifier(world.chain.pck_key));
  auto& texts = world.collateral;
  const auto root = world.chain.root.pem();
  texts.pck_crl_issuer_chain = world.chain.ca.pem() + root;
  texts.root_ca_crl = crl_hex(spec, spec.chain.root, world.chain.root_key, std::move(by_root));
  texts.pck_crl = crl_hex(spec, spec.chain.ca, world.chain.ca_key, std::move(by_ca));
  texts.tcb_info_issuer_chain = texts.qe_identity_issuer_chain = world.tcb_signing.pem() + root;
  texts.tcb_info = spec.tcb_info_text.value_or(to_json(spec.tcb_info));
  texts.tcb_info_signature = to_hex(world.tcb_signing_key.sign_raw(content_of(texts.tcb_info)));
  texts.qe_identity = spec.qe_identity_text.value_or(to_json(spec.qe_identity));
  texts.qe_identity_signature = to_hex(world.tcb_signing_key.sign_raw(content_of(texts.qe_identity)));
  return world;
}

Bytes World::quote(const QuoteSpec& spec) const {
  return build_quote(spec, attestation_key, chain);
}

void World::write(const std::filesystem::path& folder) const {
  std::filesystem::create_directories(folder);
  write_file(folder / "root.der", skill_verifier::core::as_text(chain.root.der));
  write_file(folder / "collateral.json", collateral.to_json());
}

}  // namespace test_pki
