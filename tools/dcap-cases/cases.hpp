#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "skill_verifier/dcap/verify.hpp"

namespace dcap_cases {

/// One entry of a file of cases; what it names is read already.
struct Case {
  std::string name;
  skill_verifier::Bytes quote;
  std::string collateral;  ///< JSON text
  skill_verifier::dcap::TrustRoot root;
  std::int64_t now = 0;
  bool expect_ok = false;
  std::string expect_code;  ///< empty: any
  std::optional<std::string> expect_status;
  std::optional<std::vector<std::string>> expect_advisory_ids;
};

/// A list of cases, or an object with one as `cases`; null members count as absent. Paths in the file are relative to
/// its folder. Throws std::runtime_error where it cannot be read.
std::vector<Case> read_cases(const std::filesystem::path& file);

/// Every status but Revoked is accepted: the cases are about the verification, not about a policy.
skill_verifier::dcap::Policy widest_policy();

struct Outcome {
  bool ok = false;
  std::string code;
  skill_verifier::dcap::Verification verification;
};
/// Parses the collateral (COLLATERAL_FIELD where that fails) and verifies.
Outcome run(const Case& one);
/// Empty when the outcome is as expected, otherwise both sides.
std::string disagreement(const Case& one, const Outcome& outcome);

}  // namespace dcap_cases
