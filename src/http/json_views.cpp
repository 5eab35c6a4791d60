#include "http/json_views.hpp"

#include <nlohmann/json.hpp>

#include "skill_verifier/attest/document.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::http {
namespace {

using core::OrderedJson;

OrderedJson time_or_null(const std::optional<core::Time>& time) {
  if (!time) return nullptr;
  return core::to_rfc3339(*time);
}

OrderedJson text_or_null(const std::string& text) {
  if (text.empty()) return nullptr;
  return text;
}

/// Stored text of our own; null when it is not an object.
OrderedJson parse_stored(const std::string& text) {
  OrderedJson value = OrderedJson::parse(text, nullptr, false);
  if (!value.is_object()) return nullptr;
  return value;
}

std::string text_member(const OrderedJson& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// `object` with one more member, whose value is JSON text already.
std::string with_raw_member(const OrderedJson& object, std::string_view name, std::string_view value) {
  std::string text = core::dump_json(object);
  text.pop_back();
  text += ",\"";
  text += name;
  text += "\":";
  text += value;
  text += '}';
  return text;
}

void add_original(OrderedJson& object, const std::string& original) {
  if (original.empty()) return;
  object["cached"] = true;
  object["originalJobId"] = original;
}

void add_failure(OrderedJson& object, const store::Job& job) {
  const OrderedJson failure = parse_stored(job.error);
  if (!failure.is_object()) {
    object["error"] = job.error;
    return;
  }
  object["error"] = text_member(failure, "message");
  object["code"] = text_member(failure, "code");
  object["hint"] = text_member(failure, "hint");
}

}  // namespace

std::string submitted_json(const store::Job& job, bool engine_away) {
  // What was answered first: a job found by its key may have gone on since.
  const bool repeats = !job.original.empty();
  const bool waits = engine_away && !repeats;
  OrderedJson object{{"jobId", job.id},
                     {"status", store::to_string(repeats ? job.state : store::JobState::pending)},
                     {"statusUrl", "/verify/" + job.id},
                     {"message", waits ? "Verification job created; it waits until the Docker Engine answers again"
                                       : "Verification job created"}};
  add_original(object, job.original);
  return core::dump_json(object);
}

std::string job_json(const store::Job& job) {
  OrderedJson object{{"jobId", job.id},
                     {"status", store::to_string(job.state)},
                     {"createdAt", core::to_rfc3339(job.created_at)},
                     {"startedAt", time_or_null(job.started_at)},
                     {"completedAt", time_or_null(job.completed_at)}};
  add_original(object, job.original);
  if (job.is_private) object["visibility"] = "private";
  if (!job.error.empty()) add_failure(object, job);
  // The stored text goes out as it was written: a parse would cost time and could change it.
  if (job.state == store::JobState::completed) {
    return with_raw_member(object, "result", job.result.empty() ? "null" : job.result);
  }
  return core::dump_json(object);
}

Result<std::string> attestation_json(const store::Job& job, const std::optional<attest::Appraisal>& appraisal) {
  const Error unreadable(Errc::internal, "result_unreadable", "stored result of job " + job.id + " is not readable");
  const OrderedJson result = parse_stored(job.result);
  if (!result.is_object()) return unreadable;
  const auto outcome = result.find("result");
  const auto attestation = result.find("attestation");
  if (outcome == result.end() || !outcome->is_object() || attestation == result.end()) return unreadable;
  std::optional<bool> passed;
  if (const auto found = outcome->find("passed"); found != outcome->end() && found->is_boolean())
    passed = found->get<bool>();
  return core::dump_json(attest::attestation_document(job.id, job.skill_id, text_member(result, "timestamp"), passed,
                                                      job.statement, core::dump_json(*attestation), appraisal));
}

std::string service_attestation_json(const service::ServiceAttestation& attestation) {
  return core::dump_json(attest::service_attestation_document(attestation.answer, attestation.extras));
}

std::string jobs_json(const std::vector<store::JobSummary>& jobs, std::uint64_t total,
                      std::optional<std::uint64_t> next_cursor) {
  OrderedJson list = OrderedJson::array();
  for (const auto& job : jobs)
    list.push_back(OrderedJson{{"id", job.id},
                               {"status", store::to_string(job.state)},
                               {"createdAt", core::to_rfc3339(job.created_at)},
                               {"completedAt", time_or_null(job.completed_at)},
                               {"skillId", text_or_null(job.skill_id)}});
  OrderedJson object;
  object["jobs"] = std::move(list);
  object["total"] = total;
  object["nextCursor"] = next_cursor ? OrderedJson(std::to_string(*next_cursor)) : OrderedJson(nullptr);
  return core::dump_json(object);
}

namespace {

double milliseconds(std::chrono::microseconds time) {
  return static_cast<double>(time.count()) / 1000;
}

OrderedJson timing_view(const service::JobTiming& timing) {
  const std::pair<const char*, std::chrono::microseconds> stages[] = {
      {"intake", timing.intake},   {"stored", timing.stored},       {"queued", timing.queued},
      {"begun", timing.begun},     {"checks", timing.checks},       {"image", timing.image},
      {"deps", timing.deps},       {"container", timing.container}, {"package", timing.package},
      {"command", timing.command}, {"examined", timing.examined},   {"judged", timing.judged},
      {"quote", timing.quote},     {"finished", timing.finished},   {"total", timing.total}};
  OrderedJson object{{"warm", timing.warm}};
  for (const auto& [stage, time] : stages)
    object["milliseconds"][stage] = milliseconds(time);
  return object;
}

OrderedJson pool_view(const sandbox::PoolState& pool) {
  const auto waited = std::chrono::duration_cast<std::chrono::microseconds>(pool.waited);
  return OrderedJson{{"runtime", pool.runtime},   {"imageId", pool.image_id},
                     {"prepared", pool.prepared}, {"ready", pool.ready},
                     {"starting", pool.starting}, {"inUse", pool.in_use},
                     {"warm", pool.warm},         {"cold", pool.cold},
                     {"lost", pool.lost},         {"waitedMilliseconds", milliseconds(waited)}};
}

}  // namespace

std::string timed_job_json(const store::Job& job, const std::optional<service::JobTiming>& timing) {
  std::string text = job_json(job);
  text.pop_back();
  return text + R"(,"timing":)" + (timing ? core::dump_json(timing_view(*timing)) : "null") + "}";
}

std::string_view health_status(const service::Health& health) {
  if (health.draining) return "draining";
  if (health.store_error) return "failing";
  return health.engine_error ? "degraded" : "ok";
}

std::string health_json(const service::Health& health, core::Time now, std::string_view version) {
  using store::JobState;
  const auto count = [&health](JobState state) {
    const auto found = health.jobs.find(state);
    return found == health.jobs.end() ? std::uint64_t{0} : found->second;
  };
  std::uint64_t total = 0;
  for (const auto& [state, number] : health.jobs)
    total += number;
  const auto or_ok = [](const std::optional<std::string>& error) { return error ? *error : std::string("ok"); };

  OrderedJson object;
  object["status"] = health_status(health);
  object["timestamp"] = core::to_rfc3339(now);
  object["jobs"] = OrderedJson{{"total", total},
                               {"pending", count(JobState::pending)},
                               {"running", count(JobState::running)},
                               {"completed", count(JobState::completed)},
                               {"failed", count(JobState::failed)},
                               {"cancelled", count(JobState::cancelled)}};
  object["queue"] = OrderedJson{{"waiting", health.queued}, {"running", health.running}};
  object["engine"] = or_ok(health.engine_error);
  object["store"] = or_ok(health.store_error);
  object["attestation"] = health.attestation;
  object["version"] = version;
  if (!health.engine.name.empty()) object["engineVersion"] = health.engine.name + " " + health.engine.version;
  object["pools"] = OrderedJson::array();
  for (const auto& pool : health.pools)
    object["pools"].push_back(pool_view(pool));
  return core::dump_json(object);
}

bool is_ready(const service::Health& health) {
  return !health.draining && !health.engine_error && !health.store_error && !health.dstack_error;
}

std::string ready_json(const service::Health& health) {
  OrderedJson checks = OrderedJson::object();
  const auto check = [&checks](const char* name, const std::optional<std::string>& error) {
    checks[name] = OrderedJson{{"ready", !error.has_value()}};
    if (error) checks[name]["reason"] = *error;
  };
  check("engine", health.engine_error);
  check("store", health.store_error);
  check("dstack", health.dstack_error);
  if (health.attestation == "none") checks["dstack"]["reason"] = "no guest agent here: results carry no quote";
  if (health.draining) check("service", "shutting down");
  return core::dump_json(OrderedJson{{"ready", is_ready(health)}, {"checks", std::move(checks)}});
}

std::string deleted_json() {
  return R"({"message":"Job deleted"})";
}

std::string problem_json(const Problem& problem, std::string_view path, std::string_view request_id) {
  OrderedJson object;
  object["error"] = problem.error;
  object["type"] = "about:blank";
  object["title"] = reason_phrase(problem.status);
  object["status"] = problem.status;
  object["detail"] = problem.detail;
  object["code"] = problem.code;
  if (!problem.hint.empty()) object["hint"] = problem.hint;
  if (!problem.job.empty()) {
    object["jobId"] = problem.job;
    object["statusUrl"] = "/verify/" + problem.job;
  }
  if (!path.empty()) object["instance"] = core::shorten(path, 200);
  object["requestId"] = request_id;
  return core::dump_json(object);
}

namespace {

Result<SubmissionForm> read_submission(const core::Json& body) {
  if (!body.is_object()) return Error(Errc::invalid_argument, "member_invalid", "what is asked for is no JSON object");
  SubmissionForm form;
  for (const auto& [name, value] : body.items()) {
    SKILL_VERIFIER_TRY_VOID(check_member(name, MemberPlace::json));
    if (value.is_null()) continue;
    const bool flag = name == "discover" || name == "fresh";
    if (flag ? !value.is_boolean() : !value.is_string())
      return Error(
          Errc::invalid_argument, "member_invalid",
          core::shorten(name) + " is of type " + value.type_name() + ", must be a " + (flag ? "boolean" : "string"));
    if (flag) {
      (name == "fresh" ? form.fresh : form.discover) = value.get<bool>();
    } else if (auto set = set_member(form, name, value.get<std::string>(), MemberPlace::json); !set) {
      return set.error();
    }
  }
  return form;
}

/// The one member of a batch's body: an array of 1 to kMaxBatch elements.
Result<core::Json> parse_list(std::string_view text, std::string_view member) {
  SKILL_VERIFIER_TRY(core::Json body, core::parse_json(text));
  if (!body.is_object() || !body.contains(member) || !body[member].is_array())
    return Error(Errc::invalid_argument, "member_invalid",
                 "the body is not a JSON object with the array " + std::string(member));
  for (const auto& [name, value] : body.items())
    if (name != member)
      return Error(Errc::invalid_argument, "member_unknown",
                   "unknown member " + core::shorten(name) + "; the one member here is " + std::string(member));
  const std::size_t size = body[member].size();
  if (size == 0 || size > kMaxBatch)
    return Error(Errc::invalid_argument, "batch_size_invalid",
                 std::string(member) + " has " + std::to_string(size) + " elements, allowed are 1 to " +
                     std::to_string(kMaxBatch));
  return std::move(body[member]);
}

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

OrderedJson verdict_view(const store::VerdictRow& row) {
  OrderedJson object{{"jobId", row.id},
                     {"status", store::to_string(row.state)},
                     {"verdict", text_or_null(row.verdict)},
                     {"passed", nullptr},
                     {"skillId", text_or_null(row.skill_id)},
                     {"treeDigest", text_or_null(row.tree_digest)},
                     {"archiveSha256", text_or_null(row.archive_sha256)},
                     {"resultHash", text_or_null(row.result_hash)},
                     {"createdAt", core::to_rfc3339(row.created_at)},
                     {"completedAt", time_or_null(row.completed_at)},
                     {"statusUrl", "/verify/" + row.id}};
  if (row.verdict == "passed" || row.verdict == "failed") object["passed"] = row.verdict == "passed";
  add_original(object, row.original);
  return object;
}

OrderedJson item_view(const BatchItem& item) {
  OrderedJson object;
  if (item.job) {
    object = OrderedJson::parse(submitted_json(*item.job, false));
    object.erase("message");
    // `status` of an item is what its own answer would have had.
    object["state"] = object["status"];
    object["status"] = 202;
    if (item.job->replayed) object["replayed"] = true;
    return object;
  }
  object["status"] = item.problem->status;
  object["error"] = item.problem->error;
  object["code"] = item.problem->code;
  object["detail"] = item.problem->detail;
  if (!item.problem->hint.empty()) object["hint"] = item.problem->hint;
  if (item.problem->retry_after > 0) object["retryAfter"] = item.problem->retry_after;
  return object;
}

}  // namespace

Result<SubmissionForm> parse_submission(std::string_view text) {
  SKILL_VERIFIER_TRY(const core::Json body, core::parse_json(text));
  return read_submission(body);
}

Result<std::vector<Result<SubmissionForm>>> parse_batch(std::string_view text) {
  SKILL_VERIFIER_TRY(const core::Json list, parse_list(text, "submissions"));
  std::vector<Result<SubmissionForm>> forms;
  for (const auto& element : list)
    forms.push_back(read_submission(element));
  return forms;
}

Result<std::vector<std::string>> parse_subjects(std::string_view text) {
  SKILL_VERIFIER_TRY(const core::Json list, parse_list(text, "subjects"));
  std::vector<std::string> subjects;
  for (const auto& element : list) {
    std::string_view subject = element.is_string() ? element.get_ref<const std::string&>() : std::string_view();
    for (const std::string_view prefix : {"sha256:", "dirHash1:"})
      if (subject.starts_with(prefix)) subject.remove_prefix(prefix.size());
    const bool prefixed = element.is_string() && subject.size() != element.get_ref<const std::string&>().size();
    const bool digest = subject.size() == 64 && is_hex(subject);
    const bool id = subject.size() == 32 && is_hex(subject) && !prefixed;
    if (!digest && !id)
      return Error(Errc::invalid_argument, "subject_invalid",
                   "subjects[" + std::to_string(subjects.size()) + "], " + core::shorten(core::dump_json(element)) +
                       ", is neither a job's id nor a SHA-256 in lower-case hex",
                   "give a jobId, the treeDigest of a package or the SHA-256 of its archive");
    subjects.emplace_back(subject);
  }
  return subjects;
}

std::string batch_json(const std::vector<BatchItem>& items) {
  std::size_t accepted = 0;
  OrderedJson list = OrderedJson::array();
  for (const auto& item : items) {
    accepted += item.job ? 1 : 0;
    list.push_back(item_view(item));
  }
  OrderedJson object;
  object["accepted"] = accepted;
  object["refused"] = items.size() - accepted;
  object["items"] = std::move(list);
  return core::dump_json(object);
}

std::string verdicts_json(const std::vector<std::string>& subjects,
                          const std::vector<std::optional<store::VerdictRow>>& rows) {
  OrderedJson list = OrderedJson::array();
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    OrderedJson object{{"subject", subjects[i]}, {"found", rows.at(i).has_value()}};
    if (rows[i]) object.update(verdict_view(*rows[i]));
    list.push_back(std::move(object));
  }
  return core::dump_json(OrderedJson{{"verdicts", std::move(list)}});
}

std::string verdict_json(const store::VerdictRow& row) {
  return core::dump_json(verdict_view(row));
}

std::string state_json(const std::string& job_id, const service::StateMark& mark) {
  return core::dump_json(OrderedJson{{"jobId", job_id},
                                     {"status", store::to_string(mark.state)},
                                     {"attempt", mark.attempt},
                                     {"at", core::to_rfc3339(mark.at)}});
}

std::string log_json(std::uint64_t offset, const std::string& text) {
  return core::dump_json(OrderedJson{{"offset", offset}, {"text", text}});
}

}  // namespace skill_verifier::http
