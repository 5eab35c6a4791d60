#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "http/client.hpp"
#include "http/router.hpp"
#include "http/test_server.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::http {
namespace {

using store::JobState;
using test::Answer;
using test::Client;
using test::FakeBackend;
using test::get;
using test::job_id;
using test::make_job;
using test::request_text;
using test::TestServer;
using namespace std::chrono_literals;

core::Json body_of(const Answer& answer) {
  return *core::parse_json(answer.body);
}

void expect_problem(const Answer& answer, int status, const std::string& code) {
  EXPECT_EQ(answer.status, status) << answer.body;
  EXPECT_EQ(answer.header("Content-Type"), "application/problem+json");
  const auto json = body_of(answer);
  EXPECT_EQ(json["status"], status);
  EXPECT_EQ(json["code"], code) << answer.body;
  EXPECT_TRUE(json["error"].is_string());
  EXPECT_EQ(json["requestId"], answer.header("X-Request-Id"));
}

Answer call(const TestServer& server, const std::string& method, const std::string& path,
            const std::string& headers = {}) {
  Client client(server.port());
  return client.exchange(request_text(method, path, headers), method == "HEAD");
}

void add_job(TestServer& server, const store::Job& job) {
  server.run([&](FakeBackend& backend) {
    backend.jobs[job.id] = job;
    backend.changed();
  });
}

TEST(GetJob, AnswersWithTheJob) {
  TestServer server;
  add_job(server, make_job(job_id('a'), JobState::completed));
  const Answer answer = get(server.port(), "/verify/" + job_id('a'));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("Content-Type"), "application/json");
  EXPECT_EQ(answer.header("Cache-Control"), "no-store");
  EXPECT_EQ(answer.header("Server"), "");
  EXPECT_EQ(body_of(answer)["result"]["skillId"], "hello-world@1.0.0");
}

TEST(GetJob, IsNotFoundInThePredecessorsWords) {
  TestServer server;
  for (const std::string& id : {job_id('b'), std::string("x"), job_id('A'), job_id('a') + "a"}) {
    const Answer answer = get(server.port(), "/verify/" + id);
    expect_problem(answer, 404, "job_not_found");
    EXPECT_EQ(body_of(answer)["error"], "Job not found");
    EXPECT_TRUE(answer.body.starts_with(R"({"error":"Job not found")"));
  }
}

TEST(GetJob, AsksTheServiceOnceForAFinalJobAndAlwaysForOthers) {
  TestServer server;
  add_job(server, make_job(job_id('a'), JobState::completed));
  add_job(server, make_job(job_id('b'), JobState::running));
  Client client(server.port());
  std::string first;
  for (int i = 0; i < 3; ++i) {
    const Answer answer = client.exchange(request_text("GET", "/verify/" + job_id('a')));
    if (i == 0) first = answer.body;
    EXPECT_EQ(answer.body, first);
  }
  server.run([](FakeBackend& backend) { EXPECT_LT(std::exchange(backend.finds, 0), 3); });
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(client.exchange(request_text("GET", "/verify/" + job_id('b'))).status, 200);
  server.run([](FakeBackend& backend) { EXPECT_EQ(backend.finds, 3); });
}

TEST(GetJob, WaitsForTheEndWhenAsked) {
  TestServer server;
  add_job(server, make_job(job_id('a'), JobState::running));
  Client client(server.port());
  client.send(request_text("GET", "/verify/" + job_id('a') + "?wait=30"));
  server.until([](FakeBackend& backend) { return backend.waiting == 1; });
  add_job(server, make_job(job_id('a'), JobState::completed));
  EXPECT_EQ(body_of(client.read())["status"], "completed");
}

TEST(GetJob, ShortensAWaitToTheLimit) {
  ServerOptions options;
  options.max_wait = 1ms;
  TestServer server(options);
  add_job(server, make_job(job_id('a'), JobState::running));
  EXPECT_EQ(body_of(get(server.port(), "/verify/" + job_id('a') + "?wait=3600"))["status"], "running");
}

TEST(GetJob, RefusesAWaitThatIsNoNumber) {
  TestServer server;
  add_job(server, make_job(job_id('a'), JobState::completed));
  for (const char* wait : {"x", "-1", "1.5", "", "99999999"})
    expect_problem(get(server.port(), "/verify/" + job_id('a') + "?wait=" + wait), 400, "query_invalid");
}

TEST(GetJob, AnswersOthersWhileOneWaits) {
  TestServer server;
  add_job(server, make_job(job_id('a'), JobState::running));
  Client waiting(server.port());
  waiting.send(request_text("GET", "/verify/" + job_id('a') + "?wait=30"));
  server.until([](FakeBackend& backend) { return backend.waiting == 1; });
  EXPECT_EQ(get(server.port(), "/verify/" + job_id('a')).status, 200);
}

TEST(GetJob, PassesFailuresOn) {
  TestServer server;
  server.run([](FakeBackend& backend) {
    backend.find_error = Error(Errc::unavailable, "store_failed", "the store does not answer");
  });
  const Answer answer = get(server.port(), "/verify/" + job_id('a'));
  expect_problem(answer, 503, "store_failed");
  EXPECT_NE(answer.header("Retry-After"), "");
}

TEST(DeleteJob, RemovesItForGood) {
  TestServer server;
  add_job(server, make_job(job_id('a'), JobState::completed));
  const std::string path = "/verify/" + job_id('a');
  EXPECT_EQ(get(server.port(), path).status, 200);
  const Answer answer = call(server, "DELETE", path);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, R"({"message":"Job deleted"})");
  EXPECT_EQ(get(server.port(), path).status, 404);
  expect_problem(call(server, "DELETE", path), 404, "job_not_found");
}

TEST(DeleteJob, PassesAConflictOn) {
  TestServer server;
  server.run([](FakeBackend& backend) { backend.remove_error = Error(Errc::conflict, "job_busy", "it will not end"); });
  expect_problem(call(server, "DELETE", "/verify/" + job_id('a')), 409, "job_busy");
}

TEST(GetAttestation, AnswersWithTheDocument) {
  TestServer server;
  add_job(server, make_job(job_id('a'), JobState::completed));
  const Answer answer = get(server.port(), "/verify/" + job_id('a') + "/attestation");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(body_of(answer)["attestation"]["verifier"], "none");
}

TEST(GetAttestation, NeedsACompletedJob) {
  TestServer server;
  for (const JobState state : {JobState::pending, JobState::running, JobState::failed, JobState::cancelled}) {
    add_job(server, make_job(job_id('a'), state));
    const Answer answer = get(server.port(), "/verify/" + job_id('a') + "/attestation");
    expect_problem(answer, 400, "job_not_completed");
    EXPECT_EQ(body_of(answer)["error"], "Job not completed");
  }
  expect_problem(get(server.port(), "/verify/" + job_id('b') + "/attestation"), 404, "job_not_found");
}

TEST(GetAttestation, SaysWhenTheStoredResultIsUnreadable) {
  TestServer server;
  auto job = make_job(job_id('a'), JobState::completed);
  job.result = "{";
  add_job(server, job);
  expect_problem(get(server.port(), "/verify/" + job_id('a') + "/attestation"), 500, "result_unreadable");
}

TEST(GetLogs, OfAFinalJobHaveALength) {
  TestServer server;
  add_job(server, make_job(job_id('a'), JobState::completed));
  server.run([](FakeBackend& backend) { backend.logs[job_id('a')] = "all of it\n"; });
  const Answer answer = get(server.port(), "/verify/" + job_id('a') + "/logs");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(answer.header("Content-Length"), "10");
  EXPECT_EQ(answer.body, "all of it\n");
}

TEST(GetLogs, GrowWithARunningJobAndEndWithIt) {
  TestServer server;
  add_job(server, make_job(job_id('a'), JobState::running));
  server.run([](FakeBackend& backend) { backend.logs[job_id('a')] = "one\n"; });
  Client client(server.port());
  client.send(request_text("GET", "/verify/" + job_id('a') + "/logs"));
  EXPECT_EQ(client.read_head().header("Transfer-Encoding"), "chunked");
  std::string seen;
  while (seen.find("one\n") == std::string::npos)
    seen += client.read_some();
  server.until([](FakeBackend& backend) { return backend.waiting == 1; });
  server.run([](FakeBackend& backend) {
    backend.logs[job_id('a')] += "two\n";
    backend.changed();
  });
  while (seen.find("two\n") == std::string::npos)
    seen += client.read_some();
  EXPECT_EQ(seen.find("0\r\n\r\n"), std::string::npos);
  server.run([](FakeBackend& backend) {
    backend.jobs[job_id('a')].state = JobState::completed;
    backend.logs[job_id('a')] += "three\n";
    backend.changed();
  });
  while (seen.find("0\r\n\r\n") == std::string::npos)
    seen += client.read_some();
  EXPECT_EQ(seen, "4\r\none\n\r\n4\r\ntwo\n\r\n6\r\nthree\n\r\n0\r\n\r\n");
  EXPECT_EQ(client.exchange(request_text("GET", "/health")).status, 200);
}

TEST(GetLogs, OfAVanishedJobBreakOffBeforeTheLastChunk) {
  TestServer server;
  add_job(server, make_job(job_id('a'), JobState::running));
  Client client(server.port());
  client.send(request_text("GET", "/verify/" + job_id('a') + "/logs"));
  server.until([](FakeBackend& backend) { return backend.waiting == 1; });
  server.run([](FakeBackend& backend) {
    backend.jobs.clear();
    backend.changed();
  });
  const Answer answer = client.read();
  EXPECT_EQ(answer.status, 200);
  EXPECT_FALSE(answer.complete);
}

TEST(GetJob, TellsWhereTheTimeWentWhenAsked) {
  TestServer server;
  const auto path = "/verify/" + job_id('a');
  add_job(server, make_job(job_id('a'), JobState::completed));
  EXPECT_FALSE(body_of(get(server.port(), path)).contains("timing"));
  EXPECT_TRUE(body_of(get(server.port(), path + "?timing=1"))["timing"].is_null());
  server.run([](FakeBackend& backend) { backend.timings[job_id('a')].total = std::chrono::milliseconds(7); });
  EXPECT_EQ(body_of(get(server.port(), path + "?timing=1&wait=1"))["timing"]["milliseconds"]["total"], 7.0);
  EXPECT_FALSE(body_of(get(server.port(), path + "?timing=0")).contains("timing"));
  expect_problem(get(server.port(), path + "?timing=x"), 400, "query_invalid");
}

TEST(GetLogs, GiveASnapshotWhenAsked) {
  TestServer server;
  add_job(server, make_job(job_id('a'), JobState::running));
  server.run([](FakeBackend& backend) { backend.logs[job_id('a')] = "so far\n"; });
  const Answer answer = get(server.port(), "/verify/" + job_id('a') + "/logs?follow=0");
  EXPECT_EQ(answer.header("Content-Length"), "7");
  EXPECT_EQ(answer.body, "so far\n");
  expect_problem(get(server.port(), "/verify/" + job_id('a') + "/logs?follow=x"), 400, "query_invalid");
  expect_problem(get(server.port(), "/verify/" + job_id('b') + "/logs"), 404, "job_not_found");
}

TEST(GetLogs, GoToAnHttp10ClientWithoutChunks) {
  TestServer server;
  add_job(server, make_job(job_id('a'), JobState::running));
  server.run([](FakeBackend& backend) { backend.logs[job_id('a')] = "one\n"; });
  Client client(server.port());
  client.send("GET /verify/" + job_id('a') + "/logs HTTP/1.0\r\n\r\n");
  const Answer head = client.read_head();
  EXPECT_EQ(head.header("Transfer-Encoding"), "");
  EXPECT_EQ(head.header("Connection"), "close");
  server.until([](FakeBackend& backend) { return backend.waiting == 1; });
  server.run([](FakeBackend& backend) {
    backend.jobs[job_id('a')].state = JobState::completed;
    backend.changed();
  });
  std::string body;
  for (std::string piece = client.read_some(); !piece.empty(); piece = client.read_some())
    body += piece;
  EXPECT_EQ(body, "one\n");
}

TEST(GetJobs, PagesFromTheNewestToTheOldest) {
  TestServer server;
  for (int i = 1; i <= 5; ++i)
    add_job(server, make_job(job_id(static_cast<char>('0' + i)), JobState::completed, static_cast<std::uint64_t>(i)));
  std::string seen;
  std::string cursor;
  for (int page = 0; page < 3; ++page) {
    const auto json = body_of(get(server.port(), "/jobs?limit=2&cursor=" + cursor));
    EXPECT_EQ(json["total"], 5);
    for (const auto& job : json["jobs"])
      seen += job["id"].get<std::string>().front();
    EXPECT_EQ(json["nextCursor"].is_null(), page == 2);
    if (page < 2) cursor = json["nextCursor"].get<std::string>();
  }
  EXPECT_EQ(seen, "54321");
}

TEST(GetJobs, HasNoNextPageAfterAnExactlyFullOne) {
  TestServer server;
  add_job(server, make_job(job_id('1'), JobState::completed, 1));
  add_job(server, make_job(job_id('2'), JobState::completed, 2));
  EXPECT_TRUE(body_of(get(server.port(), "/jobs?limit=2"))["nextCursor"].is_null());
}

TEST(GetJobs, FiltersByStatusAndDefaultsToFifty) {
  TestServer server;
  add_job(server, make_job(job_id('1'), JobState::completed, 1));
  add_job(server, make_job(job_id('2'), JobState::failed, 2));
  const auto json = body_of(get(server.port(), "/jobs?status=failed"));
  ASSERT_EQ(json["jobs"].size(), 1u);
  EXPECT_EQ(json["jobs"][0]["status"], "failed");
  EXPECT_EQ(json["total"], 2);
  server.run([](FakeBackend& backend) { EXPECT_EQ(backend.filter.limit, 51u); });
  EXPECT_EQ(body_of(get(server.port(), "/jobs?status="))["jobs"].size(), 2u);
}

TEST(GetJobs, RefusesBadParameters) {
  TestServer server;
  for (const char* query : {"limit=0", "limit=-1", "limit=x", "limit=", "status=done", "cursor=x", "cursor=-1",
                            "limit=1&limit=2", "cursor=%zz", "cursor=99999999999999999999"})
    expect_problem(get(server.port(), std::string("/jobs?") + query), 400, "query_invalid");
}

TEST(GetJobs, ShortensALimitThatIsTooLarge) {
  TestServer server;
  for (const char* limit : {"500", "501", "100000"}) {
    EXPECT_EQ(get(server.port(), std::string("/jobs?limit=") + limit).status, 200);
    server.run([](FakeBackend& backend) { EXPECT_EQ(std::exchange(backend.filter.limit, 0), 501u); });
  }
}

TEST(GetJobs, PassesFailuresOn) {
  TestServer server;
  server.run([](FakeBackend& backend) { backend.list_error = Error(Errc::timed_out, "store_slow", "no answer"); });
  expect_problem(get(server.port(), "/jobs"), 504, "store_slow");
  server.run([](FakeBackend& backend) {
    backend.list_error.reset();
    backend.total_error = Error(Errc::unavailable, "store_failed", "no answer");
  });
  expect_problem(get(server.port(), "/jobs"), 503, "store_failed");
}

TEST(GetHealth, AnswersWheneverTheServiceIsAlive) {
  TestServer server;
  const Answer well = get(server.port(), "/health");
  EXPECT_EQ(well.status, 200);
  EXPECT_EQ(body_of(well)["status"], "ok");
  EXPECT_EQ(body_of(well)["timestamp"], "2026-01-30T12:34:56.789Z");
  server.run([](FakeBackend& backend) { backend.health.engine_error = "no answer"; });
  EXPECT_EQ(get(server.port(), "/health").status, 200);
  EXPECT_EQ(body_of(get(server.port(), "/health"))["status"], "degraded");
  server.run([](FakeBackend& backend) { backend.health.store_error = "disk full"; });
  EXPECT_EQ(get(server.port(), "/health").status, 200);
  EXPECT_EQ(body_of(get(server.port(), "/health"))["status"], "failing");
  server.run([](FakeBackend& backend) { backend.health.draining = true; });
  EXPECT_EQ(body_of(get(server.port(), "/health"))["status"], "draining");
}

TEST(GetDocs, IsAPageThatLoadsNothing) {
  TestServer server;
  const Answer answer = get(server.port(), "/docs");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("Content-Type"), "text/html; charset=utf-8");
  EXPECT_NE(answer.header("Content-Security-Policy").find("default-src 'none'"), std::string::npos);
  EXPECT_EQ(answer.header("X-Frame-Options"), "DENY");
  EXPECT_EQ(answer.header("Referrer-Policy"), "no-referrer");
  EXPECT_TRUE(answer.body.starts_with("<!DOCTYPE html>"));
}

TEST(GetOpenapi, IsTheEmbeddedDocument) {
  TestServer server;
  EXPECT_EQ(get(server.port(), "/openapi.json").body, openapi_json());
}

TEST(GetRoot, LeadsToTheDocs) {
  TestServer server;
  const Answer answer = get(server.port(), "/");
  EXPECT_EQ(answer.status, 302);
  EXPECT_EQ(answer.header("Location"), "/docs");
}

TEST(Head, AnswersAsGetWithoutABody) {
  TestServer server;
  add_job(server, make_job(job_id('a'), JobState::completed));
  add_job(server, make_job(job_id('b'), JobState::running));
  Client client(server.port());
  for (const std::string path : {"/", "/health", "/docs", "/openapi.json", "/jobs", "/verify/", "/verify/#/attestation",
                                 "/verify/#/logs", "/verify/#", "/verify/?/logs"}) {
    std::string real = path;
    if (const auto hole = real.find('#'); hole != std::string::npos) real.replace(hole, 1, job_id('a'));
    if (const auto hole = real.find('?'); hole != std::string::npos) real.replace(hole, 1, job_id('b'));
    const std::string snapshot = path.find('?') == std::string::npos ? "" : "?follow=0";
    const Answer full = client.exchange(request_text("GET", real + snapshot));
    const Answer head = client.exchange(request_text("HEAD", real), true);
    EXPECT_EQ(head.status, full.status) << real;
    EXPECT_EQ(head.header("Content-Type"), full.header("Content-Type")) << real;
    EXPECT_NE(head.header("Content-Length"), "") << real;
    if (full.status < 400) EXPECT_EQ(head.header("Content-Length"), std::to_string(full.body.size())) << real;
  }
}

TEST(Options, AllowAnyOriginThePredecessorsMethodsAndHeaders) {
  TestServer server;
  for (const char* path : {"/verify", "/jobs", "/health", "*"}) {
    const Answer answer = call(server, "OPTIONS", path, "Origin: https://example.org\r\n");
    EXPECT_EQ(answer.status, 204) << path;
    EXPECT_EQ(answer.header("Access-Control-Allow-Origin"), "*");
    EXPECT_EQ(answer.header("Access-Control-Allow-Methods"), "GET, POST, DELETE");
    EXPECT_EQ(answer.header("Access-Control-Allow-Headers"),
              "Content-Type, Authorization, X-API-Key, Idempotency-Key, If-None-Match, Last-Event-ID, traceparent");
    EXPECT_EQ(answer.header("Content-Length"), "");
    EXPECT_NE(answer.header("Allow"), "");
  }
  EXPECT_EQ(call(server, "OPTIONS", "/nothing").status, 404);
}

TEST(AnyRoute, LetsOtherOriginsRead) {
  TestServer server;
  for (const char* path : {"/health", "/verify/x", "/nothing"})
    EXPECT_EQ(get(server.port(), path).header("Access-Control-Allow-Origin"), "*") << path;
}

TEST(AnyRoute, RefusesOtherMethodsWithThoseItHas) {
  TestServer server;
  for (const Route& route : routes()) {
    std::string path(route.path);
    if (const auto hole = path.find("{jobId}"); hole != std::string::npos) path.replace(hole, 7, job_id('a'));
    for (const char* method : {"PUT", "PATCH", "get"}) {
      const Answer answer = call(server, method, path);
      expect_problem(answer, 405, "method_not_allowed");
      EXPECT_NE(answer.header("Allow").find(route.method), std::string::npos) << path;
    }
  }
}

TEST(AnyRoute, IsNotFoundElsewhere) {
  TestServer server;
  for (const char* path : {"/nothing", "/verify/", "//", "/verify/a/b"}) {
    const Answer answer = get(server.port(), path);
    expect_problem(answer, 404, "not_found");
    EXPECT_EQ(body_of(answer)["instance"], path);
  }
}

TEST(AnyRoute, EchoesAWellFormedRequestIdAndMakesOneOtherwise) {
  TestServer server;
  EXPECT_EQ(call(server, "GET", "/health", "X-Request-Id: My_id-1.2\r\n").header("X-Request-Id"), "My_id-1.2");
  for (const std::string& given : {std::string("a b"), std::string("a\"b"), std::string(65, 'a'), std::string()}) {
    const std::string id = call(server, "GET", "/health", "X-Request-Id: " + given + "\r\n").header("X-Request-Id");
    EXPECT_NE(id, given);
    EXPECT_EQ(id.size(), 16u);
  }
}

TEST(AnyRoute, TurnsABugIntoA500AndGoesOn) {
  TestServer server;
  server.run([](FakeBackend& backend) { backend.throws = true; });
  Client client(server.port());
  for (const std::string& path : {std::string("/health"), std::string("/jobs"), "/verify/" + job_id('a')}) {
    const Answer answer = client.exchange(request_text("GET", path));
    expect_problem(answer, 500, "internal");
    EXPECT_EQ(answer.body.find("a bug"), std::string::npos);
  }
  server.run([](FakeBackend& backend) { backend.throws = false; });
  EXPECT_EQ(client.exchange(request_text("GET", "/health")).status, 200);
}

}  // namespace
}  // namespace skill_verifier::http
