#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "test_pki/key.hpp"

/// Certificates in Intel's shape with every field settable. A new key per certificate, nothing kept.
namespace test_pki {

/// CN=…, O, L, ST, C in the order of Intel's certificates.
struct Name {
  std::string common_name;
  std::string organization = "Test Corporation";
  std::string locality = "Test City";
  std::string state = "TS";
  std::string country = "ZZ";
};

struct Extension {
  std::string oid;
  bool critical = false;
  Bytes value;  ///< DER inside the OCTET STRING
};

/// Bit numbers of KeyUsage (RFC 5280 §4.2.1.3).
enum class KeyUsage : std::uint8_t { digital_signature = 0, non_repudiation = 1, key_cert_sign = 5, crl_sign = 6 };

struct CertificateSpec {
  int version = 3;
  Bytes serial;                                             ///< big-endian magnitude
  std::string signature_algorithm = "1.2.840.10045.4.3.2";  ///< ecdsa-with-SHA256, in both places
  Name issuer;
  Name subject;
  std::chrono::sys_seconds not_before{};
  std::chrono::sys_seconds not_after{};
  Bytes subject_public_key_info;
  std::optional<Bytes> authority_key_id;
  std::optional<Bytes> subject_key_id;
  std::optional<std::string> crl_url;
  std::vector<KeyUsage> key_usage;  ///< empty: no extension
  struct BasicConstraints {
    bool ca = false;
    std::optional<int> path_length;
  };
  std::optional<BasicConstraints> basic_constraints;
  std::vector<Extension> extensions;  ///< after the ones above
};

struct Certificate {
  Bytes der;
  std::string pem() const;
};

/// SHA-1 of the public key bits, as RFC 5280 §4.2.1.2 (1) suggests and Intel does.
Bytes key_identifier(const SigningKey& key);
Certificate issue(const CertificateSpec& spec, const SigningKey& issuer_key);

/// Extension 1.2.840.113741.1.13.1 of a PCK certificate.
struct SgxExtension {
  Bytes ppid = Bytes(16, 0x11);
  std::array<std::uint8_t, 16> components{};
  std::uint16_t pce_svn = 13;
  std::optional<Bytes> cpu_svn;  ///< absent: the components
  Bytes pce_id = {0x00, 0x00};
  Bytes fmspc = {0x90, 0xc0, 0x6f, 0x00, 0x00, 0x00};
  std::uint8_t sgx_type = 1;
  std::optional<Bytes> platform_instance_id = Bytes(16, 0x22);  ///< Platform CA only
  struct Configuration {
    bool dynamic_platform = true;
    bool cached_keys = true;
    bool smt_enabled = true;
  };
  std::optional<Configuration> configuration = Configuration{};  ///< Platform CA only
};
Extension sgx_extension(const SgxExtension& values);

/// Root, platform CA and one PCK certificate with their keys.
struct PckChain {
  SigningKey root_key;
  SigningKey ca_key;
  SigningKey pck_key;
  Certificate root;
  Certificate ca;
  Certificate pck;
  /// Leaf, CA, root as PEM text with a NUL at the end, the way real quotes carry them.
  Bytes certification_data() const;
};

struct PckChainSpec {
  std::chrono::sys_seconds not_before{};
  std::chrono::sys_seconds not_after{};
  Name root{.common_name = "Intel SGX Root CA"};
  Name ca{.common_name = "Intel SGX PCK Platform CA"};
  Name pck{.common_name = "Intel SGX PCK Certificate"};
  std::string root_crl_url = "https://certificates.test.invalid/root.der";
  std::string pck_crl_url = "https://certificates.test.invalid/pckcrl?ca=platform&encoding=der";
  SgxExtension sgx;
};
PckChain make_pck_chain(const PckChainSpec& spec);

}  // namespace test_pki
