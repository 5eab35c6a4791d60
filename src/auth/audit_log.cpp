#include "skill_verifier/auth/audit_log.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/json.hpp"
#include "skill_verifier/core/log.hpp"

namespace skill_verifier::auth {
namespace {

constexpr std::size_t kMostMember = 200;

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
    : file_(std::move(file)), sync_(sync), descriptor_(descriptor) {}

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
  return write(std::span(&record, 1));
}

Result<void> AuditLog::write(std::span<const AuditRecord> records) {
  std::string lines;
  for (const AuditRecord& record : records)
    lines += to_line(record);
  const std::lock_guard lock(mutex_);
  const ssize_t written = ::write(descriptor_, lines.data(), lines.size());
  if (written < 0) return failure("written", errno);
  // Half a line would take the next one with it.
  if (static_cast<std::size_t>(written) != lines.size()) {
    if (::write(descriptor_, "\n", 1) != 1) return failure("written", errno);
    return failure("written", ENOSPC);
  }
  if (sync_ == AuditSync::always && ::fdatasync(descriptor_) != 0) return failure("flushed", errno);
  return {};
}

core::awaitable<void> AuditLog::record(AuditRecord record) {
  std::vector<AuditRecord> one;
  one.push_back(std::move(record));
  co_await this->record(std::move(one));
}

core::awaitable<void> AuditLog::record(std::vector<AuditRecord> records) {
  const auto shared = std::make_shared<const std::vector<AuditRecord>>(std::move(records));
  auto work = [this, shared] { return write(*shared); };
  const auto written = co_await core::run_on(thread_, std::move(work));
  if (written) co_return;
  for (const AuditRecord& record : *shared)
    log::error("audit record lost", {{"message", written.error().message}, {"record", to_line(record)}});
}

Result<void> AuditLog::reopen() {
  const int descriptor = open_file(file_);
  if (descriptor < 0) return failure("opened", errno);
  const std::lock_guard lock(mutex_);
  ::fdatasync(descriptor_);
  ::close(std::exchange(descriptor_, descriptor));
  return {};
}

}  // namespace skill_verifier::auth
