#include "service/intake.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <system_error>

#include "service/file_digest.hpp"
#include "service/idempotency.hpp"
#include "service/skill_path.hpp"
#include "service/spool_file.hpp"
#include "skill_verifier/attest/statement.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/ids.hpp"
#include "skill_verifier/core/sha2.hpp"
#include "skill_verifier/skill/small_archive.hpp"

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

/// One submission on its way to a job.
class Intake {
 public:
  Intake(const Submission& submission, const ServiceOptions& options, const fs::path& spool, const fs::path& pack,
         KnownPackages& known)
      : submission_(submission), options_(options), spool_(spool), pack_(pack), known_(known) {}

  Result<TakenIn> take_folder(const fs::path& real) {
    auto key = KnownPackages::folder_key(real, submission_);
    if (const auto entry = known_.find(key)) return KnownPackages::take(entry);
    const auto begun = std::chrono::system_clock::now();
    SKILL_VERIFIER_TRY(auto package, skill::import_directory(real, pack_, options_.package));
    auto stamp = TreeStamp::take(real, package, begun);
    SKILL_VERIFIER_TRY(auto taken, read(std::move(package)));
    if (stamp) known_.keep(std::move(key), taken, std::move(stamp), 0);
    return taken;
  }

  Result<TakenIn> take_archive_file(const fs::path& file) {
    std::error_code unknown;
    const auto size = fs::file_size(file, unknown);
    if (!unknown && known_.has_archive_of(size)) {
      SKILL_VERIFIER_TRY(const auto sha256, sha256_of(file));
      if (const auto entry = known_.find(KnownPackages::archive_key(core::to_hex(sha256), submission_)))
        return KnownPackages::take(entry);
    }
    return keep(skill::import_archive(file, submission_.archive_name, pack_, options_.package), unknown ? 0 : size);
  }

  Result<TakenIn> take_archive_bytes(const std::string& bytes) {
    if (const auto entry = known_.find(KnownPackages::archive_key(core::sha256_hex(bytes), submission_)))
      return KnownPackages::take(entry);
    return keep(skill::import_archive_bytes(bytes, submission_.archive_name, pack_, options_.package), bytes.size());
  }

  Result<TakenIn> take_path(const std::string& path) {
    SKILL_VERIFIER_TRY(const fs::path real, resolve_skill_path(path, options_));
    std::error_code error;
    const auto status = fs::status(real, error);
    if (fs::is_directory(status)) return take_folder(real);
    if (!fs::is_regular_file(status))
      return Error{Errc::rejected, "skill_path_not_package",
                   fmt::format("skill path '{}' is neither a folder nor an archive", core::shorten(path))};
    SKILL_VERIFIER_TRY(auto package, import_archive_at(real, options_, spool_, pack_));
    return read(std::move(package));
  }

 private:
  Result<TakenIn> keep(Result<skill::Package> package, std::uint64_t size) {
    if (!package) return package.error();
    SKILL_VERIFIER_TRY(auto taken, read(std::move(*package)));
    known_.keep(KnownPackages::archive_key(*taken.request->archive_sha256, submission_), taken, std::nullopt, size);
    return taken;
  }

  Result<TakenIn> read(skill::Package package) const {
    skill::ManifestOptions reading;
    reading.profile = options_.profile;
    reading.discover = submission_.discover;
    reading.version = submission_.version;
    reading.name = submission_.name;
    auto report = skill::read_manifest(skill::view_of(package), reading);
    if (report.refusal) return skill::to_error(*report.refusal);

    JobRequest request;
    request.archive_name = std::move(package.archive_name);
    request.archive_sha256 = std::move(package.archive_sha256);
    request.tree_digest = std::move(package.tree_digest);
    request.pack_bytes = package.pack_bytes;
    request.manifest = std::move(*report.manifest);
    request.warnings = std::move(report.warnings);
    request.notes = std::move(package.notes);
    return taken_in(std::move(request), pack_);
  }

  const Submission& submission_;
  const ServiceOptions& options_;
  const fs::path& spool_;
  const fs::path& pack_;
  KnownPackages& known_;
};

}  // namespace

Result<void> check_submission(const Submission& submission) {
  const int given = int{submission.archive.has_value()} + int{submission.archive_bytes.has_value()} +
                    int{submission.skill_path.has_value()};
  if (given != 1) return Error{Errc::invalid_argument, "submission_invalid", "give either an archive or a skill path"};
  if (submission.is_private && submission.owner.empty())
    return Error{Errc::invalid_argument, "visibility_invalid", "a private job needs an API key to be private to",
                 "send a key, or leave visibility out"};
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

Result<std::optional<store::Webhook>> webhook_of(const Submission& submission, const WebhookOptions& options) {
  if (!submission.webhook) {
    if (submission.webhook_secret)
      return Error{Errc::invalid_argument, "webhook_invalid", "a webhookSecret is given without a webhook",
                   "name the URL as the member webhook"};
    return std::optional<store::Webhook>();
  }
  if (!options.submissions)
    return Error{Errc::rejected, "webhooks_disabled", "this service takes no webhooks from submissions",
                 "wait with GET /verify/{jobId}?wait=30 instead"};
  SKILL_VERIFIER_TRY(auto webhook, parse_webhook(*submission.webhook, options));
  if (submission.webhook_secret) {
    SKILL_VERIFIER_TRY_VOID(parse_webhook_secrets(*submission.webhook_secret));
    webhook.secrets = *submission.webhook_secret;
  } else if (options.secrets.empty()) {
    return Error{Errc::invalid_argument, "webhook_secret_missing", "there is no secret to sign the webhook with",
                 "give one as the member webhookSecret: echo whsec_$(head -c 32 /dev/urandom | base64)"};
  }
  return std::optional(std::move(webhook));
}

Result<TakenIn> take_in(const Submission& submission, const ServiceOptions& options, const fs::path& spool,
                        const fs::path& pack, KnownPackages& known) {
  const SpoolFile archive(submission.archive.value_or(fs::path()));
  Intake intake(submission, options, spool, pack, known);
  if (submission.archive) return intake.take_archive_file(*submission.archive);
  if (submission.archive_bytes) return intake.take_archive_bytes(*submission.archive_bytes);
  return intake.take_path(*submission.skill_path);
}

}  // namespace skill_verifier::service
