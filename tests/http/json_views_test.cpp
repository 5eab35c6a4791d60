#include "http/json_views.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "http/test_server.hpp"

namespace skill_verifier::http {
namespace {

using store::JobState;
using test::job_id;
using test::make_job;

std::vector<std::string> members(const core::OrderedJson& object) {
  std::vector<std::string> names;
  for (const auto& [name, value] : object.items())
    names.push_back(name);
  return names;
}
core::OrderedJson parse(const std::string& text) {
  return core::OrderedJson::parse(text);
}
using Names = std::vector<std::string>;

TEST(SubmittedJson, IsThePredecessors) {
  EXPECT_EQ(submitted_json(make_job(job_id('a'), JobState::pending), false),
            R"({"jobId":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","status":"pending",)"
            R"("statusUrl":"/verify/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","message":"Verification job created"})");
}

TEST(SubmittedJson, SaysWhenTheJobWaitsForTheEngine) {
  EXPECT_THAT(
      submitted_json(make_job(job_id('a'), JobState::pending), true),
      testing::HasSubstr(R"("message":"Verification job created; it waits until the Docker Engine answers again")"));
}

TEST(JobJson, OfAPendingJobHasNullTimes) {
  EXPECT_EQ(job_json(make_job(job_id('a'), JobState::pending)),
            R"({"jobId":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","status":"pending",)"
            R"("createdAt":"2026-01-30T12:34:55.000Z","startedAt":null,"completedAt":null})");
}

TEST(JobJson, OfACompletedJobEndsWithTheStoredResultByteForByte) {
  EXPECT_EQ(job_json(make_job(job_id('a'), JobState::completed)),
            R"({"jobId":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","status":"completed",)"
            R"("createdAt":"2026-01-30T12:34:55.000Z","startedAt":"2026-01-30T12:34:55.010Z",)"
            R"("completedAt":"2026-01-30T12:34:56.789Z","result":)" +
                test::kResultText + "}");
}

TEST(JobJson, OfAFailedJobHasTheErrorAsAString) {
  const auto json = parse(job_json(make_job(job_id('a'), JobState::failed)));
  EXPECT_EQ(members(json),
            (Names{"jobId", "status", "createdAt", "startedAt", "completedAt", "error", "code", "hint"}));
  EXPECT_EQ(json["error"], "the engine does not answer");
  EXPECT_EQ(json["code"], "engine_unreachable");
  EXPECT_EQ(json["hint"], "start it");
}

TEST(JobJson, OfACancelledJobHasNeitherResultNorError) {
  EXPECT_EQ(members(parse(job_json(make_job(job_id('a'), JobState::cancelled)))),
            (Names{"jobId", "status", "createdAt", "startedAt", "completedAt"}));
}

TEST(JobJson, SurvivesAnErrorThatIsNoJson) {
  auto job = make_job(job_id('a'), JobState::failed);
  job.error = "plain \"text\"";
  EXPECT_EQ(parse(job_json(job))["error"], "plain \"text\"");
}

TEST(AttestationJson, StartsWithThePredecessorsMembers) {
  const auto text = attestation_json(make_job(job_id('a'), JobState::completed));
  ASSERT_TRUE(text) << text.error().message;
  const auto json = parse(*text);
  const auto names = members(json);
  ASSERT_GE(names.size(), 6u);
  EXPECT_EQ(Names(names.begin(), names.begin() + 6),
            (Names{"jobId", "skillId", "timestamp", "passed", "attestation", "statement"}));
  EXPECT_EQ(json["skillId"], "hello-world@1.0.0");
  EXPECT_EQ(json["timestamp"], "2026-01-30T12:34:56.789Z");
  EXPECT_EQ(json["passed"], true);
  EXPECT_EQ(members(json["attestation"]), (Names{"quote", "resultHash", "verifier", "note"}));
  EXPECT_EQ(json["statement"], R"({"_type":"https://in-toto.io/Statement/v1"})");
}

TEST(AttestationJson, KeepsPassedNullForAnUntestedSkill) {
  auto job = make_job(job_id('a'), JobState::completed);
  job.result = R"({"timestamp":"t","result":{"passed":null},"attestation":{"quote":null}})";
  const auto text = attestation_json(job);
  ASSERT_TRUE(text);
  EXPECT_TRUE(parse(*text)["passed"].is_null());
}

TEST(AttestationJson, IsAnErrorWhenTheStoredResultIsUnreadable) {
  for (const char* stored : {"", "{", "[]", "{}", R"({"result":{}})", R"({"result":1,"attestation":{}})"}) {
    auto job = make_job(job_id('a'), JobState::completed);
    job.result = stored;
    const auto text = attestation_json(job);
    ASSERT_FALSE(text) << stored;
    EXPECT_EQ(text.error().id, "result_unreadable");
  }
}

TEST(JobsJson, IsThePredecessorsWithACursor) {
  store::JobSummary job;
  job.id = job_id('b');
  job.state = JobState::running;
  job.created_at = *core::parse_rfc3339("2026-01-30T12:34:55.000Z");
  EXPECT_EQ(
      jobs_json({job}, 7, 3),
      R"({"jobs":[{"id":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","status":"running",)"
      R"("createdAt":"2026-01-30T12:34:55.000Z","completedAt":null,"skillId":null}],"total":7,"nextCursor":"3"})");
  EXPECT_EQ(jobs_json({}, 0, std::nullopt), R"({"jobs":[],"total":0,"nextCursor":null})");
}

TEST(HealthJson, StartsWithThePredecessorsMembers) {
  service::Health health;
  health.jobs = {{JobState::pending, 1}, {JobState::running, 2}, {JobState::completed, 3}, {JobState::failed, 4}};
  health.queued = 1;
  health.running = 2;
  health.attestation = "dstack-sdk";
  EXPECT_EQ(
      health_json(health, *core::parse_rfc3339("2026-01-30T12:34:56.789Z"), "0.1.0"),
      R"({"status":"ok","timestamp":"2026-01-30T12:34:56.789Z",)"
      R"("jobs":{"total":10,"pending":1,"running":2,"completed":3,"failed":4,"cancelled":0},)"
      R"("queue":{"waiting":1,"running":2},"engine":"ok","store":"ok","attestation":"dstack-sdk","version":"0.1.0",)"
      R"("pools":[]})");
}

TEST(HealthJson, NamesTheEngineOnceItIsKnown) {
  service::Health health;
  EXPECT_FALSE(parse(health_json(health, core::Time{}, "1")).contains("engineVersion"));
  health.engine = {"Podman", "4.3.1"};
  health.engine_error = "no answer";
  const auto json = parse(health_json(health, core::Time{}, "1"));
  EXPECT_EQ(json["engineVersion"], "Podman 4.3.1");
  EXPECT_EQ(json["engine"], "no answer") << "what it was is not how it is";
}

TEST(HealthJson, ShowsThePools) {
  service::Health health;
  sandbox::PoolState pool;
  pool.runtime = "alpine:latest";
  pool.image_id = "sha256:aa";
  pool.ready = 3;
  pool.in_use = 1;
  pool.warm = 7;
  pool.waited = std::chrono::microseconds(1500);
  health.pools = {pool};
  const auto json = parse(health_json(health, core::Time{}, "1"))["pools"];
  ASSERT_EQ(json.size(), 1u);
  EXPECT_EQ(json[0].dump(),
            R"({"runtime":"alpine:latest","imageId":"sha256:aa","prepared":false,"ready":3,"starting":0,"inUse":1,)"
            R"("warm":7,"cold":0,"lost":0,"waitedMilliseconds":1.5})");
}

TEST(TimedJobJson, AddsTheStagesToTheJob) {
  store::Job job;
  job.id = std::string(32, 'a');
  job.state = JobState::completed;
  job.result = R"({"passed":true})";
  service::JobTiming timing;
  timing.warm = true;
  timing.command = std::chrono::microseconds(2250);
  const auto json = parse(timed_job_json(job, timing));
  EXPECT_EQ(json["timing"]["warm"], true);
  EXPECT_EQ(json["timing"]["milliseconds"]["command"], 2.25);
  EXPECT_EQ(json["timing"]["milliseconds"]["deps"], 0.0);
  auto without = json;
  without.erase("timing");
  EXPECT_EQ(without, parse(job_json(job)));
  EXPECT_TRUE(parse(timed_job_json(job, std::nullopt))["timing"].is_null());
}

TEST(HealthJson, NamesWhatIsWrong) {
  service::Health health;
  EXPECT_EQ(health_status(health), "ok");
  health.engine_error = "no answer";
  EXPECT_EQ(health_status(health), "degraded");
  health.store_error = "disk full";
  EXPECT_EQ(health_status(health), "failing");
  const auto json = parse(health_json(health, core::Time{}, "1"));
  EXPECT_EQ(json["engine"], "no answer");
  EXPECT_EQ(json["store"], "disk full");
  health.draining = true;
  EXPECT_EQ(health_status(health), "draining");
}

TEST(ProblemJson, HasTheMembersOfRfc9457AndError) {
  Problem problem(404, "job_not_found", "there is no job x", "look at /jobs");
  problem.error = "Job not found";
  EXPECT_EQ(problem_json(problem, "/verify/x", "r1"),
            R"({"error":"Job not found","type":"about:blank","title":"Not Found","status":404,)"
            R"("detail":"there is no job x","code":"job_not_found","hint":"look at /jobs","instance":"/verify/x",)"
            R"("requestId":"r1"})");
  EXPECT_EQ(members(parse(problem_json(Problem(400, "c", "d"), "", "r"))),
            (Names{"error", "type", "title", "status", "detail", "code", "requestId"}));
}

TEST(ParseSubmission, ReadsEveryMember) {
  const auto form = parse_submission(R"({"skillPath":"./a","nonce":"n","version":"1","name":"x","discover":true})");
  ASSERT_TRUE(form) << form.error().message;
  EXPECT_EQ(form->skill_path, "./a");
  EXPECT_EQ(form->nonce, "n");
  EXPECT_EQ(form->version, "1");
  EXPECT_EQ(form->name, "x");
  EXPECT_EQ(form->discover, true);
}

TEST(ParseSubmission, TakesNullForAbsent) {
  const auto form = parse_submission(R"({"skillPath":null,"discover":null})");
  ASSERT_TRUE(form);
  EXPECT_FALSE(form->skill_path || form->discover);
}

TEST(ParseSubmission, RefusesWhatIsNotASubmission) {
  const std::pair<const char*, const char*> bad[] = {{"", "json_invalid"},
                                                     {"{", "json_invalid"},
                                                     {"{} {}", "json_invalid"},
                                                     {R"({"nonce":"a","nonce":"b"})", "json_invalid"},
                                                     {"[]", "member_invalid"},
                                                     {"1", "member_invalid"},
                                                     {R"({"skillPath":1})", "member_invalid"},
                                                     {R"({"discover":"yes"})", "member_invalid"},
                                                     {R"({"nonce":["a"]})", "member_invalid"},
                                                     {R"({"nonse":"a"})", "member_unknown"}};
  for (const auto& [text, id] : bad) {
    const auto form = parse_submission(text);
    ASSERT_FALSE(form) << text;
    EXPECT_EQ(form.error().id, id) << text;
  }
}

}  // namespace
}  // namespace skill_verifier::http
