#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "http/client.hpp"
#include "http/event_stream.hpp"
#include "http/idempotency.hpp"
#include "http/json_views.hpp"
#include "http/message.hpp"
#include "http/test_server.hpp"

namespace skill_verifier::http {
namespace {

using nlohmann::json;
using test::Answer;
using test::Client;
using test::FakeBackend;
using test::TestServer;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

const std::string kId = test::job_id('a');
const std::string kPath = R"({"skillPath":"./demo"})";

Answer post(std::uint16_t port, const std::string& path, const std::string& body, const std::string& headers = {},
            const std::string& type = "application/json") {
  Client client(port);
  return client.exchange(test::request_text("POST", path, "Content-Type: " + type + "\r\n" + headers, body));
}

json problem_of(const Answer& answer, int status) {
  EXPECT_EQ(answer.status, status) << answer.body;
  EXPECT_EQ(answer.header("Content-Type"), "application/problem+json");
  return json::parse(answer.body);
}

store::VerdictRow row_of(const std::string& id) {
  store::VerdictRow row;
  row.id = id;
  row.state = store::JobState::completed;
  row.completed_at = core::Time(std::chrono::milliseconds(1'769'776'496'789));
  row.skill_id = "demo@1";
  row.tree_digest = std::string(64, 'c');
  row.verdict = "passed";
  row.result_hash = std::string(64, 'd');
  return row;
}

service::EventPart state_part(store::JobState state) {
  service::EventPart part;
  part.mark = service::StateMark{state, 1, core::Time(std::chrono::milliseconds(1'769'776'496'789)), 0};
  return part;
}
service::EventPart log_part(const std::string& text) {
  service::EventPart part;
  part.text = text;
  return part;
}
service::EventPart end_part(bool is_final = true) {
  service::EventPart part;
  part.ended = true;
  part.is_final = is_final;
  return part;
}

TEST(Idempotency, TheKeyReachesTheServiceAndAReplayIsMarked) {
  TestServer server;
  server.run([](FakeBackend& backend) {
    backend.keyed["known"] = test::make_job(test::job_id('b'), store::JobState::completed);
  });
  const auto fresh = post(server.port(), "/verify", kPath, "Idempotency-Key: new one\r\n");
  EXPECT_EQ(fresh.status, 202);
  EXPECT_EQ(fresh.header("Idempotency-Replayed"), "");
  const auto again = post(server.port(), "/verify", kPath, "Idempotency-Key: known\r\n");
  EXPECT_EQ(again.status, 202);
  EXPECT_EQ(again.header("Idempotency-Replayed"), "true");
  EXPECT_EQ(again.header("Location"), "/verify/" + test::job_id('b'));
  const auto body = json::parse(again.body);
  EXPECT_EQ(body["jobId"], test::job_id('b'));
  EXPECT_EQ(body["status"], "pending") << "the same answer as the first time";
  server.run([](FakeBackend& backend) {
    ASSERT_EQ(backend.received.size(), 2u);
    EXPECT_EQ(backend.received[0].submission.idempotency_key, "new one");
  });
}

TEST(Idempotency, MalformedKeysAre400) {
  TestServer server;
  for (const std::string& headers :
       {std::string("Idempotency-Key: \r\n"), "Idempotency-Key: " + std::string(256, 'k') + "\r\n",
        std::string("Idempotency-Key: a\r\nIdempotency-Key: a\r\n"), std::string("Idempotency-Key: \xc3\xa4\r\n")})
    EXPECT_EQ(problem_of(post(server.port(), "/verify", kPath, headers), 400)["code"], "idempotency_key_invalid");
  EXPECT_EQ(post(server.port(), "/verify", kPath, "Idempotency-Key: " + std::string(255, 'k') + "\r\n").status, 202);
}

TEST(Idempotency, TheSameKeyInFlightIs409AndFreeAfterwards) {
  TestServer server;
  server.run([](FakeBackend& backend) { backend.holds_submits = true; });
  const std::string headers = "Content-Type: application/json\r\nIdempotency-Key: k\r\n";
  Client first(server.port());
  first.send(test::request_text("POST", "/verify", headers, kPath));
  server.until([](FakeBackend& backend) { return backend.received.size() == 1; });
  const auto answer = post(server.port(), "/verify", kPath, "Idempotency-Key: k\r\n");
  EXPECT_EQ(problem_of(answer, 409)["code"], "idempotency_key_in_flight");
  EXPECT_EQ(answer.header("Retry-After"), "1");
  std::string id;
  server.run([&id](FakeBackend& backend) { id = backend.received[0].submission.id; });
  EXPECT_EQ(json::parse(answer.body)["jobId"], id) << "where the first one's job will be";
  EXPECT_EQ(answer.header("Location"), "/verify/" + id);
  EXPECT_EQ(post(server.port(), "/verify/batch", "{", "Idempotency-Key: k\r\n").status, 400) << "a batch is another";
  server.run([](FakeBackend& backend) {
    backend.holds_submits = false;
    backend.changed();
  });
  EXPECT_EQ(first.read().status, 202);
  EXPECT_EQ(post(server.port(), "/verify", kPath, "Idempotency-Key: k\r\n").status, 202);
}

/// The head of a submission under the key `k`, whose body waits to be asked for.
void announce(Client& client) {
  client.send(
      "POST /verify HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nIdempotency-Key: k\r\n"
      "Expect: 100-continue\r\nContent-Length: " +
      std::to_string(kPath.size()) + "\r\n\r\n");
  EXPECT_EQ(client.read_head().status, 100);
}

TEST(Idempotency, TheKeyIsHeldWhileTheBodyArrives) {
  TestServer server;
  Client first(server.port());
  announce(first);
  const auto early = post(server.port(), "/verify", kPath, "Idempotency-Key: k\r\n");
  const std::string id = problem_of(early, 409)["jobId"];
  EXPECT_EQ(early.header("Location"), "/verify/" + id) << "where the job will be";
  EXPECT_EQ(test::get(server.port(), "/verify/" + id).status, 404) << "there is none yet";
  first.send(kPath);
  EXPECT_EQ(first.read().status, 202);
  server.run([&id](FakeBackend& backend) { EXPECT_EQ(backend.received.at(0).submission.id, id); });
}

TEST(Idempotency, AKeyWhoseFirstRequestFailedIsFreeForAnotherJob) {
  TestServer server;
  Client first(server.port());
  announce(first);
  const std::string id = problem_of(post(server.port(), "/verify", kPath, "Idempotency-Key: k\r\n"), 409)["jobId"];
  first.send(std::string(kPath.size(), '{'));
  EXPECT_EQ(first.read().status, 400);
  EXPECT_EQ(post(server.port(), "/verify", kPath, "Idempotency-Key: k\r\n").status, 202);
  server.run([&id](FakeBackend& backend) { EXPECT_NE(backend.received.at(0).submission.id, id); });
}

TEST(Idempotency, AKeyInFlightThatStandsForAJobNamesThatJob) {
  TestServer server;
  server.run([](FakeBackend& backend) { backend.keyed["k"] = test::make_job(kId, store::JobState::running); });
  Client again(server.port());
  announce(again);
  const auto answer = post(server.port(), "/verify", kPath, "Idempotency-Key: k\r\n");
  EXPECT_EQ(problem_of(answer, 409)["jobId"], kId) << "the request in flight is a repetition";
  EXPECT_EQ(answer.header("Location"), "/verify/" + kId);
}

TEST(Idempotency, AProblemNamesTheJobThatIsThereAlready) {
  const Problem problem = key_in_flight(kId);
  const auto body = json::parse(problem_json(problem, "/verify", "r"));
  EXPECT_EQ(body["jobId"], kId);
  EXPECT_EQ(body["statusUrl"], "/verify/" + kId);
  EXPECT_THAT(problem_response(problem, "/verify", "r").headers,
              testing::Contains(testing::Pair("Location", "/verify/" + kId)));
  EXPECT_FALSE(json::parse(problem_json(key_in_flight(""), "/verify", "r")).contains("jobId"));
}

TEST(Batch, EachPathIsAnsweredByItself) {
  TestServer server;
  server.run([](FakeBackend& backend) {
    backend.path_errors.emplace("bad", Error(Errc::rejected, "manifest_invalid", "no manifest", "write one"));
    backend.path_errors.emplace("full", Error(Errc::overloaded, "queue_full", "full"));
  });
  const auto answer = post(server.port(), "/verify/batch",
                           R"({"submissions":[{"skillPath":"a"},{"skillPath":"bad"},{"nonce":"n"},{"nonse":"n"},7,)"
                           R"({"skillPath":"full"},{"skillPath":"b","nonce":"n","fresh":true}]})");
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto body = json::parse(answer.body);
  EXPECT_EQ(body["accepted"], 2);
  EXPECT_EQ(body["refused"], 5);
  const auto& items = body["items"];
  ASSERT_EQ(items.size(), 7u);
  EXPECT_EQ(items[0]["status"], 202);
  EXPECT_EQ(items[0]["jobId"], kId);
  EXPECT_EQ(items[0]["state"], "pending");
  EXPECT_EQ(items[1]["status"], 422);
  EXPECT_EQ(items[1]["code"], "manifest_invalid");
  EXPECT_EQ(items[1]["hint"], "write one");
  EXPECT_EQ(items[2]["code"], "skill_missing");
  EXPECT_EQ(items[3]["code"], "member_unknown");
  EXPECT_EQ(items[4]["code"], "member_invalid");
  EXPECT_EQ(items[5]["status"], 503);
  EXPECT_EQ(items[5]["retryAfter"], 10);
  EXPECT_EQ(items[6]["status"], 202);
  server.run([](FakeBackend& backend) {
    ASSERT_EQ(backend.received.size(), 4u);
    EXPECT_EQ(backend.received[3].submission.nonce, "n");
    EXPECT_TRUE(backend.received[3].submission.fresh);
  });
}

TEST(Batch, AllAreSubmittedAtOnce) {
  TestServer server;
  server.run([](FakeBackend& backend) { backend.holds_submits = true; });
  Client client(server.port());
  client.send(test::request_text("POST", "/verify/batch", "Content-Type: application/json\r\n",
                                 R"({"submissions":[{"skillPath":"a"},{"skillPath":"b"},{"skillPath":"c"}]})"));
  server.until([](FakeBackend& backend) { return backend.received.size() == 3; });
  server.run([](FakeBackend& backend) {
    backend.holds_submits = false;
    backend.changed();
  });
  EXPECT_EQ(json::parse(client.read().body)["accepted"], 3);
}

TEST(Batch, MultipartPartsBecomeSubmissionsWithTheirMembers) {
  TestServer server;
  const std::string b = "--x\r\nContent-Disposition: form-data; name=";
  const std::string body = b + "\"fresh\"\r\n\r\n1\r\n" + b + "\"skill\"; filename=\"one.zip\"\r\n\r\nfirst\r\n" + b +
                           "\"nonce\"\r\n\r\nn1\r\n" + b + "\"skill\"; filename=\"two.zip\"\r\n\r\nsecond\r\n" + b +
                           "\"nonse\"\r\n\r\nn2\r\n" + b +
                           "\"skill\"; filename=\"dir/three.zip\"\r\n\r\nthird\r\n--x--\r\n";
  const auto answer = post(server.port(), "/verify/batch", body, {}, "multipart/form-data; boundary=x");
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto items = json::parse(answer.body)["items"];
  ASSERT_EQ(items.size(), 3u);
  EXPECT_EQ(items[0]["status"], 202);
  EXPECT_EQ(items[1]["code"], "member_unknown");
  EXPECT_EQ(items[2]["status"], 202);
  server.run([](FakeBackend& backend) {
    ASSERT_EQ(backend.received.size(), 2u);
    EXPECT_EQ(backend.received[0].archive, "first");
    EXPECT_EQ(backend.received[0].submission.archive_name, "one.zip");
    EXPECT_EQ(backend.received[0].submission.nonce, "n1");
    EXPECT_TRUE(backend.received[0].submission.fresh);
    EXPECT_EQ(backend.received[1].archive, "third");
    EXPECT_EQ(backend.received[1].submission.archive_name, "three.zip");
    EXPECT_FALSE(backend.received[1].submission.nonce);
  });
  server.until_spool_is(true);
}

TEST(Batch, SizesAndFormsAreChecked) {
  TestServer server;
  std::string many = R"({"submissions":[)";
  for (int i = 0; i < 100; ++i)
    many += R"({"skillPath":"a"},)";
  EXPECT_EQ(problem_of(post(server.port(), "/verify/batch", many + R"({"skillPath":"a"}]})"), 400)["code"],
            "batch_size_invalid");
  many.back() = ']';
  EXPECT_EQ(json::parse(post(server.port(), "/verify/batch", many + "}").body)["accepted"], 100);
  for (const char* body : {R"({"submissions":[]})", R"({"submissions":{}})", "[]", "{}", "x",
                           R"({"submissions":[{"skillPath":"a"}],"more":1})"})
    EXPECT_EQ(post(server.port(), "/verify/batch", body).status, 400) << body;
  EXPECT_EQ(post(server.port(), "/verify/batch", kPath, {}, "text/plain").status, 415);
  EXPECT_EQ(post(server.port(), "/verify/batch", "--x--\r\n", {}, "multipart/form-data; boundary=x").status, 400);
  EXPECT_EQ(test::get(server.port(), "/verify/batch").status, 405);
  EXPECT_EQ(post(server.port(), "/verify/batch", std::string(600'000, ' ')).status, 413);
  server.until_spool_is(true);
}

TEST(Batch, ReplayedAsAWholeSaysSoAndAnotherBatchIsRefused) {
  TestServer server;
  server.run([](FakeBackend& backend) {
    backend.path_errors.emplace("other", Error(Errc::rejected, "idempotency_key_reused", "another body"));
  });
  const std::string one = R"({"submissions":[{"skillPath":"other"}]})";
  EXPECT_EQ(problem_of(post(server.port(), "/verify/batch", one, "Idempotency-Key: k\r\n"), 422)["code"],
            "idempotency_key_reused");
  const std::string both = R"({"submissions":[{"skillPath":"other"},{"skillPath":"new"}]})";
  EXPECT_EQ(post(server.port(), "/verify/batch", both, "Idempotency-Key: k\r\n").status, 200);
  server.run([](FakeBackend& backend) {
    EXPECT_EQ(backend.received[0].submission.batch, 1u);
    EXPECT_EQ(backend.received[1].submission.batch, 2u);
    const auto key = backend.received[0].submission.idempotency_key.value();
    backend.path_errors.clear();
    backend.keyed.emplace(key, test::make_job(kId, store::JobState::pending));
  });
  const auto again = post(server.port(), "/verify/batch", one, "Idempotency-Key: k\r\n");
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.header("Idempotency-Replayed"), "true");
}

TEST(Batch, TakesNoQuery) {
  TestServer server;
  const std::string body = R"({"submissions":[{"skillPath":"a"}]})";
  EXPECT_EQ(problem_of(post(server.port(), "/verify/batch?visibility=private", body), 400)["code"], "query_invalid");
  server.run([](FakeBackend& backend) { EXPECT_TRUE(backend.received.empty()); });
}

TEST(Batch, AKeyBecomesOneForEachPlace) {
  TestServer server;
  const std::string body = R"({"submissions":[{"skillPath":"a"},{"skillPath":"a"}]})";
  post(server.port(), "/verify/batch", body, "Idempotency-Key: k\r\n");
  post(server.port(), "/verify/batch", body, "Idempotency-Key: k\r\n");
  server.run([](FakeBackend& backend) {
    ASSERT_EQ(backend.received.size(), 4u);
    std::set<std::string> keys;
    for (const auto& received : backend.received)
      keys.insert(received.submission.idempotency_key.value_or(""));
    EXPECT_EQ(keys.size(), 2u);
    EXPECT_LE(keys.rbegin()->size(), 255u);
  });
}

TEST(Verdicts, AreShortAndInOrder) {
  TestServer server;
  const std::string tree(64, 'c');
  server.run([&tree](FakeBackend& backend) {
    backend.verdict_rows[tree] = row_of(kId);
    auto copy = row_of(test::job_id('b'));
    copy.original = kId;
    copy.verdict = "untested";
    backend.verdict_rows[test::job_id('b')] = copy;
  });
  const std::string body =
      R"({"subjects":[")" + std::string(64, '0') + R"(","dirHash1:)" + tree + R"(",")" + test::job_id('b') + R"("]})";
  const auto answer = post(server.port(), "/verdicts", body);
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto list = json::parse(answer.body)["verdicts"];
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0]["found"], false);
  EXPECT_EQ(list[0].size(), 2u);
  EXPECT_EQ(list[1]["subject"], tree);
  EXPECT_EQ(list[1]["jobId"], kId);
  EXPECT_EQ(list[1]["verdict"], "passed");
  EXPECT_EQ(list[1]["passed"], true);
  EXPECT_FALSE(list[1].contains("cached"));
  EXPECT_EQ(list[2]["passed"], nullptr);
  EXPECT_EQ(list[2]["cached"], true);
  EXPECT_EQ(list[2]["originalJobId"], kId);

  const std::string tag = answer.header("ETag");
  EXPECT_THAT(tag, testing::MatchesRegex("\"[0-9a-f]{32}\""));
  for (const std::string& field : {tag, "W/" + tag, "\"x\", " + tag + ", \"y\"", std::string("*")}) {
    const auto same = post(server.port(), "/verdicts", body, "If-None-Match: " + field + "\r\n");
    EXPECT_EQ(same.status, 304) << field;
    EXPECT_EQ(same.body, "");
    EXPECT_EQ(same.header("ETag"), tag);
  }
  server.run([&tree](FakeBackend& backend) { backend.verdict_rows[tree].verdict = "failed"; });
  const auto changed = post(server.port(), "/verdicts", body, "If-None-Match: " + tag + "\r\n");
  EXPECT_EQ(changed.status, 200);
  EXPECT_NE(changed.header("ETag"), tag);
}

TEST(Verdicts, AnAnswerWithoutABodyLeavesTheConnectionUsable) {
  TestServer server;
  Client client(server.port());
  const std::string body = R"({"subjects":[")" + kId + R"("]})";
  const std::string headers = "Content-Type: application/json\r\n";
  EXPECT_EQ(client.exchange(test::request_text("POST", "/verdicts", headers, body)).status, 200);
  client.send(test::request_text("POST", "/verdicts", headers + "If-None-Match: *\r\n", body));
  EXPECT_EQ(client.read(true).status, 304);
  EXPECT_EQ(client.exchange(test::request_text("POST", "/verdicts", headers, body)).status, 200);
}

TEST(Verdicts, SubjectsAreChecked) {
  TestServer server;
  for (const std::string& subject :
       {std::string("1"), std::string(R"("")"), R"("sha256:)" + kId + '"', R"("md5:)" + kId + '"',
        '"' + std::string(64, 'A') + '"', '"' + std::string(63, 'a') + '"', std::string(R"("../../etc")"),
        std::string("null")}) {
    const auto answer = post(server.port(), "/verdicts", R"({"subjects":[")" + kId + R"(",)" + subject + "]}");
    EXPECT_EQ(problem_of(answer, 400)["code"], "subject_invalid") << subject;
    EXPECT_THAT(answer.body, HasSubstr("subjects[1]"));
  }
  EXPECT_EQ(problem_of(post(server.port(), "/verdicts", R"({"subjects":[]})"), 400)["code"], "batch_size_invalid");
  EXPECT_EQ(post(server.port(), "/verdicts", "{}").status, 400);
  EXPECT_EQ(post(server.port(), "/verdicts", "{}", {}, "text/plain").status, 415);
  EXPECT_EQ(post(server.port(), "/verdicts", std::string(20'000, ' ')).status, 413);
}

class EventsTest : public testing::Test {
 protected:
  EventsTest() {
    server.run([](FakeBackend& backend) {
      backend.jobs[kId] = test::make_job(kId, store::JobState::completed);
      backend.verdict_rows[kId] = row_of(kId);
      backend.told[kId] = {state_part(store::JobState::pending), log_part("line one\nline \"two\"\r\xff\n"),
                           state_part(store::JobState::completed), end_part()};
    });
  }
  Answer listen(const std::string& last = {}) const {
    Client client(server.port());
    return client.exchange(
        test::request_text("GET", "/verify/" + kId + "/events", last.empty() ? "" : "Last-Event-ID: " + last + "\r\n"));
  }

  TestServer server;
};

TEST_F(EventsTest, TellStatesLogAndVerdictAndEnd) {
  const auto answer = listen();
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.complete);
  EXPECT_EQ(answer.header("Content-Type"), "text/event-stream");
  EXPECT_EQ(answer.header("Cache-Control"), "no-store");
  EXPECT_THAT(answer.body, HasSubstr("retry: 2000\n\n"));
  EXPECT_THAT(answer.body,
              HasSubstr("id: 0a.1.0\nevent: state\ndata: {\"jobId\":\"" + kId + "\",\"status\":\"pending\""));
  EXPECT_THAT(answer.body, HasSubstr("id: 0a.2.22\nevent: log\ndata: {\"offset\":0,\"text\":\"line one\\nline "
                                     "\\\"two\\\"\\r\xef\xbf\xbd\\n\"}\n\n"));
  EXPECT_THAT(answer.body, HasSubstr("event: verdict\ndata: {\"jobId\":\"" + kId));
  EXPECT_THAT(answer.body, EndsWith("\n\n"));
}

TEST_F(EventsTest, ResumeAfterTheLastId) {
  const auto whole = listen().body;
  std::size_t resumed = 0;
  for (auto at = whole.find("id: "); at != std::string::npos; at = whole.find("id: ", at + 1)) {
    const auto id = whole.substr(at + 4, whole.find('\n', at) - at - 4);
    if (id.ends_with(".end")) continue;
    const auto rest = whole.substr(whole.find("\n\n", at) + 2);
    EXPECT_EQ(listen(id).body, "retry: 2000\n\n" + rest) << id;
    ++resumed;
  }
  EXPECT_EQ(resumed, 3u);
}

TEST_F(EventsTest, AfterTheVerdictAClientIsToldNotToComeBack) {
  const auto whole = listen().body;
  const auto at = whole.rfind("id: ");
  const auto id = whole.substr(at + 4, whole.find('\n', at) - at - 4);
  EXPECT_THAT(id, EndsWith(".end"));
  const auto answer = listen(id);
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.body, "");
}

TEST_F(EventsTest, WaitForWhatComes) {
  server.run([](FakeBackend& backend) { backend.told[kId] = {state_part(store::JobState::pending)}; });
  Client client(server.port());
  client.send(test::request_text("GET", "/verify/" + kId + "/events"));
  client.read_head();
  std::string text;
  while (text.find("pending") == std::string::npos)
    text += client.read_some();
  server.until([](FakeBackend& backend) { return backend.waiting == 1; });
  server.run([](FakeBackend& backend) {
    backend.told[kId].push_back(log_part("more\n"));
    backend.told[kId].push_back(end_part());
    backend.changed();
  });
  while (text.find("verdict") == std::string::npos)
    text += client.read_some();
  EXPECT_THAT(text, HasSubstr("\"text\":\"more\\n\""));
}

TEST_F(EventsTest, AJobThatBeganAnewIsToldAnew) {
  server.run([](FakeBackend& backend) { backend.told[kId][0].anew = true; });
  const auto answer = listen("0b.0.0");
  EXPECT_THAT(answer.body, HasSubstr("event: restart\n"));
  EXPECT_THAT(answer.body, HasSubstr("id: 0a.1.0\n"));
}

TEST_F(EventsTest, OfAServiceThatStopsEndWithoutAVerdict) {
  server.run([](FakeBackend& backend) { backend.told[kId] = {log_part("x\n"), end_part(false)}; });
  const auto answer = listen();
  EXPECT_TRUE(answer.complete);
  EXPECT_THAT(answer.body, Not(HasSubstr("verdict")));
}

TEST_F(EventsTest, MalformedIdsAndUnknownJobsAreRefused) {
  for (const char* id : {"x", "0a", "0a.1", "0a.1.", "0a.1.2.", "0a.1.2.3", "0a.1.2.end.", "0A.1.2", ".1.2", "0a.-1.2",
                         "0a.1.99999999999999999999999", "0a.1.9223372036854775807"})
    EXPECT_EQ(problem_of(listen(id), 400)["code"], "last_event_id_invalid") << id;
  EXPECT_EQ(problem_of(test::get(server.port(), "/verify/" + test::job_id('f') + "/events"), 404)["code"],
            "job_not_found");
  EXPECT_EQ(test::get(server.port(), "/verify/x/events").status, 404);
}

TEST_F(EventsTest, HeadAnswersWithoutAStream) {
  Client client(server.port());
  EXPECT_EQ(client.exchange(test::request_text("HEAD", "/verify/" + kId + "/events"), true).status, 200);
  EXPECT_EQ(client.exchange(test::request_text("GET", "/health")).status, 200);
}

TEST(EventBeats, AreCommentsWhileNothingHappens) {
  ServerOptions options;
  options.beat = std::chrono::milliseconds(1);
  TestServer server(options);
  server.run([](FakeBackend& backend) {
    backend.jobs[kId] = test::make_job(kId, store::JobState::running);
    backend.verdict_rows[kId] = row_of(kId);
    backend.told[kId] = {state_part(store::JobState::running)};
  });
  Client client(server.port());
  client.send(test::request_text("GET", "/verify/" + kId + "/events"));
  EXPECT_EQ(client.read_head().status, 200);
  const auto beats = [](const std::string& text) {
    std::size_t count = 0;
    for (auto at = text.find(": still here\n\n"); at != std::string::npos; at = text.find(": still here\n\n", at + 1))
      ++count;
    return count;
  };
  std::string text;
  while (beats(text) < 3)
    text += client.read_some();
  server.run([](FakeBackend& backend) {
    backend.told[kId].push_back(end_part());
    backend.changed();
  });
  while (text.find("verdict") == std::string::npos)
    text += client.read_some();
  EXPECT_EQ(text.find("event: state"), text.rfind("event: state")) << "a beat repeats nothing";
  EXPECT_THAT(text, HasSubstr("id: 0a.1.0.end\nevent: verdict")) << "nor does it move the place";
}

TEST(EventFrames, AreSharedWhileSomebodyIsSentOne) {
  EventFrames frames;
  auto frame = std::make_shared<const EventFrame>();
  frames.keep("a", frame);
  EXPECT_EQ(frames.find("a"), frame);
  EXPECT_EQ(frames.find("b"), nullptr);
  frame.reset();
  EXPECT_EQ(frames.find("a"), nullptr);
  for (int i = 0; i < 10'000; ++i)
    frames.keep(std::to_string(i), std::make_shared<const EventFrame>());
  EXPECT_LE(frames.size(), 257u) << "what nobody reads is forgotten";
}

TEST(SlowListener, IsCutOffAndBlocksNobody) {
  ServerOptions options;
  options.write_time = std::chrono::milliseconds(200);
  TestServer server(options);
  const std::string line(8000, 'x');
  server.run([&line](FakeBackend& backend) {
    backend.jobs[kId] = test::make_job(kId, store::JobState::completed);
    backend.verdict_rows[kId] = row_of(kId);
    for (int i = 0; i < 2000; ++i)
      backend.told[kId].push_back(log_part(line));
    backend.told[kId].push_back(end_part());
  });
  Client slow(server.port(), 4096);
  slow.send(test::request_text("GET", "/verify/" + kId + "/events"));
  EXPECT_EQ(slow.read_head().status, 200);
  EXPECT_THAT(test::get(server.port(), "/verify/" + kId + "/events").body, HasSubstr("verdict"));
  // Stopping waits for the connection: it returns early only when the server has given it up by itself.
  server.stop(std::chrono::seconds(20));
  std::string got;
  for (std::string piece = slow.read_some(); !piece.empty(); piece = slow.read_some())
    got += piece;
  EXPECT_THAT(got, Not(HasSubstr("verdict")));
}

TEST(Cached, JobsSayWhoseVerdictTheyRepeat) {
  auto job = test::make_job(kId, store::JobState::completed);
  EXPECT_FALSE(json::parse(job_json(job)).contains("cached"));
  job.original = test::job_id('b');
  const auto body = json::parse(job_json(job));
  EXPECT_EQ(body["cached"], true);
  EXPECT_EQ(body["originalJobId"], test::job_id('b'));
  const auto submitted = json::parse(submitted_json(job, false));
  EXPECT_EQ(submitted["status"], "completed");
  EXPECT_EQ(submitted["cached"], true);
}

}  // namespace
}  // namespace skill_verifier::http
