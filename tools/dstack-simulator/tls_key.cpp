#include "tls_key.hpp"

#include "skill_verifier/core/json.hpp"
#include "skill_verifier/core/sha2.hpp"
#include "test_pki/der.hpp"

namespace dstack_simulator {
namespace {

namespace core = skill_verifier::core;
namespace der = test_pki::der;
using std::chrono::sys_seconds;
using test_pki::CertificateSpec;
using test_pki::KeyUsage;

constexpr std::chrono::days kTenYears{3650};
constexpr std::uint64_t kEndOf9999 = 253'402'300'799;
const test_pki::Name kAuthority{.common_name = "dstack-simulator App CA"};

test_pki::Certificate issue_authority(const test_pki::SigningKey& key, core::Time now) {
  CertificateSpec spec;
  spec.serial = test_pki::key_identifier(key);
  spec.issuer = spec.subject = kAuthority;
  spec.not_before = std::chrono::floor<std::chrono::seconds>(now);
  spec.not_after = spec.not_before + kTenYears;
  spec.subject_public_key_info = key.subject_public_key_info();
  spec.subject_key_id = test_pki::key_identifier(key);
  spec.key_usage = {KeyUsage::key_cert_sign, KeyUsage::crl_sign};
  spec.basic_constraints = CertificateSpec::BasicConstraints{.ca = true, .path_length = 0};
  return test_pki::issue(spec, key);
}

test_pki::Extension alternative_names(const std::vector<std::string>& names) {
  Bytes list;
  for (const auto& name : names)
    list = der::concat({list, der::tlv(0x82, core::as_bytes(name))});
  return {"2.5.29.17", false, der::tlv(0x30, list)};
}

test_pki::Extension extended_usage(bool server, bool client) {
  const auto server_auth = server ? der::object_identifier("1.3.6.1.5.5.7.3.1") : Bytes{};
  const auto client_auth = client ? der::object_identifier("1.3.6.1.5.5.7.3.2") : Bytes{};
  return {"2.5.29.37", false, der::sequence({server_auth, client_auth})};
}

/// dstack's RA-TLS: quote and event log in extensions, the quote over SHA-512("ratls-cert:" SubjectPublicKeyInfo).
void add_quote(const Platform& platform, CertificateSpec& spec) {
  const auto tag = core::as_bytes("ratls-cert:");
  const auto bound = der::concat({Bytes(tag.begin(), tag.end()), spec.subject_public_key_info});
  const auto quote = platform.quote(core::sha512(bound));
  spec.extensions.push_back({"1.3.6.1.4.1.62397.1.1", false, der::octet_string(quote)});
  spec.extensions.push_back({"1.3.6.1.4.1.62397.1.2", false, der::octet_string(core::as_bytes(platform.event_log()))});
}

}  // namespace

TlsKeyAuthority::TlsKeyAuthority(core::Time now)
    : key_(test_pki::SigningKey::generate()), certificate_(issue_authority(key_, now)) {}

skill_verifier::Result<TlsKey> TlsKeyAuthority::issue(const TlsKeyRequest& request, core::Time now) const {
  const auto today =
      static_cast<std::uint64_t>(std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count());
  const auto not_before = request.not_before.value_or(today);
  const auto not_after =
      request.not_after.value_or(today + static_cast<std::uint64_t>(std::chrono::seconds(kTenYears).count()));
  if (not_after <= not_before || not_after > kEndOf9999) {
    return skill_verifier::Error{skill_verifier::Errc::invalid_argument, "Invalid validity of the certificate"};
  }
  const auto key = test_pki::SigningKey::generate();
  CertificateSpec spec;
  spec.serial = test_pki::key_identifier(key);
  spec.issuer = kAuthority;
  spec.subject.common_name = request.subject;
  spec.not_before = sys_seconds(std::chrono::seconds(not_before));
  spec.not_after = sys_seconds(std::chrono::seconds(not_after));
  spec.subject_public_key_info = key.subject_public_key_info();
  spec.authority_key_id = test_pki::key_identifier(key_);
  spec.subject_key_id = test_pki::key_identifier(key);
  spec.key_usage = {KeyUsage::digital_signature};
  spec.basic_constraints = CertificateSpec::BasicConstraints{};
  if (!request.alt_names.empty()) spec.extensions.push_back(alternative_names(request.alt_names));
  if (request.server_auth || request.client_auth) {
    spec.extensions.push_back(extended_usage(request.server_auth, request.client_auth));
  }
  if (request.platform != nullptr) add_quote(*request.platform, spec);
  return TlsKey{key.private_pem(), test_pki::issue(spec, key_).pem()};
}

}  // namespace dstack_simulator
