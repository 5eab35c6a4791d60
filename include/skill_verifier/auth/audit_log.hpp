#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "skill_verifier/core/batch_line.hpp"
#include "skill_verifier/core/clock.hpp"

namespace skill_verifier::auth {

/// Who did what, and what came of it. Members that are empty (or 0) are left out of the line.
struct AuditRecord {
  core::Time time{};
  std::string action;   ///< `job.submit`, `job.delete`, `key.create`, `key.configure`, `key.revoke`, `key.rotate`
  std::string outcome;  ///< `accepted`, `refused`, `failed`
  int status = 0;       ///< of the HTTP answer
  std::string code;     ///< of a refusal or failure
  std::string request_id;
  std::string key_id;   ///< whose key asked; for `key.…` the key that was changed
  std::string address;  ///< of the client; empty for the command line
  std::string job_id;
  std::string detail;  ///< of a `job.delete` without a request: `retention: ` and what asked for it
};
/// One JSON object and a line feed. Whatever the members hold, there is no other line feed in it, and no member is
/// longer than 200 bytes.
std::string to_line(const AuditRecord& record);

enum class AuditSync {
  kernel,  ///< written before the answer is sent: survives the end of the program, not that of the machine
  always,  ///< also flushed to the disk before the answer is sent
};

/// A file to which whole lines are appended with one write, so that several processes can share it. It is never read,
/// truncated or renamed here.
class AuditLog {
 public:
  /// Made for this user only. Errors: unavailable `audit_failed`.
  static Result<std::unique_ptr<AuditLog>> open(std::filesystem::path file, AuditSync sync);
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  /// Blocking, from any thread. Errors: unavailable `audit_failed`.
  Result<void> write(const AuditRecord& record);
  /// The same on a thread of its own, with one write (and flush) for all that came while it was at work; what could not
  /// be written is logged.
  core::awaitable<void> record(AuditRecord record);
  core::awaitable<void> record(std::vector<AuditRecord> records);
  /// Goes on in the file that the name means now, after somebody has renamed the old one. When that fails the old file
  /// is kept. Blocking, from any thread. Errors: unavailable `audit_failed`.
  Result<void> reopen();

 private:
  struct Pending {
    std::vector<AuditRecord> records;
    Result<void> written;
  };
  using Batch = core::BatchLine<Pending>::Batch;

  AuditLog(std::filesystem::path file, AuditSync sync, int descriptor);
  void write(Batch batch);

  const std::filesystem::path file_;
  const AuditSync sync_;
  std::mutex mutex_;
  int descriptor_;
  bool is_cut_ = false;  ///< what was written last is half a line
  core::WorkPool thread_{1};
  core::BatchLine<Pending> line_;
};

}  // namespace skill_verifier::auth
