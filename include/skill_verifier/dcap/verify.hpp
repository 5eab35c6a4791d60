#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/dcap/quote.hpp"

/// Offline verification of TDX quotes. Pure: no socket, no clock, nothing global; the same arguments always give the
/// same answer.
namespace skill_verifier::dcap {

/// QuoteCollateralV3 as dcap-qvl writes it: what Intel signed about a platform. Texts are kept as they came, because
/// the signatures are over those very bytes.
struct Collateral {
  std::string pck_crl_issuer_chain;   ///< PEM; not used by the verification, may be empty
  std::string root_ca_crl;            ///< hex of DER
  std::string pck_crl;                ///< hex of DER
  std::string tcb_info_issuer_chain;  ///< PEM: TCB signing, root
  std::string tcb_info;               ///< JSON text
  std::string tcb_info_signature;     ///< 128 hex digits
  std::string qe_identity_issuer_chain;
  std::string qe_identity;
  std::string qe_identity_signature;
};

inline constexpr std::size_t kMaxCollateralBytes = 1u << 20;

/// Reads QuoteCollateralV3 JSON; unknown members (`fetchedAt`) are ignored. Errors: invalid_argument
/// `collateral_invalid` (not JSON, a member twice, missing or not a string, over kMaxCollateralBytes).
Result<Collateral> parse_collateral(std::string_view json);
/// The members in the order above; parse_collateral gives the same again.
std::string to_json(const Collateral& collateral);

/// The last instants at which a collateral set is of use, seconds since 1970. Read from the objects, nothing verified.
struct CollateralWindow {
  std::int64_t begin = 0;  ///< the latest issueDate, thisUpdate
  std::int64_t end = 0;    ///< the earliest nextUpdate
};
/// Errors: invalid_argument `collateral_invalid`.
Result<CollateralWindow> collateral_window(const Collateral& collateral);

/// The certificate at which every chain must end, byte for byte.
struct TrustRoot {
  Bytes der;
  /// Whether it is Intel's own; evidence under any other is simulated.
  bool is_intel() const;
};
/// "Intel SGX Root CA", built in.
const TrustRoot& intel_root();

/// Intel's names (PCS API v4, `tcbStatus`), and the two that TD 1.5 adds.
enum class TcbStatus {
  up_to_date,
  sw_hardening_needed,
  configuration_needed,
  configuration_and_sw_hardening_needed,
  out_of_date,
  out_of_date_configuration_needed,
  td_relaunch_advised,
  td_relaunch_advised_configuration_needed,
  revoked,
};
/// `UpToDate`, `SWHardeningNeeded`, …
std::string_view to_string(TcbStatus status);
/// Errors: invalid_argument `tcb_status_unknown`.
Result<TcbStatus> parse_tcb_status(std::string_view name);
/// Every status but Revoked, which no policy accepts.
std::set<TcbStatus> all_tcb_statuses();

struct Policy {
  std::set<TcbStatus> accepted = {TcbStatus::up_to_date};
  /// Refuses TCB info and QE identity of an older evaluation, which stay valid for 30 days.
  std::uint32_t min_evaluation_data_number = 0;
  /// The service TD that may be bound to a TD 1.5; absent: none may.
  std::optional<Field<48>> service_td;
};

/// One check, in the order of the verification. After the first that failed only the TD's attributes are still looked
/// at.
struct Step {
  std::string name;  ///< stable: `quote`, `root_crl`, `tcb_info`, `qe_identity`, `pck_chain`, `pck_crl`, `platform`,
                     ///< `qe_report`, `qe_policy`, `quote_signature`, `tcb`, `policy`, `td_attributes`
  bool passed = false;
  std::string detail;  ///< what was found, or why it failed
};

struct Verification {
  bool ok = false;
  std::string code;     ///< empty when ok: the rule that refused (`TCB_EXPIRED`, …)
  std::string message;  ///< why, naming both sides
  std::vector<Step> steps;

  /// As far as the verification came.
  std::optional<TcbStatus> status;  ///< converged; also set when the policy does not accept it
  std::vector<std::string> advisory_ids;
  std::string tcb_date;  ///< the oldest of the three levels', `2024-03-13T00:00:00Z`
  std::optional<TcbStatus> platform_status, qe_status, module_status;
  std::uint32_t evaluation_data_number = 0;
  std::string fmspc;   ///< 12 upper-case hex digits
  std::string pce_id;  ///< 4 upper-case hex digits
  std::string ppid;    ///< 32 lower-case hex digits
  std::optional<Quote> quote;
};

/// Collateral whose certificates, CRLs and signatures were verified under a root once. Immutable; instants are checked
/// again by every `verify`.
class VerifiedCollateral {
 public:
  VerifiedCollateral(VerifiedCollateral&&) noexcept;
  VerifiedCollateral& operator=(VerifiedCollateral&&) noexcept;
  ~VerifiedCollateral();

  struct Impl;
  explicit VerifiedCollateral(std::shared_ptr<const Impl> impl);
  const Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

/// What refused, when the collateral itself is at fault: `id` is the code of the rule, in lower case
/// (`tcb_signature`), class invalid_argument. `now` in seconds since 1970.
Result<VerifiedCollateral> verify_collateral(const Collateral& collateral, const TrustRoot& root, std::int64_t now);

/// The whole path of facts/dcap.md §8 and §9: fails closed. `now` in seconds since 1970.
Verification verify(ByteView quote, const Collateral& collateral, const TrustRoot& root, std::int64_t now,
                    const Policy& policy = {});
/// The same with collateral that was verified before: three signatures instead of nine.
Verification verify(ByteView quote, const VerifiedCollateral& collateral, std::int64_t now, const Policy& policy = {});

/// TD attributes and service TD alone: codes and messages of what a strict policy refuses, empty when nothing.
struct Refusal {
  std::string code;
  std::string message;
};
std::vector<Refusal> check_td_attributes(const TdReport& td, const Policy& policy = {});

}  // namespace skill_verifier::dcap
