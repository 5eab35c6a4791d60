#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/core/result.hpp"

namespace skill_verifier::attest {

/// What a statement (TRUST.md §1) says, as far as a checker compares or shows it.
struct StatementFacts {
  std::string result;  ///< PASSED | FAILED | WARNED
  std::string skill_id;
  std::string tree_digest;
  std::optional<std::string> archive_sha256;
  std::optional<std::string> nonce;
  bool has_run = false;
  std::optional<std::int64_t> exit_code;
  std::string outcome;
  std::string image_reference, image_sha256;
  std::string verifier, verifier_sha256;
  struct Checks {
    std::string profile, profile_sha256, rows_sha256;
    bool flagged = false;
    std::vector<std::string> skipped, allowed;
  };
  std::optional<Checks> checks;  ///< absent: the statement knows of no static checks
  std::vector<std::string> passed_tests, warned_tests, failed_tests;
};

/// Errors: invalid_argument `statement_invalid` where the text is not a test result in canonical form.
Result<StatementFacts> read_statement(std::string_view statement);

}  // namespace skill_verifier::attest
