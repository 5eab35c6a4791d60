#include "service/idempotency.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/json.hpp"
#include "skill_verifier/core/sha2.hpp"

namespace skill_verifier::service {
namespace {

constexpr std::size_t kMaxKey = 255;
constexpr std::size_t kBlock = 64u << 10;

Result<std::string> file_sha256(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  core::Sha256 digest;
  std::string block(kBlock, '\0');
  while (file) {
    file.read(block.data(), static_cast<std::streamsize>(block.size()));
    digest.update(core::as_bytes(std::string_view(block).substr(0, static_cast<std::size_t>(file.gcount()))));
  }
  if (!file.eof()) return Error{Errc::unavailable, "archive_unreadable", "cannot read the archive that was received"};
  return core::to_hex(digest.finish());
}

}  // namespace

Result<void> check_idempotency_key(const std::string& key) {
  const bool printable = std::ranges::all_of(key, [](char c) { return c >= 0x20 && c <= 0x7e; });
  if (!key.empty() && key.size() <= kMaxKey && printable) return {};
  return Error{Errc::invalid_argument, "idempotency_key_invalid",
               fmt::format("Idempotency-Key '{}' has {} bytes and is not 1 to {} printable ASCII characters",
                           core::shorten(key), key.size(), kMaxKey),
               "use a fresh UUID for each thing that you want done once"};
}

Result<std::string> request_digest(const Submission& submission) {
  core::Json canonical{{"version", 1},
                       {"discover", submission.discover},
                       {"fresh", submission.fresh},
                       {"private", submission.is_private}};
  // A batch of another length is another request, whatever stands in this place of it.
  if (submission.batch != 0) canonical["batch"] = submission.batch;
  const auto add = [&canonical](const char* name, const std::optional<std::string>& value) {
    canonical[name] = value ? core::Json(*value) : core::Json(nullptr);
  };
  add("skillPath", submission.skill_path);
  add("nonce", submission.nonce);
  add("skillVersion", submission.version);
  add("name", submission.name);
  add("webhook", submission.webhook);
  add("webhookSecret", submission.webhook_secret);
  if (submission.archive) {
    SKILL_VERIFIER_TRY(canonical["archiveSha256"], file_sha256(*submission.archive));
  } else if (submission.archive_bytes) {
    canonical["archiveSha256"] = core::sha256_hex(*submission.archive_bytes);
  }
  if (!submission.skill_path) canonical["archiveName"] = submission.archive_name;
  return core::sha256_hex(core::dump_json(canonical));
}

Result<void> check_same_request(const store::KeyedJob& known, const std::string& digest) {
  if (known.request_sha256 == digest) return {};
  return Error{Errc::rejected, "idempotency_key_reused",
               fmt::format("this Idempotency-Key stands for job {}, which was asked for with another body", known.id),
               "use a new key for a new request"};
}

store::Job without_documents(store::Job job) {
  for (std::string* text : {&job.request, &job.result, &job.statement, &job.error})
    *text = {};
  return job;
}

}  // namespace skill_verifier::service
