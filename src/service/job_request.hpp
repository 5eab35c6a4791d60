#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/core/result.hpp"
#include "skill_verifier/core/trace.hpp"
#include "skill_verifier/skill/manifest.hpp"
#include "skill_verifier/skill/package.hpp"

namespace skill_verifier::service {

/// What a job is asked to do besides its pack: written once with the job, and all that a later life of the service
/// knows of it. Policy is no part of it: that is applied when the job runs.
struct JobRequest {
  std::string archive_name;  ///< empty for a directory
  std::optional<std::string> archive_sha256;
  std::string tree_digest;
  std::uint64_t pack_bytes = 0;
  std::optional<std::string> nonce;
  std::string request_id;  ///< of the HTTP request that submitted it: for log lines of whatever life runs it
  std::string trace_id;    ///< of the distributed trace that it belonged to; may be empty
  skill::Manifest manifest;
  std::vector<skill::Diagnostic> warnings;
  std::vector<skill::PackageNote> notes;
};

/// What a request has from its submission; the rest is the package's.
struct Origin {
  std::optional<std::string> nonce;
  std::string request_id;
  std::string trace_id;
};

/// JSON text for store::Job::request.
std::string to_json(const JobRequest& request);
/// The same in two steps: what all jobs of a package have in common, and that with what one of them has of its own.
std::string package_json(const JobRequest& request);
std::string join_request(std::string_view package, const Origin& origin);
/// Errors: internal `request_unreadable`.
Result<JobRequest> parse_job_request(std::string_view text);
/// For log lines; empty where the text has none, or is not readable.
std::string request_id_of(std::string_view text);
/// Both, as a binding for the lines about this job.
core::TraceBinding trace_of(std::string_view text);

}  // namespace skill_verifier::service
