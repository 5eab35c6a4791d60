#include <algorithm>
#include <array>
#include <functional>

#include "http/answer.hpp"
#include "http/api.hpp"
#include "http/header_value.hpp"
#include "http/json_views.hpp"
#include "http/multipart.hpp"
#include "http/query.hpp"
#include "http/submission.hpp"
#include "http/upload.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/ids.hpp"

namespace skill_verifier::http {
namespace {

/// Archives are told apart by their bytes; the type only says that the body is one.
constexpr std::array<std::string_view, 8> kArchiveTypes = {"application/gzip",
                                                           "application/x-gzip",
                                                           "application/x-tgz",
                                                           "application/zip",
                                                           "application/x-tar",
                                                           "application/zstd",
                                                           "application/x-zip-compressed",
                                                           "application/octet-stream"};

Result<SubmissionForm> parse_query_form(std::string_view text) {
  SKILL_VERIFIER_TRY(const Query query, Query::parse(text));
  SubmissionForm form;
  for (const auto& [name, value] : query.pairs()) {
    SKILL_VERIFIER_TRY_VOID(set_text_member(form, name, value, MemberPlace::query));
  }
  return form;
}

/// Members of a JSON body join those of the query; the same one in both places is refused.
Result<SubmissionForm> merge(SubmissionForm query, SubmissionForm body) {
  if ((query.nonce && body.nonce) || (query.version && body.version) || (query.name && body.name) ||
      (query.discover && body.discover) || (query.fresh && body.fresh) || (query.is_private && body.is_private) ||
      (query.webhook && body.webhook))
    return Error(Errc::invalid_argument, "member_duplicate", "a member is given in the body and in the query");
  if (!body.nonce) body.nonce = std::move(query.nonce);
  if (!body.version) body.version = std::move(query.version);
  if (!body.name) body.name = std::move(query.name);
  if (!body.discover) body.discover = query.discover;
  if (!body.fresh) body.fresh = query.fresh;
  if (!body.is_private) body.is_private = query.is_private;
  if (!body.webhook) body.webhook = std::move(query.webhook);
  body.filename = std::move(query.filename);
  return body;
}

/// Where the parts of a form go as they arrive: one file and a few short texts.
class FormReceiver {
 public:
  /// Asked before the file is taken, with the members that came before it.
  using CheckRoom = std::function<Result<void>(const SubmissionForm&)>;

  FormReceiver(core::WorkPool& pool, std::filesystem::path spool, SubmissionForm form, CheckRoom check_room)
      : pool_(pool), spool_(std::move(spool)), form_(std::move(form)), check_room_(std::move(check_room)) {}

  awaitable<Result<void>> handle(MultipartEvent event) {
    switch (event.kind) {
      case MultipartEvent::Kind::part:
        co_return co_await begin(std::move(event.part));
      case MultipartEvent::Kind::data:
        co_return co_await add(event.data);
      case MultipartEvent::Kind::part_end:
        co_return end();
      case MultipartEvent::Kind::need_more:
      case MultipartEvent::Kind::end:
        break;
    }
    co_return Result<void>();
  }

  awaitable<Result<service::Submission>> finish(const Request& request) {
    if (!file_) co_return no_skill();
    auto submission = to_submission(std::move(form_), request);
    const auto finished = co_await file_->finish(submission);
    if (!finished) co_return finished.error();
    submission.archive_name = std::move(filename_);
    co_return submission;
  }

 private:
  awaitable<Result<void>> begin(MultipartPart part) {
    name_ = std::move(part.name);
    text_.clear();
    if (name_ != kArchiveField && part.filename)
      co_return Error(Errc::invalid_argument, "skill_missing",
                      "a file came in the form field '" + core::shorten(name_) + "'; the archive goes into 'skill'",
                      "send it as: curl -F skill=@my-skill.tar.gz");
    if (name_ != kArchiveField) co_return Result<void>();
    if (file_) co_return Error(Errc::invalid_argument, "member_duplicate", "skill is given twice");
    if (auto room = check_room_(form_); !room) co_return room;
    filename_ = archive_name(part.filename ? *part.filename : form_.filename.value_or(""));
    file_.emplace(pool_, spool_);
    co_return Result<void>();
  }

  awaitable<Result<void>> add(std::string_view data) {
    if (name_ == kArchiveField) co_return co_await file_->append(data);
    if (text_.size() + data.size() > kMaxFieldBytes)
      co_return Error(Errc::too_large, "field_too_large",
                      core::shorten(name_) + " is longer than " + std::to_string(kMaxFieldBytes) + " bytes");
    text_ += data;
    co_return Result<void>();
  }

  Result<void> end() {
    if (name_ == kArchiveField) return {};
    return set_text_member(form_, name_, std::move(text_), MemberPlace::form);
  }

  core::WorkPool& pool_;
  std::filesystem::path spool_;
  SubmissionForm form_;
  CheckRoom check_room_;
  std::string name_;
  std::string text_;
  std::string filename_;
  std::optional<Upload> file_;
};

}  // namespace

Error no_skill() {
  return Error(Errc::invalid_argument, "skill_missing", "the request carries neither a package nor a skillPath",
               "send JSON {\"skillPath\": \"…\"}, a form with the field skill, or an archive as the body");
}

Error spool_full() {
  return Error(Errc::overloaded, "spool_full",
               "uploads and packages of waiting jobs take all the space there is for them", "try again later");
}

std::string archive_name(std::string_view filename) {
  const auto separator = filename.find_last_of("/\\");
  if (separator != std::string_view::npos) filename.remove_prefix(separator + 1);
  return std::string(filename.substr(0, kMaxFilename));
}

std::string client_of(const Request& request) {
  std::string owner = request.caller.owner();
  if (!owner.empty() || request.caller.address.is_loopback()) return owner;
  return "address " + request.caller.address.counting_key();
}

service::Submission to_submission(SubmissionForm form, const Request& request) {
  service::Submission submission;
  submission.skill_path = std::move(form.skill_path);
  submission.nonce = std::move(form.nonce);
  submission.version = std::move(form.version);
  submission.name = std::move(form.name);
  submission.discover = form.discover.value_or(false);
  submission.fresh = form.fresh.value_or(false);
  submission.is_private = form.is_private.value_or(false);
  submission.webhook = std::move(form.webhook);
  submission.webhook_secret = std::move(form.webhook_secret);
  submission.owner = request.caller.owner();
  if (!request.caller.address.is_loopback()) submission.client = request.caller.address.counting_key();
  submission.request_id = request.id;
  submission.trace_id = request.trace.trace_id;
  return submission;
}

Problem submit_problem(const Error& error) {
  Problem problem(error);
  if (error.id == "skill_missing") problem.error = "No skill provided";
  if (error.id == "skill_path_not_found") {
    problem.status = 400;
    problem.error = "Skill path not found";
  }
  if (error.id == "client_queue_full") problem.status = 429;  // others may still submit
  if (error.id == "body_timed_out") problem.status = 408;     // the client's time-out, not one of ours
  if (error.code == Errc::overloaded || error.id == "draining") problem.retry_after = 10;
  return problem;
}

awaitable<Response> Api::submit(Request& request) {
  auto key = idempotency_key(request.head);
  if (!key) co_return refuse(Problem(key.error()), request);
  // Chosen before there is a job: who asks with the same key meanwhile is told where it will be.
  auto id = core::new_job_id();
  if (!*key) co_return co_await submit_once(request, {}, std::move(id));
  // Found out before the body is read: a client that is too eager does not send it twice.
  const KeyOfOwner place{client_of(request), **key};
  if (const auto found = keys_.find(place); found != keys_.end()) {
    const std::string wanted = found->second;
    auto asking = to_submission({}, request);
    asking.idempotency_key = std::move(*key);
    // Where the key stands for a job already, the request in flight makes none.
    const auto known = co_await backend_.keyed_job(std::move(asking));
    co_return refuse(key_in_flight(known && *known ? **known : wanted), request);
  }
  const KeyInFlight in_flight(keys_, place, id);
  co_return co_await submit_once(request, std::move(*key), std::move(id));
}

awaitable<Result<std::string>> Api::read_text(Request& request, std::uint64_t limit) {
  std::string text;
  while (true) {
    const auto piece = co_await request.body(limit);
    if (!piece) co_return piece.error();
    if (piece->empty()) co_return text;
    text += *piece;
  }
}

Result<void> Api::check_room(const SubmissionForm& form, const Request& request) const {
  auto known = to_submission(form, request);
  if (request.head.has_field("Idempotency-Key")) known.idempotency_key.emplace(request.head.field("Idempotency-Key"));
  return backend_.check_room(known);
}

awaitable<Response> Api::submit_once(Request& request, std::optional<std::string> key, std::string id) {
  const auto refused = [&request](const Error& error) {
    return problem_response(submit_problem(error), request.head.path, request.id);
  };
  const bool typed = request.head.has_field("Content-Type");
  if (!request.head.content_length && !request.head.chunked && typed)
    co_return problem_response(Problem(411, "length_required", "a body is announced without its length",
                                       "send Content-Length or Transfer-Encoding: chunked"),
                               request.head.path, request.id);
  if (!request.head.has_body()) co_return refused(no_skill());
  auto form = parse_query_form(request.head.query);
  if (!form) co_return refused(form.error());
  if (const auto room = check_room(*form, request); !room) co_return refused(room.error());

  // Until the job holds the package: between the last byte and the queue archive and package lie in the spool too.
  std::optional<ByteBudget::Reservation> held;
  auto submission = co_await receive(request, std::string(request.head.field("Content-Type")), std::move(*form), held);
  if (!submission) co_return refused(submission.error());
  submission->idempotency_key = std::move(key);
  submission->id = std::move(id);
  const auto job = co_await backend_.submit(std::move(*submission));
  if (!job) co_return refused(job.error());
  Response response;
  response.status = 202;
  response.body = submitted_json(*job, backend_.engine_away && backend_.engine_away());
  response.headers.emplace_back("Location", "/verify/" + job->id);
  response.headers.emplace_back("Cache-Control", "no-store");
  if (job->replayed) response.headers.emplace_back("Idempotency-Replayed", "true");
  response.job = job->id;
  co_return response;
}

awaitable<Result<service::Submission>> Api::receive(Request& request, std::string content_type, SubmissionForm form,
                                                    std::optional<ByteBudget::Reservation>& held) {
  const auto type = parse_header_value(content_type);
  const std::string name = type ? type->value : std::string();
  if (name == "application/json") {
    if (!spool_budget_.try_reserve(0, backend_.pack_bytes())) co_return spool_full();
    co_return co_await receive_json(request, std::move(form));
  }
  const bool archive = std::find(kArchiveTypes.begin(), kArchiveTypes.end(), name) != kArchiveTypes.end();
  if (!archive && name != "multipart/form-data")
    co_return Error(Errc::unsupported, "content_type_unsupported",
                    "Content-Type is " + core::shorten(content_type) + ", not one that is accepted",
                    "application/json, multipart/form-data, application/gzip, application/zip, application/x-tar, "
                    "application/zstd or application/octet-stream");
  if (uploads_ >= options_.uploads)
    co_return Error(Errc::overloaded, "too_many_uploads",
                    "already " + std::to_string(uploads_) + " uploads in progress", "try again later");
  const UploadSlot slot(uploads_);
  const auto announced = std::min(request.head.content_length.value_or(0), options_.body_bytes);
  auto reserved = spool_budget_.try_reserve(announced, backend_.pack_bytes());
  if (!reserved) co_return spool_full();
  held.emplace(std::move(*reserved));
  if (archive) co_return co_await receive_raw(request, std::move(form), *held);
  co_return co_await receive_form(request, std::move(content_type), std::move(form), *held);
}

awaitable<Result<service::Submission>> Api::receive_json(Request& request, SubmissionForm form) {
  const auto text = co_await read_text(request, options_.json_bytes);
  if (!text) co_return text.error();
  auto body = parse_submission(*text);
  if (!body) co_return body.error();
  auto merged = merge(std::move(form), std::move(*body));
  if (!merged) co_return merged.error();
  if (!merged->skill_path || merged->skill_path->empty()) co_return no_skill();
  co_return to_submission(std::move(*merged), request);
}

awaitable<Result<service::Submission>> Api::receive_form(Request& request, std::string content_type,
                                                         SubmissionForm form, ByteBudget::Reservation& held) {
  const auto boundary = multipart_boundary(content_type);
  if (!boundary) co_return boundary.error();
  MultipartParser parser(*boundary);
  const auto room_for = [this, &request](const SubmissionForm& known) { return check_room(known, request); };
  FormReceiver receiver(pool_, spool_, std::move(form), room_for);
  SKILL_VERIFIER_CO_TRY_VOID(co_await receive_parts(
      request, parser, held, [&receiver](MultipartEvent event) { return receiver.handle(std::move(event)); }));
  co_return co_await receiver.finish(request);
}

awaitable<Result<void>> Api::receive_parts(Request& request, MultipartParser& parser, ByteBudget::Reservation& held,
                                           PartHandler handle) {
  std::uint64_t received = 0;
  while (true) {
    const auto piece = co_await request.body(options_.body_bytes);
    if (!piece) co_return piece.error();
    if (piece->empty()) break;
    received += piece->size();
    if (!held.grow_to(received, backend_.pack_bytes())) co_return spool_full();
    parser.feed(*piece);
    while (true) {
      auto event = parser.next();
      if (!event) co_return event.error();
      if (event->kind == MultipartEvent::Kind::need_more) break;
      const auto handled = co_await handle(std::move(*event));
      if (!handled) co_return handled.error();
    }
  }
  co_return parser.finish();
}

awaitable<Result<service::Submission>> Api::receive_raw(Request& request, SubmissionForm form,
                                                        ByteBudget::Reservation& held) {
  std::string filename = form.filename.value_or("");
  if (request.head.has_field("Content-Disposition")) {
    const auto disposition = parse_header_value(request.head.field("Content-Disposition"));
    if (!disposition) co_return disposition.error();
    if (filename.empty()) filename = disposition->parameter("filename").value_or("");
  }
  Upload upload(pool_, spool_);
  std::uint64_t received = 0;
  while (true) {
    const auto piece = co_await request.body(options_.body_bytes);
    if (!piece) co_return piece.error();
    if (piece->empty()) break;
    received += piece->size();
    if (!held.grow_to(received, backend_.pack_bytes())) co_return spool_full();
    const auto stored = co_await upload.append(*piece);
    if (!stored) co_return stored.error();
  }
  auto submission = to_submission(std::move(form), request);
  const auto finished = co_await upload.finish(submission);
  if (!finished) co_return finished.error();
  submission.archive_name = archive_name(filename);
  co_return submission;
}

}  // namespace skill_verifier::http
