#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/result.hpp"
#include "skill_verifier/core/sha2.hpp"

namespace skill_verifier::attest {

using AnnotationValue = std::variant<std::string, std::int64_t, bool, std::vector<std::string>>;
using Annotations = std::map<std::string, AnnotationValue>;

/// Everything that TRUST.md §1 puts into a statement, as plain values: this module knows no sandbox and no manifest.
/// Digests are lower-case hex.
struct StatementInput {
  enum class Verdict { passed, failed, warned };
  struct Run {
    int attempt = 1;
    std::optional<int> exit_code;  ///< absent when the process did not exit by itself
    std::string outcome;           ///< exited | timeout | oom | killed
    std::uint64_t stdout_bytes = 0;
    std::uint64_t stderr_bytes = 0;
    bool truncated = false;
    std::string output_sha256;  ///< of the kept stdout bytes, 0x00, the kept stderr bytes
  };

  /// The static checks, whose ids stand in the lists of tests beside the declared one.
  struct Checks {
    std::string profile;  ///< `standard-v1`
    std::string profile_sha256;
    std::string rows_sha256;  ///< of the rows in canonical JSON
    bool flagged = false;
    std::vector<std::string> allowed;  ///< ids of checks with rows that the author declared to be intended
    std::vector<std::string> skipped;  ///< ids of checks that were not done: in none of the lists
  };

  /// The checks that ran something, in a container of their own; their ids stand in the lists as well.
  struct SandboxChecks {
    std::string profile;  ///< `sandbox-v1`
    std::string profile_sha256;
    std::string rows_sha256;      ///< of the rows in canonical JSON
    std::string image_reference;  ///< empty when nothing was run
    std::string image_id;
    std::vector<std::string> allowed;  ///< as in Checks
    std::vector<std::string> skipped;  ///< as in Checks
  };

  std::string skill_id;
  std::string archive_name;  ///< used only with archive_sha256; may be empty
  std::optional<std::string> archive_sha256;
  std::string tree_digest;
  Verdict verdict = Verdict::failed;
  std::string manifest_sha256;
  Annotations manifest;
  std::string image_reference;  ///< as asked for; empty when nothing was run
  std::string image_id;         ///< `sha256:…` or bare hex
  /// The image with test_deps in it. A build, and so different wherever it is made: it goes into the run entry, outside
  /// of the comparable core, and is not allowed without a run.
  std::optional<std::string> prepared_image_id;
  Annotations sandbox_limits;  ///< the limits document: its canonical JSON is what the sandbox digest is over
  Annotations sandbox;         ///< what is shown of it
  std::string verifier;        ///< `skill-verifier 0.1.0`
  std::string verifier_sha256;
  std::optional<std::string> nonce;  ///< 1 to 128 printable ASCII characters
  std::optional<Run> run;            ///< absent when nothing was run (untested)
  std::optional<Checks> checks;      ///< absent: no static checks were made
  std::optional<SandboxChecks> sandbox_checks;
  std::vector<std::string> passed_tests, warned_tests, failed_tests;
};

/// The statement's canonical bytes (TRUST.md §1). Errors: invalid_argument `statement_invalid` for a value that the
/// format has no place for (the message names the field), `json_not_canonical` for what canonical JSON cannot hold.
Result<std::string> build_statement(const StatementInput& input);
/// The comparable core: the canonical statement without its `nonce` and `run` entries. Errors: invalid_argument
/// `statement_invalid` where `statement` is not a test result in canonical form.
Result<std::string> comparable_core(std::string_view statement);
/// TRUST.md §2.
std::string result_hash(std::string_view statement);

using ReportData = core::Digest512;
/// TRUST.md §3: SHA-512(tag ":" content).
ReportData report_data(std::string_view tag, std::string_view content);
inline constexpr std::string_view kResultTag = "skill-verifier-result-v1";
inline constexpr std::string_view kServiceTag = "skill-verifier-service-v1";

/// 1 to 128 printable ASCII characters (0x20 to 0x7e), TRUST.md §3. Errors: invalid_argument `nonce_invalid`.
Result<void> check_nonce(std::string_view nonce);

/// SHA-256 of stdout bytes, 0x00, stderr bytes, lower-case hex.
std::string output_digest(std::string_view stdout_bytes, std::string_view stderr_bytes);

}  // namespace skill_verifier::attest
