#pragma once

#include <memory>
#include <string>

#include "skill_verifier/attest/check.hpp"
#include "skill_verifier/core/clock.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name
class App;
}

namespace skill_verifier::app {

/// What `skill-verifier check` was asked, as it stands on the command line.
struct CheckOptions {
  std::string input;  ///< file, `-` or URL
  std::string quote, event_log, vm_config;
  std::string package, compose, compose_hash, app_id, key_provider, os_image, measurements, mr_config, nonce;
  std::string collateral, pccs, at, accept, min_evaluation, trust_root;
  bool json = false;
};
void add_check_options(CLI::App& command, CheckOptions& options);
/// Only what the caller knows from elsewhere: --compose, --measurements, --trust-root and so on.
void add_pin_options(CLI::App& command, CheckOptions& options);
/// For the options so far: a variable of a script that is unset must not take a demand away.
void refuse_empty_values(CLI::App& command);
/// What the options pin, their files read; `input` may be the URL that the document comes from. Errors:
/// invalid_argument `usage`, and those of read_input and package_digests.
Result<attest::Expectations> read_expectations(const CheckOptions& options, core::Time now);
/// The report on a document in hand, which a service may have written as it liked; `pccs` (may be empty) is asked for
/// collateral. Errors: those of fetch_collateral.
Result<attest::CheckReport> check_document(const std::string& text, attest::Expectations expected,
                                           const std::string& pccs, core::Time now);

/// Exit codes of `check` beside the program's own.
enum CheckExit : int { exit_valid = 0, exit_invalid = 1, exit_incomplete = 2 };
int check_command(const CheckOptions& options);

struct InspectOptions {
  std::string quote;  ///< file, `-`: hexadecimal, binary, or any evidence that holds a quote
  bool json = false;
};
void add_inspect_options(CLI::App& command, InspectOptions& options);
int inspect_command(const InspectOptions& options);

}  // namespace skill_verifier::app
