#pragma once

#include <optional>
#include <string>

#include "skill_verifier/service/idempotency_key.hpp"
#include "skill_verifier/service/service.hpp"

namespace skill_verifier::service {

/// How long a key stands for its job.
inline constexpr std::chrono::hours kKeyLife{24};

/// SHA-256 of what is asked for, however it was sent: the package's bytes and file name, or the path as it was given,
/// and every member; in canonical JSON, see the descriptions of POST /verify. Reads the archive: blocking. Errors:
/// unavailable `archive_unreadable`.
Result<std::string> request_digest(const Submission& submission);

/// The answer for a key that stands for a job already. Errors: rejected `idempotency_key_reused` when it was used with
/// another request.
Result<void> check_same_request(const store::KeyedJob& known, const std::string& digest);

/// What the acknowledgement of a submission needs: a hundred whole results at once would be a lot of memory.
store::Job without_documents(store::Job job);

}  // namespace skill_verifier::service
