#pragma once

#include <string>
#include <string_view>

#include "http/form.hpp"
#include "http/message.hpp"
#include "http/problem.hpp"
#include "skill_verifier/service/service.hpp"

/// What one submission and a batch of them have in common.
namespace skill_verifier::http {

inline constexpr std::size_t kMaxFieldBytes = 4096;
inline constexpr std::size_t kMaxFilename = 255;
inline constexpr std::string_view kArchiveField = "skill";

Error no_skill();
Error spool_full();
/// The last segment of what the client calls the file, whichever separator its system has.
std::string archive_name(std::string_view filename);
/// Who asks, as far as that can be told: an API key, or an address that is not this machine's.
std::string client_of(const Request& request);
/// With whose it is and what it is traced by.
service::Submission to_submission(SubmissionForm form, const Request& request);
Problem submit_problem(const Error& error);

/// Counts an upload while it lasts.
class UploadSlot {
 public:
  explicit UploadSlot(std::size_t& count) : count_(&count) { ++count; }
  ~UploadSlot() { --*count_; }
  UploadSlot(const UploadSlot&) = delete;
  UploadSlot& operator=(const UploadSlot&) = delete;

 private:
  std::size_t* count_;
};

}  // namespace skill_verifier::http
