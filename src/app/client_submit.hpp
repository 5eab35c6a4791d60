#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "app/check_command.hpp"
#include "app/client_service.hpp"
#include "app/scratch.hpp"

namespace skill_verifier::app {

struct SubmitOptions {
  std::string path;
  std::string nonce, name, version, idempotency_key;
  bool discover = false, private_job = false, fresh = false;
  bool wait = false, check = false;
  CheckOptions pins;  ///< of --check
};

/// What is sent, and what the answer is compared with.
struct PreparedSubmission {
  SubmitFields fields;
  std::filesystem::path archive;
  std::uint64_t bytes = 0;
  std::optional<attest::Expectations> expected;  ///< of --check: pins, package in hand, nonce
};
/// A folder is packed into `scratch`; an archive goes out as it is. With --check the package's digests are taken here,
/// by the intake's own code, and a nonce is made where none was given. Errors: those of skill::import_directory,
/// import_archive and read_expectations.
Result<PreparedSubmission> prepare(const SubmitOptions& options, const Scratch& scratch, core::Time now);

}  // namespace skill_verifier::app
