#pragma once

#include <filesystem>

#include "service/job_request.hpp"
#include "service/known_packages.hpp"
#include "skill_verifier/service/service.hpp"

namespace skill_verifier::service {

/// The fields of a submission that need no look at the package. Errors: invalid_argument `submission_invalid`,
/// `nonce_invalid`, `name_invalid`, `version_invalid`.
Result<void> check_submission(const Submission& submission);

/// Whom the job's messages go to, when the submission says so. Errors: rejected `webhooks_disabled`, invalid_argument
/// `webhook_invalid`, `webhook_secret_invalid`, `webhook_secret_missing`.
Result<std::optional<store::Webhook>> webhook_of(const Submission& submission, const WebhookOptions& options);

/// Reads the package into `pack` (in `spool`) and its manifest, or finds both among the known ones. Removes an archive
/// that is a file. Blocking. On failure `pack` may be left behind: the caller removes it. Errors: those of
/// Service::submit about package, path and manifest.
Result<TakenIn> take_in(const Submission& submission, const ServiceOptions& options, const std::filesystem::path& spool,
                        const std::filesystem::path& pack, KnownPackages& known);

}  // namespace skill_verifier::service
