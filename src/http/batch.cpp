#include <fmt/core.h>

#include <algorithm>

#include "http/answer.hpp"
#include "http/api.hpp"
#include "http/batch_form.hpp"
#include "http/header_value.hpp"
#include "http/json_views.hpp"
#include "http/submission.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/sha2.hpp"

namespace skill_verifier::http {
namespace {

/// A hundred submissions with a path and every other member.
constexpr std::uint64_t kBatchJsonBytes = 512u << 10;
constexpr std::uint64_t kSubjectsBytes = 16u << 10;
constexpr std::chrono::hours kLookAgain{1};

std::string content_type_of(const Request& request) {
  const auto type = parse_header_value(request.head.field("Content-Type"));
  return type ? type->value : std::string();
}

Error unsupported_type(const Request& request, std::string_view accepted) {
  return Error(Errc::unsupported, "content_type_unsupported",
               "Content-Type is " + core::shorten(request.head.field("Content-Type")) + ", not one that is accepted",
               std::string(accepted));
}

/// Where a retried batch finds each of its jobs again.
std::string key_of_item(const std::string& key, std::size_t index) {
  return fmt::format("batch {} {}", core::sha256_hex(key), index);
}

/// One of a batch: what the others do is nothing to it.
awaitable<void> submit_item(Backend& backend, service::Submission submission, BatchItem& item) {
  auto submitting = backend.submit(std::move(submission));
  auto job = co_await std::move(submitting);
  if (job)
    item.job = std::move(*job);
  else
    item.problem = submit_problem(job.error());
}

bool matches(std::string_view field, std::string_view tag) {
  if (field == "*") return true;
  for (auto at = field.find(tag); at != std::string_view::npos; at = field.find(tag, at + 1)) {
    const std::string_view after = field.substr(at + tag.size());
    if (after.empty() || after.front() == ',' || after.front() == ' ') return true;
  }
  return false;
}

}  // namespace

awaitable<Response> Api::submit_batch(Request& request) {
  const auto refused = [&request](const Error& error) { return refuse(submit_problem(error), request); };
  if (!request.head.query.empty())
    co_return refused(Error(Errc::invalid_argument, "query_invalid", "a batch has its members in the body alone",
                            "leave out what follows the question mark"));
  const auto key = idempotency_key(request.head);
  if (!key) co_return refused(key.error());
  std::optional<KeyInFlight> in_flight;
  if (*key) {
    const KeyOfOwner place{client_of(request), "batch " + **key};
    if (const auto found = keys_.find(place); found != keys_.end())
      co_return refuse(key_in_flight(found->second), request);
    in_flight.emplace(keys_, place, std::string());
  }
  std::optional<ByteBudget::Reservation> held;
  auto submissions = co_await receive_batch(request, held);
  if (!submissions) co_return refused(submissions.error());

  // All at once, so that they share the store's commits. What was begun is carried through.
  co_await core::shield_from_cancellation();
  std::vector<BatchItem> items(submissions->size());
  const auto executor = co_await core::asio::this_coro::executor;
  core::TaskGroup group(executor);
  for (std::size_t i = 0; i < items.size(); ++i) {
    auto& submission = submissions->at(i);
    if (!submission) {
      items[i].problem = submit_problem(submission.error());
      continue;
    }
    if (*key) submission->idempotency_key = key_of_item(**key, i);
    submission->batch = items.size();
    items[i].problem = Problem(500, "internal", "the submission could not be taken in because of a fault of ours");
    // The first was counted when the request was let in.
    if (auto counted = i == 0 ? tl::expected<void, Problem>() : gate_.admit_another(request.caller); !counted) {
      items[i].problem = std::move(counted.error());
      co_await discard(std::move(*submission));
      continue;
    }
    group.spawn("batch", submit_item(backend_, std::move(*submission), items[i]));
  }
  bool done = false;
  while (!done)
    done = co_await group.wait(kLookAgain);
  std::vector<Gate::Audited> audited;
  audited.reserve(items.size());
  for (const auto& item : items)
    audited.push_back(item.job ? Gate::Audited{202, {}, item.job->id}
                               : Gate::Audited{item.problem->status, item.problem->code, {}});
  co_await gate_.audit(request, auth::Operation::submit, std::move(audited), clock_.now());
  Response response = json_response(200, batch_json(items));
  const auto is_replayed = [](const BatchItem& item) { return item.job && item.job->replayed; };
  const auto is_other = [](const BatchItem& item) {
    return item.problem && item.problem->code == "idempotency_key_reused";
  };
  const auto is_new = [](const BatchItem& item) { return item.job && !item.job->replayed; };
  const auto other = std::ranges::find_if(items, is_other);
  // The key stands for another batch, of which nothing was done again.
  if (other != items.end() && std::ranges::none_of(items, is_new)) co_return refuse(*other->problem, request);
  if (std::ranges::all_of(items, is_replayed)) response.headers.emplace_back("Idempotency-Replayed", "true");
  co_return response;
}

awaitable<void> Api::discard(service::Submission submission) {
  if (!submission.archive) co_return;
  auto remove = [path = std::move(*submission.archive)] {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  };
  co_await core::run_on(pool_, std::move(remove));
}

awaitable<Result<std::vector<Result<service::Submission>>>> Api::receive_batch(
    Request& request, std::optional<ByteBudget::Reservation>& held) {
  const std::string type = content_type_of(request);
  std::vector<Result<service::Submission>> submissions;
  // Also without archives: its JSON is larger than that of one submission.
  if (uploads_ >= options_.uploads)
    co_return Error(Errc::overloaded, "too_many_uploads",
                    "already " + std::to_string(uploads_) + " uploads in progress", "try again later");
  const UploadSlot slot(uploads_);
  if (type == "application/json") {
    if (!spool_budget_.try_reserve(0, backend_.pack_bytes())) co_return spool_full();
    const auto text = co_await read_text(request, kBatchJsonBytes);
    if (!text) co_return text.error();
    auto forms = parse_batch(*text);
    if (!forms) co_return forms.error();
    for (auto& form : *forms) {
      if (form && !form->skill_path) form = no_skill();
      submissions.push_back(form ? Result<service::Submission>(to_submission(std::move(*form), request))
                                 : Result<service::Submission>(form.error()));
    }
    co_return submissions;
  }
  if (type != "multipart/form-data") co_return unsupported_type(request, "application/json or multipart/form-data");
  const auto announced = std::min(request.head.content_length.value_or(0), options_.body_bytes);
  held = spool_budget_.try_reserve(announced, backend_.pack_bytes());
  if (!held) co_return spool_full();
  co_return co_await receive_batch_form(request, *held);
}

awaitable<Result<std::vector<Result<service::Submission>>>> Api::receive_batch_form(Request& request,
                                                                                    ByteBudget::Reservation& held) {
  const auto boundary = multipart_boundary(request.head.field("Content-Type"));
  if (!boundary) co_return boundary.error();
  MultipartLimits limits;
  limits.parts = kMaxBatch * 9;  // each with every member
  MultipartParser parser(*boundary, limits);
  BatchForm form(pool_, spool_, request);
  SKILL_VERIFIER_CO_TRY_VOID(co_await receive_parts(
      request, parser, held, [&form](MultipartEvent event) { return form.handle(std::move(event)); }));
  co_return form.finish();
}

awaitable<Response> Api::show_verdicts(Request& request) {
  if (content_type_of(request) != "application/json")
    co_return refuse(Problem(unsupported_type(request, "application/json")), request);
  const auto text = co_await read_text(request, kSubjectsBytes);
  if (!text) co_return refuse(submit_problem(text.error()), request);
  const auto subjects = parse_subjects(*text);
  if (!subjects) co_return refuse(Problem(subjects.error()), request);
  const auto rows = co_await backend_.verdicts(*subjects, request.caller.viewer());
  if (!rows) co_return refuse(Problem(rows.error()), request);
  Response response;
  response.body = verdicts_json(*subjects, *rows);
  const std::string tag = '"' + core::sha256_hex(response.body).substr(0, 32) + '"';
  response.headers.emplace_back("Cache-Control", "no-cache");
  response.headers.emplace_back("ETag", tag);
  // Nothing is changed by this POST: an unchanged answer is what a GET would have.
  if (matches(request.head.field("If-None-Match"), tag)) {
    response.status = 304;
    response.body.clear();
  }
  co_return response;
}

}  // namespace skill_verifier::http
