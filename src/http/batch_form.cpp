#include "http/batch_form.hpp"

#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "http/json_views.hpp"
#include "http/submission.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::http {
namespace {

Error wrong_size(std::size_t size) {
  return Error(
      Errc::invalid_argument, "batch_size_invalid",
      "the form has " + std::to_string(size) + " parts 'skill', allowed are 1 to " + std::to_string(kMaxBatch));
}

/// Members that a submission does not give itself.
SubmissionForm with_defaults(SubmissionForm own, const SubmissionForm& everybody) {
  if (!own.nonce) own.nonce = everybody.nonce;
  if (!own.version) own.version = everybody.version;
  if (!own.name) own.name = everybody.name;
  if (!own.discover) own.discover = everybody.discover;
  if (!own.fresh) own.fresh = everybody.fresh;
  if (!own.is_private) own.is_private = everybody.is_private;
  if (!own.webhook) own.webhook = everybody.webhook;
  if (!own.webhook_secret) own.webhook_secret = everybody.webhook_secret;
  return own;
}

}  // namespace

BatchForm::~BatchForm() {
  std::vector<std::filesystem::path> files;
  for (auto& item : items_)
    if (!item.file.empty()) files.push_back(std::move(item.file));
  if (files.empty()) return;
  // Up to a hundred, and large ones.
  pool_.post([files = std::move(files)] {
    std::error_code ignored;
    for (const auto& file : files)
      std::filesystem::remove(file, ignored);
  });
}

awaitable<Result<void>> BatchForm::handle(MultipartEvent event) {
  if (event.kind == MultipartEvent::Kind::part) co_return co_await begin(std::move(event.part));
  if (event.kind == MultipartEvent::Kind::part_end) co_return co_await end();
  if (event.kind != MultipartEvent::Kind::data) co_return Result<void>();
  if (file_) co_return co_await file_->append(event.data);
  if (text_.size() + event.data.size() > kMaxFieldBytes)
    co_return Error(Errc::too_large, "field_too_large",
                    core::shorten(name_) + " is longer than " + std::to_string(kMaxFieldBytes) + " bytes");
  text_ += event.data;
  co_return Result<void>();
}

awaitable<Result<void>> BatchForm::begin(MultipartPart part) {
  name_ = std::move(part.name);
  text_.clear();
  if (name_ != kArchiveField) co_return Result<void>();
  if (items_.size() >= kMaxBatch) co_return wrong_size(items_.size() + 1);
  auto file = co_await SpoolFile::create(pool_, spool_);
  if (!file) co_return file.error();
  file_.emplace(std::move(*file));
  items_.emplace_back().filename = archive_name(part.filename.value_or(""));
  co_return Result<void>();
}

awaitable<Result<void>> BatchForm::end() {
  if (file_) {
    auto path = co_await file_->finish();
    file_.reset();
    if (!path) co_return path.error();
    items_.back().file = std::move(*path);
    co_return Result<void>();
  }
  Item& item = items_.empty() ? everybody_ : items_.back();
  const auto set = set_text_member(item.form, name_, std::move(text_), MemberPlace::form);
  if (!set && !item.fault) item.fault = set.error();
  co_return Result<void>();
}

Result<std::vector<Result<service::Submission>>> BatchForm::finish() {
  if (everybody_.fault) return *everybody_.fault;
  if (items_.empty()) return wrong_size(0);
  std::vector<Result<service::Submission>> submissions;
  for (auto& item : items_) {
    if (item.fault) {
      submissions.emplace_back(*item.fault);
      continue;
    }
    auto submission = to_submission(with_defaults(std::move(item.form), everybody_.form), request_);
    submission.archive = std::move(item.file);
    item.file.clear();
    submission.archive_name = std::move(item.filename);
    submissions.emplace_back(std::move(submission));
  }
  return submissions;
}

}  // namespace skill_verifier::http
