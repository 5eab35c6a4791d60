#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "http/form.hpp"
#include "http/message.hpp"
#include "http/multipart.hpp"
#include "http/spool_file.hpp"
#include "skill_verifier/service/service.hpp"

namespace skill_verifier::http {

/// Where the parts of a batch's form go as they arrive: each part `skill` begins a submission, the fields after it are
/// that one's, the fields before the first are everybody's. Removes the files of what was not handed out.
class BatchForm {
 public:
  /// `request` outlives it.
  BatchForm(core::WorkPool& pool, std::filesystem::path spool, const Request& request)
      : pool_(pool), spool_(std::move(spool)), request_(request) {}
  BatchForm(const BatchForm&) = delete;
  BatchForm& operator=(const BatchForm&) = delete;
  ~BatchForm();

  /// Errors: those that spoil the whole batch: of the spool, invalid_argument `batch_size_invalid`, too_large
  /// `field_too_large`.
  awaitable<Result<void>> handle(MultipartEvent event);
  /// Errors: invalid_argument `batch_size_invalid` without a single part `skill`.
  Result<std::vector<Result<service::Submission>>> finish();

 private:
  struct Item {
    SubmissionForm form;
    std::filesystem::path file;
    std::string filename;
    std::optional<Error> fault;
  };
  awaitable<Result<void>> begin(MultipartPart part);
  awaitable<Result<void>> end();

  core::WorkPool& pool_;
  std::filesystem::path spool_;
  const Request& request_;
  Item everybody_;
  std::vector<Item> items_;
  std::string name_, text_;
  std::optional<SpoolFile> file_;
};

}  // namespace skill_verifier::http
