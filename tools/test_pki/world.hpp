#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "test_pki/quote.hpp"

/// A whole world in Intel's shape: chain, TCB signing, CRLs, TCB info, QE identity, and quotes that verify in it.
namespace test_pki {

struct CrlSpec {
  int version = 2;
  std::string signature_algorithm = "1.2.840.10045.4.3.2";
  Name issuer;
  std::chrono::sys_seconds this_update{};
  std::optional<std::chrono::sys_seconds> next_update;
  std::vector<Bytes> revoked;  ///< serial numbers, big-endian magnitudes
  std::optional<Bytes> authority_key_id;
  std::optional<int> number = 1;
  std::vector<Extension> extensions;  ///< after the ones above
};
/// DER.
Bytes issue_crl(const CrlSpec& spec, const SigningKey& issuer_key);

struct SvnLevelSpec {
  int isv_svn = 0;
  std::string status = "UpToDate";
  std::string date = "2024-03-13T00:00:00Z";
  std::vector<std::string> advisory_ids = {};
};

struct PlatformLevelSpec {
  std::array<int, 16> sgx{};
  int pce_svn = 0;
  std::array<int, 16> tdx{};
  std::string status = "UpToDate";
  std::string date = "2024-03-13T00:00:00Z";
  std::vector<std::string> advisory_ids = {};
};

struct ModuleSpec {
  std::string id;  ///< empty: tdxModule
  std::string mr_signer = std::string(96, '0');
  std::string attributes = std::string(16, '0');
  std::string attributes_mask = std::string(16, 'F');
  std::vector<SvnLevelSpec> levels = {};
};

struct TcbInfoSpec {
  std::string id = "TDX";
  int version = 3;
  std::string issue_date = "2025-01-01T00:00:00Z";
  std::string next_update = "2025-01-31T00:00:00Z";
  std::string fmspc = "90C06F000000";
  std::string pce_id = "0000";
  int tcb_type = 0;
  int evaluation_data_number = 17;
  ModuleSpec module;
  std::vector<ModuleSpec> identities = {{.id = "TDX_01", .levels = {{.isv_svn = 5}}}};
  std::vector<PlatformLevelSpec> levels = {{}};
};
std::string to_json(const TcbInfoSpec& spec);

struct QeIdentitySpec {
  std::string id = "TD_QE";
  int version = 2;
  std::string issue_date = "2025-01-01T00:00:00Z";
  std::string next_update = "2025-01-31T00:00:00Z";
  int evaluation_data_number = 17;
  std::string misc_select = "00000000";
  std::string misc_select_mask = "FFFFFFFF";
  std::string attributes = "11000000000000000000000000000000";
  std::string attributes_mask = "FBFFFFFFFFFFFFFF0000000000000000";
  std::string mr_signer = "DC9E2A7C6F948F17474E34A7FC43ED030F7C1563F1BABDDF6340C82E0E54A8C5";
  int isv_prod_id = 2;
  std::vector<SvnLevelSpec> levels = {{.isv_svn = 4}};
};
std::string to_json(const QeIdentitySpec& spec);

/// Every part may be changed before `make_world`.
struct WorldSpec {
  PckChainSpec chain = default_chain();
  Name tcb_signing{.common_name = "Intel SGX TCB Signing"};
  CertificateSpec::BasicConstraints tcb_signing_constraints;
  std::vector<KeyUsage> tcb_signing_usage = {KeyUsage::digital_signature, KeyUsage::non_repudiation};
  std::chrono::sys_seconds crl_begin = std::chrono::sys_days(std::chrono::year{2025} / 1 / 1);
  std::chrono::sys_seconds crl_end = std::chrono::sys_days(std::chrono::year{2025} / 1 / 31);
  bool revoke_tcb_signing = false;
  bool revoke_ca = false;
  bool revoke_pck = false;
  TcbInfoSpec tcb_info;
  QeIdentitySpec qe_identity;
  std::optional<std::string> tcb_info_text;     ///< in place of to_json(tcb_info)
  std::optional<std::string> qe_identity_text;  ///< in place of to_json(qe_identity)

  static PckChainSpec default_chain();
};

/// The members of QuoteCollateralV3.
struct CollateralTexts {
  std::string pck_crl_issuer_chain, root_ca_crl, pck_crl, tcb_info_issuer_chain, tcb_info, tcb_info_signature,
      qe_identity_issuer_chain, qe_identity, qe_identity_signature;
  std::string to_json() const;
};

struct World {
  PckChain chain;
  SigningKey tcb_signing_key;
  SigningKey attestation_key;
  Certificate tcb_signing;
  CollateralTexts collateral;
  /// An instant within every window of the default specification: 2025-01-15.
  std::int64_t now = 1736899200;

  Bytes quote(const QuoteSpec& spec = {}) const;
  /// Writes `root.der` and `collateral.json`.
  void write(const std::filesystem::path& folder) const;
};
World make_world(const WorldSpec& spec = {});

}  // namespace test_pki
