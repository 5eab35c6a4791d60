#include "skill_verifier/auth/audit_log.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>
#include <vector>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/json.hpp"
#include "skill_verifier/core/log.hpp"

namespace skill_verifier::auth {
namespace {

constexpr std::size_t kMostMember = 200;
constexpr std::size_t kMostAtOnce = 64;

Error failure(std::string_view what, int error) {
  return {Errc::unavailable, "audit_failed",
          fmt::format("the audit log cannot be {}: {}", what, std::generic_category().message(error)),
          "check audit.file, its directory and its disk"};
}

int open_file(const std::filesystem::path& file) {
  return ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

}  // namespace

std::string to_line(const AuditRecord& record) {
  core::OrderedJson object;
  object["time"] = core::to_rfc3339(record.time);
  const auto add = [&object](const char* name, const std::string& value) {
    if (!value.empty()) object[name] = core::shorten(value, kMostMember);
  };
  add("action", record.action);
  add("outcome", record.outcome);
  if (record.status != 0) object["status"] = record.status;
  add("code", record.code);
  add("requestId", record.request_id);
  add("keyId", record.key_id);
  add("address", record.address);
  add("jobId", record.job_id);
  add("detail", record.detail);
  return core::dump_json(object) + "\n";
}

AuditLog::AuditLog(std::filesystem::path file, AuditSync sync, int descriptor)
    : file_(std::move(file)),
      sync_(sync),
      descriptor_(descriptor),
      line_(thread_, kMostAtOnce, [this](Batch batch) { write(batch); }) {}

AuditLog::~AuditLog() {
  thread_.join();
  ::fdatasync(descriptor_);
  ::close(descriptor_);
}

Result<std::unique_ptr<AuditLog>> AuditLog::open(std::filesystem::path file, AuditSync sync) {
  const int descriptor = open_file(file);
  if (descriptor < 0) return failure("opened", errno);
  return std::unique_ptr<AuditLog>(new AuditLog(std::move(file), sync, descriptor));
}

Result<void> AuditLog::write(const AuditRecord& record) {
  const auto pending = std::make_shared<Pending>(Pending{{record}, {}});
  write(Batch(&pending, 1));
  return pending->written;
}

void AuditLog::write(Batch batch) {
  const std::lock_guard lock(mutex_);
  std::string text(is_cut_ ? "\n" : "");
  std::vector<std::size_t> ends;
  for (const auto& pending : batch) {
    for (const AuditRecord& record : pending->records)
      text += to_line(record);
    ends.push_back(text.size());
  }
  const ssize_t count = ::write(descriptor_, text.data(), text.size());
  const int error = count < 0 ? errno : ENOSPC;
  const auto written = static_cast<std::size_t>(std::max<ssize_t>(count, 0));
  // Half a line would take the next one with it.
  if (written > 0) is_cut_ = text[written - 1] != '\n' && ::write(descriptor_, "\n", 1) != 1;
  const int unflushed = sync_ == AuditSync::always && ::fdatasync(descriptor_) != 0 ? errno : 0;
  for (std::size_t i = 0; i < batch.size(); ++i)
    if (ends[i] > written)
      batch[i]->written = failure("written", error);
    else if (unflushed != 0)
      batch[i]->written = failure("flushed", unflushed);
}

core::awaitable<void> AuditLog::record(AuditRecord record) {
  std::vector<AuditRecord> one;
  one.push_back(std::move(record));
  co_await this->record(std::move(one));
}

core::awaitable<void> AuditLog::record(std::vector<AuditRecord> records) {
  const auto pending = std::make_shared<Pending>(Pending{std::move(records), {}});
  co_await line_.pass(pending);
  if (pending->written) co_return;
  for (const AuditRecord& record : pending->records)
    log::error("audit record lost", {{"message", pending->written.error().message}, {"record", to_line(record)}});
}

Result<void> AuditLog::reopen() {
  const int descriptor = open_file(file_);
  if (descriptor < 0) return failure("opened", errno);
  const std::lock_guard lock(mutex_);
  ::fdatasync(descriptor_);
  ::close(std::exchange(descriptor_, descriptor));
  is_cut_ = false;
  return {};
}

}  // namespace skill_verifier::auth
