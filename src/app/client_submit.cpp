#include "app/client_submit.hpp"

#include "app/check_inputs.hpp"
#include "skill_verifier/attest/statement.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/ids.hpp"
#include "skill_verifier/skill/package.hpp"
#include "skill_verifier/skill/package_tar.hpp"

namespace skill_verifier::app {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kNonceBytes = 16;
constexpr std::size_t kKeyBytes = 16;

Result<void> pack_folder(const fs::path& folder, const fs::path& scratch, PreparedSubmission& prepared) {
  SKILL_VERIFIER_TRY(const auto package, skill::import_directory(folder, scratch / "pack", skill::PackageLimits{}));
  prepared.archive = scratch / "skill.tar.gz";
  SKILL_VERIFIER_TRY_VOID(skill::write_tar_gz(package, prepared.archive));
  prepared.fields.filename = folder.filename().string() + ".tar.gz";
  prepared.fields.content_type = "application/gzip";
  return {};
}

}  // namespace

Result<PreparedSubmission> prepare(const SubmitOptions& options, const Scratch& scratch, core::Time now) {
  if (scratch.path().empty()) return Error{Errc::unavailable, "no temporary directory to work in"};
  PreparedSubmission prepared;
  std::error_code error;
  const fs::path given = fs::canonical(options.path, error);
  if (error) return Error(Errc::not_found, "path_not_found", "'" + core::shorten(options.path) + "' does not exist");
  prepared.fields.nonce = options.nonce;
  prepared.fields.name = options.name;
  prepared.fields.version = options.version;
  prepared.fields.discover = options.discover;
  prepared.fields.private_job = options.private_job;
  prepared.fields.fresh = options.fresh;
  prepared.fields.idempotency_key =
      options.idempotency_key.empty() ? core::random_hex(kKeyBytes) : options.idempotency_key;
  if (options.check && options.nonce.empty()) prepared.fields.nonce = core::random_hex(kNonceBytes);
  if (!prepared.fields.nonce.empty()) SKILL_VERIFIER_TRY_VOID(attest::check_nonce(prepared.fields.nonce));
  if (options.check) {
    SKILL_VERIFIER_TRY(prepared.expected, read_expectations(options.pins, now));
    // Whoever waits for an answer to a nonce of now has no use for a time that the document claims.
    if (!prepared.expected->at)
      prepared.expected->at = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
    prepared.expected->kind = attest::EvidenceKind::job_document;
    prepared.expected->nonce = prepared.fields.nonce;
  }

  if (fs::is_directory(given, error)) {
    const auto packed = pack_folder(given, scratch.path(), prepared);
    if (!packed) return core::with_context(packed.error(), core::shorten(options.path));
  } else {
    prepared.archive = given;
    prepared.fields.filename = given.filename().string();
    prepared.fields.content_type = "application/octet-stream";
  }
  if (prepared.expected) {
    auto digests = package_digests(prepared.archive.string());
    if (!digests) return std::move(digests).error();
    prepared.expected->package = std::move(*digests);
  }
  prepared.bytes = fs::file_size(prepared.archive, error);
  if (error) return Error(Errc::not_found, "input_unreadable", "'" + core::shorten(options.path) + "' cannot be read");
  return prepared;
}

}  // namespace skill_verifier::app
