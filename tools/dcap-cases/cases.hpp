#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "skill_verifier/core/bytes.hpp"

/// Files of verification cases: a JSON array of {name, quote, collateral, root?, now, expect: {ok, status?,
/// advisory_ids?, code?}}; paths are relative to the file.
namespace dcap_cases {

using skill_verifier::Bytes;

struct Case {
  std::string name;
  Bytes quote;
  std::string collateral;     ///< QuoteCollateralV3 JSON
  std::optional<Bytes> root;  ///< DER; absent: Intel's
  std::int64_t now = 0;
  bool ok = false;
  std::string code;  ///< of the refusal; empty: any
  std::optional<std::string> status;
  std::optional<std::vector<std::string>> advisory_ids;
};
/// Throws std::runtime_error naming what cannot be read.
std::vector<Case> read_cases(const std::filesystem::path& file);

struct Answer {
  bool ok = false;
  std::string code;  ///< COLLATERAL_FIELD where the collateral cannot be read at all
  std::string message;
  std::string status;
  std::vector<std::string> advisory_ids;
  double microseconds = 0;  ///< of the verification, collateral JSON included
};
/// Strictly, but for the status: every one except Revoked is accepted, as the files' `ok` means it.
Answer answer(const Case& wanted);

/// What differs; empty where the answer is as expected.
std::string disagreement(const Case& wanted, const Answer& answer);

}  // namespace dcap_cases
