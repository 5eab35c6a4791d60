#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "skill_verifier/attest/evidence.hpp"

namespace skill_verifier::attest {

enum class Outcome { passed, failed, not_checked };

/// One line of a report (TRUST.md §5): a step, what came of it, and the values that were compared.
struct Row {
  std::string id;     ///< stable, e.g. `report-data`
  std::string title;  ///< `Report data`
  Outcome outcome = Outcome::not_checked;
  bool demanded = false;  ///< without it nothing is called valid
  std::string detail;     ///< why, or what was found; one sentence
  std::string expected;   ///< empty where nothing was compared
  std::string actual;
};

enum class CheckVerdict { valid, invalid, incomplete };
/// `VALID`, `INVALID`, `INCOMPLETE`.
std::string_view to_string(CheckVerdict verdict);

/// What the caller knows from elsewhere and wants compared. What is not named is not demanded, but the report says that
/// it was not pinned. Digests are lower-case hex.
struct Expectations {
  struct Package {
    /// The static checks made again on the files in hand.
    struct Checks {
      std::string profile;
      std::string profile_sha256;
      std::string rows_sha256;
      bool flagged = false;
      std::vector<std::string> passed, warned, failed, skipped, allowed;  ///< ids, in the profile's order
    };
    std::string tree_digest;
    std::optional<std::string> archive_sha256;
    std::optional<Checks> checks;
  };
  std::optional<Package> package;
  std::optional<EvidenceKind> kind;   ///< what the address names; other evidence is refused
  std::optional<std::string> job_id;  ///< only a job document has one
  std::optional<std::string> nonce;
  std::optional<std::string> app_compose;   ///< bytes of app-compose.json as they were deployed
  std::optional<std::string> compose_hash;  ///< 32 bytes
  std::optional<std::string> app_id;        ///< 20 bytes
  std::optional<std::string> key_provider;  ///< `name` or `name:id`
  std::optional<std::string> os_image;      ///< 32 bytes
  std::optional<std::string> measurements;  ///< pin sets, JSON text
  std::optional<std::string> mr_config;     ///< the document that MRCONFIGID of form 3 binds, its exact bytes

  std::optional<std::string> collateral;  ///< JSON text; used instead of the document's own
  std::optional<Bytes> trust_root;        ///< DER; used instead of Intel's: what is found is then called simulated
  std::vector<std::string> accepted;      ///< TCB statuses; empty: UpToDate only
  std::uint32_t min_evaluation = 0;       ///< least tcbEvaluationDataNumber of the collateral
  /// Seconds since 1970; absent: now where a service answered a nonce, else the moment at which the collateral says
  /// that it was fetched, else now.
  std::optional<std::int64_t> at;
};

/// TCB statuses as Intel spells them, or `all` of them but Revoked; UpToDate is always among the result. Errors:
/// invalid_argument `status_unknown`.
Result<std::vector<std::string>> parse_accepted(const std::vector<std::string>& names);
/// The DER of the one certificate in `text`, which is PEM or already DER. Errors: invalid_argument
/// `trust_root_invalid`.
Result<Bytes> parse_trust_root(std::string_view text);

struct CheckReport {
  std::optional<EvidenceKind> kind;  ///< absent where the evidence could not be read
  CheckVerdict verdict = CheckVerdict::invalid;
  bool simulated = false;     ///< the chain ends at a root that is not Intel's
  std::int64_t at = 0;        ///< seconds since 1970: the instant of every validity check
  bool time_claimed = false;  ///< `at` is the evidence's own word: whoever wrote it chose it
  std::vector<Row> rows;      ///< in TRUST.md §5's order
  std::vector<std::pair<std::string, std::string>> says;  ///< what the evidence claims, worth as much as the verdict
  std::vector<std::string> missing;                       ///< ids of demanded rows that were not checked
  std::vector<std::string> not_pinned;                    ///< what the caller named no expectation for
};

/// Checks evidence as TRUST.md §5 says, failing closed. `now` is seconds since 1970. Pure: the same arguments always
/// give the same report.
CheckReport check(const Evidence& evidence, const Expectations& expected, std::int64_t now);
/// The report on something that parse_evidence refused: invalid, with that reason in the row `document`.
CheckReport unreadable(const Error& error, std::int64_t now);

}  // namespace skill_verifier::attest
