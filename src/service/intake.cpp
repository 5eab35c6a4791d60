#include "service/intake.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <system_error>

#include "service/idempotency.hpp"
#include "service/skill_path.hpp"
#include "service/spool_file.hpp"
#include "skill_verifier/attest/statement.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/ids.hpp"

namespace skill_verifier::service {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxName = 128;
constexpr std::size_t kMaxVersion = 64;

bool is_printable_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7e; });
}

/// A name becomes the front of `name@version` and a subject's name: no separators of either, nothing invisible.
Result<void> check_name(const std::string& name) {
  const bool plain = core::is_utf8(name) && core::shorten(name, kMaxName) == name &&
                     name.find_first_of("@/\\ \t") == std::string::npos;
  if (!name.empty() && name.size() <= kMaxName && plain) return {};
  return Error{Errc::invalid_argument, "name_invalid",
               fmt::format("name '{}' is not 1 to {} bytes of text without spaces, '@', '/' and '\\'",
                           core::shorten(name), kMaxName)};
}

Result<void> check_version(const std::string& version) {
  const bool plain = is_printable_ascii(version) && version.find_first_of("@/\\ ") == std::string::npos;
  if (!version.empty() && version.size() <= kMaxVersion && plain) return {};
  return Error{Errc::invalid_argument, "version_invalid",
               fmt::format("version '{}' is not 1 to {} printable ASCII characters without spaces, '@', '/' and '\\'",
                           core::shorten(version), kMaxVersion)};
}

/// An archive at a path is copied first: what is hashed and what is expanded must be the same bytes, whoever writes to
/// the original meanwhile.
Result<skill::Package> import_archive_at(const fs::path& path, const ServiceOptions& options, const fs::path& spool,
                                         const fs::path& pack) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (!error && size > options.package.archive_bytes)
    return Error{Errc::too_large, "archive_too_large",
                 fmt::format("archive has {} bytes, allowed are {}", size, options.package.archive_bytes)};
  const SpoolFile copy(spool / core::random_hex(16));
  if (!error) fs::copy_file(path, copy.path(), error);
  if (error)
    return Error{Errc::unavailable, "skill_path_unreadable",
                 fmt::format("cannot read the archive: {}", error.message())};
  return skill::import_archive(copy.path(), path.filename().string(), pack, options.package);
}

Result<skill::Package> import_path(const std::string& path, const ServiceOptions& options, const fs::path& spool,
                                   const fs::path& pack) {
  SKILL_VERIFIER_TRY(const fs::path real, resolve_skill_path(path, options));
  std::error_code error;
  const auto status = fs::status(real, error);
  if (fs::is_directory(status)) return skill::import_directory(real, pack, options.package);
  if (fs::is_regular_file(status)) return import_archive_at(real, options, spool, pack);
  return Error{Errc::rejected, "skill_path_not_package",
               fmt::format("skill path '{}' is neither a folder nor an archive", core::shorten(path))};
}

}  // namespace

Result<void> check_submission(const Submission& submission) {
  if (submission.archive.has_value() == submission.skill_path.has_value())
    return Error{Errc::invalid_argument, "submission_invalid", "give either an archive or a skill path"};
  if (submission.idempotency_key)
    if (auto valid = check_idempotency_key(*submission.idempotency_key); !valid) return valid;
  if (submission.nonce)
    if (auto valid = attest::check_nonce(*submission.nonce); !valid) return valid;
  if (submission.name)
    if (auto valid = check_name(*submission.name); !valid) return valid;
  if (submission.version)
    if (auto valid = check_version(*submission.version); !valid) return valid;
  return {};
}

Result<JobRequest> take_in(const Submission& submission, const ServiceOptions& options, const fs::path& spool,
                           const fs::path& pack) {
  SKILL_VERIFIER_TRY(auto package,
                     submission.archive
                         ? skill::import_archive(*submission.archive, submission.archive_name, pack, options.package)
                         : import_path(*submission.skill_path, options, spool, pack));
  skill::ManifestOptions reading;
  reading.profile = options.profile;
  reading.discover = submission.discover;
  reading.version = submission.version;
  reading.name = submission.name;
  auto report = skill::read_manifest(skill::view_of(package), reading);
  if (report.refusal) return skill::to_error(*report.refusal);

  JobRequest request;
  request.archive_name = std::move(package.archive_name);
  request.archive_sha256 = std::move(package.archive_sha256);
  request.tree_digest = std::move(package.tree_digest);
  request.pack_bytes = package.pack_bytes;
  request.nonce = submission.nonce;
  request.request_id = submission.request_id;
  request.manifest = std::move(*report.manifest);
  request.warnings = std::move(report.warnings);
  request.notes = std::move(package.notes);
  return request;
}

}  // namespace skill_verifier::service
