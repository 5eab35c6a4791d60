#include "test_pki/certificate.hpp"

#include <openssl/sha.h>

#include <algorithm>

#include "test_pki/der.hpp"

namespace test_pki {
namespace {

Bytes attribute(const char* oid, Bytes value) {
  return der::set({der::sequence({der::object_identifier(oid), std::move(value)})});
}

Bytes encode(const Name& name) {
  return der::sequence({
      attribute("2.5.4.3", der::utf8_string(name.common_name)),
      attribute("2.5.4.10", der::utf8_string(name.organization)),
      attribute("2.5.4.7", der::utf8_string(name.locality)),
      attribute("2.5.4.8", der::utf8_string(name.state)),
      attribute("2.5.4.6", der::printable_string(name.country)),
  });
}

Bytes encode(const Extension& extension) {
  const auto critical = extension.critical ? der::boolean(true) : Bytes{};
  return der::sequence({der::object_identifier(extension.oid), critical, der::octet_string(extension.value)});
}

Bytes encode(const std::vector<KeyUsage>& usages) {
  std::uint8_t bits = 0;
  std::uint8_t last = 0;
  for (const auto usage : usages) {
    const auto bit = static_cast<std::uint8_t>(usage);
    bits = static_cast<std::uint8_t>(bits | (0x80 >> bit));
    last = std::max(last, bit);
  }
  return der::bit_string(Bytes{bits}, static_cast<std::uint8_t>(7 - last));
}

Bytes encode(const CertificateSpec::BasicConstraints& constraints) {
  const auto ca = constraints.ca ? der::boolean(true) : Bytes{};
  const auto length = constraints.path_length ? der::integer(*constraints.path_length) : Bytes{};
  return der::sequence({ca, length});
}

/// In the order of Intel's certificates.
std::vector<Extension> all_extensions(const CertificateSpec& spec) {
  std::vector<Extension> all;
  if (spec.authority_key_id) {
    all.push_back({"2.5.29.35", false, der::sequence({der::tlv(0x80, *spec.authority_key_id)})});
  }
  if (spec.crl_url) {
    const auto uri = der::tlv(0x86, skill_verifier::core::as_bytes(*spec.crl_url));
    const auto point = der::explicit_tag(0, der::explicit_tag(0, uri));
    all.push_back({"2.5.29.31", false, der::sequence({der::sequence({point})})});
  }
  if (spec.subject_key_id) all.push_back({"2.5.29.14", false, der::octet_string(*spec.subject_key_id)});
  if (!spec.key_usage.empty()) all.push_back({"2.5.29.15", true, encode(spec.key_usage)});
  if (spec.basic_constraints) all.push_back({"2.5.29.19", true, encode(*spec.basic_constraints)});
  all.insert(all.end(), spec.extensions.begin(), spec.extensions.end());
  return all;
}

Bytes encode_to_be_signed(const CertificateSpec& spec, const Bytes& algorithm) {
  const auto version = spec.version == 1 ? Bytes{} : der::explicit_tag(0, der::integer(spec.version - 1));
  Bytes extensions;
  for (const auto& extension : all_extensions(spec))
    extensions = der::concat({extensions, encode(extension)});
  const auto wrapped = extensions.empty() ? Bytes{} : der::explicit_tag(3, der::tlv(0x30, extensions));
  return der::sequence({version, der::unsigned_integer(spec.serial), algorithm, encode(spec.issuer),
                        der::sequence({der::time(spec.not_before), der::time(spec.not_after)}), encode(spec.subject),
                        spec.subject_public_key_info, wrapped});
}

}  // namespace

std::string Certificate::pem() const {
  constexpr std::size_t kLine = 64;
  const auto base64 = skill_verifier::core::to_base64(der);
  std::string text = "-----BEGIN CERTIFICATE-----\n";
  for (std::size_t at = 0; at < base64.size(); at += kLine)
    text += base64.substr(at, kLine) + "\n";
  return text + "-----END CERTIFICATE-----\n";
}

Bytes key_identifier(const SigningKey& key) {
  const auto point = der::concat({Bytes{0x04}, key.public_point()});
  Bytes digest(SHA_DIGEST_LENGTH);
  SHA1(point.data(), point.size(), digest.data());
  return digest;
}

Certificate issue(const CertificateSpec& spec, const SigningKey& issuer_key) {
  const auto algorithm = der::sequence({der::object_identifier(spec.signature_algorithm)});
  const auto signed_part = encode_to_be_signed(spec, algorithm);
  return {der::sequence({signed_part, algorithm, der::bit_string(issuer_key.sign_der(signed_part))})};
}

Extension sgx_extension(const SgxExtension& values) {
  const std::string base = "1.2.840.113741.1.13.1";
  const auto entry = [](const std::string& oid, const Bytes& value) {
    return der::sequence({der::object_identifier(oid), value});
  };
  Bytes tcb;
  for (std::size_t i = 0; i < values.components.size(); ++i) {
    tcb = der::concat({tcb, entry(base + ".2." + std::to_string(i + 1), der::integer(values.components[i]))});
  }
  const auto cpu_svn = values.cpu_svn.value_or(Bytes(values.components.begin(), values.components.end()));
  tcb = der::concat(
      {tcb, entry(base + ".2.17", der::integer(values.pce_svn)), entry(base + ".2.18", der::octet_string(cpu_svn))});
  Bytes platform;
  if (values.platform_instance_id) platform = entry(base + ".6", der::octet_string(*values.platform_instance_id));
  Bytes configuration;
  if (values.configuration) {
    configuration =
        entry(base + ".7", der::sequence({entry(base + ".7.1", der::boolean(values.configuration->dynamic_platform)),
                                          entry(base + ".7.2", der::boolean(values.configuration->cached_keys)),
                                          entry(base + ".7.3", der::boolean(values.configuration->smt_enabled))}));
  }
  return {base, false,
          der::sequence({entry(base + ".1", der::octet_string(values.ppid)), entry(base + ".2", der::tlv(0x30, tcb)),
                         entry(base + ".3", der::octet_string(values.pce_id)),
                         entry(base + ".4", der::octet_string(values.fmspc)),
                         entry(base + ".5", der::enumerated(values.sgx_type)), platform, configuration})};
}

Bytes PckChain::certification_data() const {
  const auto text = pck.pem() + ca.pem() + root.pem();
  Bytes bytes(text.begin(), text.end());
  bytes.push_back(0);
  return bytes;
}

PckChain make_pck_chain(const PckChainSpec& spec) {
  PckChain chain{SigningKey::generate(), SigningKey::generate(), SigningKey::generate(), {}, {}, {}};
  CertificateSpec root;
  root.serial = key_identifier(chain.root_key);
  root.issuer = root.subject = spec.root;
  root.not_before = spec.not_before;
  root.not_after = spec.not_after;
  root.subject_public_key_info = chain.root_key.subject_public_key_info();
  root.authority_key_id = root.subject_key_id = key_identifier(chain.root_key);
  root.crl_url = spec.root_crl_url;
  root.key_usage = {KeyUsage::key_cert_sign, KeyUsage::crl_sign};
  root.basic_constraints = CertificateSpec::BasicConstraints{.ca = true, .path_length = 1};
  chain.root = issue(root, chain.root_key);

  auto ca = root;
  ca.subject = spec.ca;
  ca.subject_public_key_info = chain.ca_key.subject_public_key_info();
  ca.serial = key_identifier(chain.ca_key);
  ca.subject_key_id = key_identifier(chain.ca_key);
  ca.basic_constraints = CertificateSpec::BasicConstraints{.ca = true, .path_length = 0};
  chain.ca = issue(ca, chain.root_key);

  auto pck = ca;
  pck.issuer = spec.ca;
  pck.subject = spec.pck;
  pck.subject_public_key_info = chain.pck_key.subject_public_key_info();
  pck.serial = key_identifier(chain.pck_key);
  pck.authority_key_id = key_identifier(chain.ca_key);
  pck.subject_key_id = key_identifier(chain.pck_key);
  pck.crl_url = spec.pck_crl_url;
  pck.key_usage = {KeyUsage::digital_signature, KeyUsage::non_repudiation};
  pck.basic_constraints = CertificateSpec::BasicConstraints{.ca = false, .path_length = std::nullopt};
  pck.extensions = {sgx_extension(spec.sgx)};
  chain.pck = issue(pck, chain.ca_key);
  return chain;
}

}  // namespace test_pki
