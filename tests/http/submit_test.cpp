#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "http/client.hpp"
#include "http/test_server.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::http {
namespace {

using test::Answer;
using test::Client;
using test::FakeBackend;
using test::job_id;
using test::Received;
using test::request_text;
using test::TestServer;

class Submit : public testing::Test {
 protected:
  Answer post(const std::string& path, const std::string& headers, const std::string& body) {
    Client client(server.port());
    return client.exchange(request_text("POST", path, headers, body));
  }
  Answer post_json(const std::string& body, const std::string& query = "") {
    return post("/verify" + query, "Content-Type: application/json; charset=utf-8\r\n", body);
  }
  Answer post_form(const std::string& body) {
    return post("/verify", "Content-Type: multipart/form-data; boundary=B\r\n", body);
  }
  Received last() {
    Received got;
    server.run([&](FakeBackend& backend) {
      if (!backend.received.empty()) got = backend.received.back();
    });
    return got;
  }
  std::size_t count() {
    std::size_t number = 0;
    server.run([&](FakeBackend& backend) { number = backend.received.size(); });
    return number;
  }

  TestServer server;
};

core::Json body_of(const Answer& answer) {
  return *core::parse_json(answer.body);
}

void expect_problem(const Answer& answer, int status, const std::string& code) {
  EXPECT_EQ(answer.status, status) << answer.body;
  EXPECT_EQ(answer.header("Content-Type"), "application/problem+json");
  EXPECT_EQ(body_of(answer)["code"], code) << answer.body;
}

void expect_accepted(const Answer& answer) {
  ASSERT_EQ(answer.status, 202) << answer.body;
  EXPECT_EQ(answer.header("Location"), "/verify/" + job_id('a'));
  EXPECT_EQ(answer.body, R"({"jobId":")" + job_id('a') + R"(","status":"pending","statusUrl":"/verify/)" + job_id('a') +
                             R"(","message":"Verification job created"})");
}

std::string part(const std::string& parameters, const std::string& data) {
  return "--B\r\nContent-Disposition: form-data; " + parameters + "\r\n\r\n" + data + "\r\n";
}

TEST_F(Submit, BodiesThatComeWithTheirHeadsAreKeptApart) {
  const std::string type = "Content-Type: application/json\r\n";
  Client client(server.port());
  // One segment: two requests, and the beginning of a third.
  const std::string third = request_text("POST", "/verify", type, R"({"skillPath":"third"})");
  ASSERT_TRUE(client.send(request_text("POST", "/verify", type, R"({"skillPath":"first"})") +
                          request_text("POST", "/verify", type, R"({"skillPath":"second"})") +
                          third.substr(0, third.size() - 5)));
  expect_accepted(client.read());
  expect_accepted(client.read());
  ASSERT_TRUE(client.send(third.substr(third.size() - 5)));
  expect_accepted(client.read());
  std::vector<std::string> paths;
  server.run([&](FakeBackend& backend) {
    for (const auto& got : backend.received)
      paths.push_back(got.submission.skill_path.value_or(""));
  });
  EXPECT_EQ(paths, (std::vector<std::string>{"first", "second", "third"}));
}

TEST_F(Submit, TakesAPathAsJson) {
  expect_accepted(post_json(R"({"skillPath":"./examples/hello-world"})"));
  const Received got = last();
  EXPECT_EQ(got.submission.skill_path, "./examples/hello-world");
  EXPECT_FALSE(got.submission.archive || got.submission.nonce || got.submission.version || got.submission.name);
  EXPECT_FALSE(got.submission.discover);
  EXPECT_EQ(got.submission.request_id.size(), 16u);
}

TEST_F(Submit, TakesMembersFromBodyAndQuery) {
  expect_accepted(post_json(R"({"skillPath":"a","nonce":"n","discover":true})", "?version=1.0&name=x%20y"));
  const Received got = last();
  EXPECT_EQ(got.submission.nonce, "n");
  EXPECT_EQ(got.submission.version, "1.0");
  EXPECT_EQ(got.submission.name, "x y");
  EXPECT_TRUE(got.submission.discover);
}

TEST_F(Submit, RefusesAMemberThatIsGivenTwice) {
  expect_problem(post_json(R"({"skillPath":"a","nonce":"n"})", "?nonce=m"), 400, "member_duplicate");
  expect_problem(post_json(R"({"skillPath":"a"})", "?nonce=m&nonce=m"), 400, "query_invalid");
  expect_problem(post_form(part("name=nonce", "a") + part("name=nonce", "b") + "--B--\r\n"), 400, "member_duplicate");
  expect_problem(post_form(part("name=skill", "a") + part("name=skill", "b") + "--B--\r\n"), 400, "member_duplicate");
  EXPECT_EQ(count(), 0u);
  server.until_spool_is(true);
}

TEST_F(Submit, RefusesAMemberThatItDoesNotKnow) {
  expect_problem(post_json(R"({"skillPath":"a","nonse":"n"})"), 400, "member_unknown");
  expect_problem(post_json(R"({"skillPath":"a","nonse":null})"), 400, "member_unknown");
  expect_problem(post_json(R"({"skillPath":"a","nonse":{"a":1}})"), 400, "member_unknown");
  EXPECT_EQ(body_of(post_json(R"({"skilpath":"a"})"))["detail"],
            "unknown member skilpath; the nearest known one is skillPath");
  expect_problem(post_json(R"({"skillPath":"a"})", "?nonse=m"), 400, "member_unknown");
  expect_problem(post_form(part("name=nonse", "a") + "--B--\r\n"), 400, "member_unknown");
}

TEST_F(Submit, RefusesMalformedJson) {
  expect_problem(post_json("{\"skillPath\":"), 400, "json_invalid");
  expect_problem(post_json(R"({"skillPath":7})"), 400, "member_invalid");
}

TEST_F(Submit, SaysInThePredecessorsWordsThatThereIsNoSkill) {
  for (const Answer& answer :
       {post_json("{}"), post_json(R"({"skillPath":""})"), post_json(R"({"skillPath":null})"),
        post_form(part("name=nonce", "a") + "--B--\r\n"), post("/verify", "Content-Length: 0\r\n", ""),
        post("/verify", "", ""), post("/verify", "Content-Type: application/json\r\nContent-Length: 0\r\n", "")}) {
    expect_problem(answer, 400, "skill_missing");
    EXPECT_EQ(body_of(answer)["error"], "No skill provided");
  }
}

TEST_F(Submit, SaysInThePredecessorsWordsThatThePathIsAbsent) {
  server.run([](FakeBackend& backend) {
    backend.submit_error = Error(Errc::not_found, "skill_path_not_found", "there is no folder ./x");
  });
  const Answer answer = post_json(R"({"skillPath":"./x"})");
  expect_problem(answer, 400, "skill_path_not_found");
  EXPECT_EQ(body_of(answer)["error"], "Skill path not found");
  EXPECT_EQ(body_of(answer)["detail"], "there is no folder ./x");
}

TEST_F(Submit, PassesTheServicesRefusalsOn) {
  const std::pair<Error, int> cases[] = {{Error(Errc::invalid_argument, "nonce_invalid", "m"), 400},
                                         {Error(Errc::rejected, "archive_path_escapes", "m", "h"), 422},
                                         {Error(Errc::rejected, "skill_path_disabled", "m"), 422},
                                         {Error(Errc::too_large, "archive_too_large", "m"), 413},
                                         {Error(Errc::unsupported, "archive_unsupported", "m"), 415},
                                         {Error(Errc::conflict, "some_conflict", "m"), 409},
                                         {Error(Errc::overloaded, "queue_full", "m"), 503},
                                         {Error(Errc::unavailable, "draining", "m"), 503},
                                         {Error(Errc::timed_out, "store_slow", "m"), 504}};
  for (const auto& [error, status] : cases) {
    server.run([&error = error](FakeBackend& backend) { backend.submit_error = error; });
    const Answer answer = post_json(R"({"skillPath":"a"})");
    expect_problem(answer, status, error.id);
    EXPECT_EQ(answer.header("Retry-After") != "", status == 503) << error.id;
    EXPECT_EQ(body_of(answer)["error"], "m");
  }
}

TEST_F(Submit, TakesAnArchiveAsABodyOfAnyArchiveType) {
  for (const char* type :
       {"application/gzip", "application/x-gzip", "application/x-tgz", "application/zip",
        "application/x-zip-compressed", "application/x-tar", "application/zstd", "Application/Octet-Stream"}) {
    expect_accepted(post("/verify", std::string("Content-Type: ") + type + "\r\n", std::string("by\0tes", 6)));
    EXPECT_EQ(last().archive, std::string("by\0tes", 6)) << type;
    EXPECT_FALSE(last().submission.skill_path);
  }
  server.until_spool_is(true);
}

TEST_F(Submit, NamesARawArchive) {
  const std::string type = "Content-Type: application/zip\r\n";
  post("/verify?filename=dir%2Fa.zip&nonce=n&discover=1", type, "x");
  EXPECT_EQ(last().submission.archive_name, "a.zip");
  EXPECT_EQ(last().submission.nonce, "n");
  EXPECT_TRUE(last().submission.discover);
  post("/verify", type + "Content-Disposition: attachment; filename=\"C:\\b.skill\"\r\n", "x");
  EXPECT_EQ(last().submission.archive_name, "b.skill");
  post("/verify", type, "x");
  EXPECT_EQ(last().submission.archive_name, "");
  expect_problem(post("/verify", type + "Content-Disposition: ;\r\n", "x"), 400, "header_value_invalid");
}

TEST_F(Submit, TakesAForm) {
  std::string archive;
  for (int i = 0; i < 300'000; ++i)
    archive += static_cast<char>(i * 7);
  expect_accepted(post_form(part("name=\"nonce\"", "abc") + part("name=\"skill\"; filename=\"../a b.tgz\"", archive) +
                            part("name=\"discover\"", "on") + part("name=version", "") + "--B--\r\n"));
  const Received got = last();
  EXPECT_EQ(got.archive, archive);
  EXPECT_EQ(got.submission.archive_name, "a b.tgz");
  EXPECT_EQ(got.submission.nonce, "abc");
  EXPECT_TRUE(got.submission.discover);
  EXPECT_FALSE(got.submission.version);
  server.until_spool_is(true);
}

TEST_F(Submit, TakesChunks) {
  Client client(server.port());
  const Answer answer = client.exchange(
      "POST /verify HTTP/1.1\r\nHost: a\r\nContent-Type: application/gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n5;x=y\r\ndefgh\r\n0\r\nTrailer: x\r\n\r\n");
  expect_accepted(answer);
  EXPECT_EQ(last().archive, "abcdefgh");
  EXPECT_EQ(client.exchange(request_text("GET", "/health")).status, 200);
}

TEST_F(Submit, RefusesMalformedChunksAndKeepsNothing) {
  for (const char* chunks : {"x\r\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "-1\r\n", "fffffffffffffffff\r\na"}) {
    Client client(server.port());
    const Answer answer = client.exchange(
        std::string("POST /verify HTTP/1.1\r\nHost: a\r\nContent-Type: application/gzip\r\nTransfer-Encoding: "
                    "chunked\r\n\r\n") +
        chunks);
    EXPECT_TRUE(answer.status == 400 || answer.status == 413) << chunks << answer.body;
    EXPECT_EQ(answer.header("Connection"), "close");
    client.shutdown_write();
    EXPECT_TRUE(client.closed());
  }
  EXPECT_EQ(count(), 0u);
  server.until_spool_is(true);
}

TEST_F(Submit, RefusesAMalformedForm) {
  expect_problem(post_form("--C\r\n"), 400, "multipart_invalid");
  expect_problem(post_form(part("name=skill", "abc")), 400, "multipart_invalid");
  expect_problem(post_form(part("x=skill", "abc") + "--B--"), 400, "multipart_invalid");
  expect_problem(post_form(part("name=nonce", std::string(4097, 'a')) + "--B--"), 413, "field_too_large");
  expect_problem(post_form(part("name=discover", "maybe") + "--B--"), 400, "query_invalid");
  expect_problem(post("/verify", "Content-Type: multipart/form-data\r\n", "x"), 400, "multipart_invalid");
  EXPECT_EQ(count(), 0u);
  server.until_spool_is(true);
}

TEST_F(Submit, RefusesOtherTypes) {
  for (const char* type : {"text/plain", "application/x-www-form-urlencoded", "application/jsonx", "x", "",
                           "multipart/mixed; boundary=B"}) {
    const Answer answer = post("/verify", std::string("Content-Type: ") + type + "\r\n", "body");
    expect_problem(answer, 415, "content_type_unsupported");
    EXPECT_EQ(answer.header("Connection"), "close");
  }
  expect_problem(post("/verify", "", "body"), 415, "content_type_unsupported");
}

TEST_F(Submit, NeedsALengthWhereABodyIsAnnounced) {
  expect_problem(post("/verify", "Content-Type: application/zip\r\n", ""), 411, "length_required");
  Client client(server.port());
  expect_problem(client.exchange("POST /verify HTTP/1.0\r\nContent-Type: application/json\r\n\r\n{}"), 411,
                 "length_required");
}

TEST_F(Submit, DoesNotReadABodyThatNobodyWants) {
  Client client(server.port());
  const Answer answer = client.exchange(
      "POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nGET /health HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.header("Connection"), "close");
  client.shutdown_write();
  EXPECT_TRUE(client.closed());
}

TEST_F(Submit, AsksForTheBodyOnlyWhenItWillBeRead) {
  const std::string expect = "Host: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n";
  Client client(server.port());
  EXPECT_EQ(client.exchange("POST /verify HTTP/1.1\r\nContent-Type: application/zip\r\n" + expect + "\r\n").status,
            100);
  expect_accepted(client.exchange("abc"));
  EXPECT_EQ(last().archive, "abc");
  Client refused(server.port());
  expect_problem(refused.exchange("POST /verify HTTP/1.1\r\nContent-Type: text/plain\r\n" + expect + "\r\n"), 415,
                 "content_type_unsupported");
  Client other(server.port());
  expect_problem(other.exchange("POST /verify HTTP/1.1\r\nHost: a\r\nExpect: magic\r\nContent-Length: 3\r\n\r\n"), 417,
                 "expectation_unsupported");
}

TEST_F(Submit, LeavesNothingOfAClientThatGoesAwayInTheMiddle) {
  for (const bool form : {true, false}) {
    Client client(server.port());
    const std::string type = form ? "multipart/form-data; boundary=B" : "application/gzip";
    client.send("POST /verify HTTP/1.1\r\nHost: a\r\nContent-Type: " + type + "\r\nContent-Length: 1000000\r\n\r\n");
    client.send(part("name=skill", std::string(300'000, 'x')));
    while (server.spool_files().empty())
      continue;
    client.close();
    while (!server.spool_files().empty())
      continue;
    EXPECT_EQ(count(), 0u);
  }
}

TEST_F(Submit, RefusesMoreUploadsThanTheLimit) {
  TestServer broken{[] {
    ServerOptions options;
    options.uploads = 0;
    return options;
  }()};
  Client client(broken.port());
  const Answer answer = client.exchange(request_text("POST", "/verify", "Content-Type: application/zip\r\n", "x"));
  expect_problem(answer, 503, "too_many_uploads");
  EXPECT_NE(answer.header("Retry-After"), "");
}

TEST_F(Submit, AsksForNoBodyThatAFullQueueCannotTake) {
  const Error full(Errc::overloaded, "queue_full", "1000 jobs wait already, which is the limit", "try again later");
  server.run([&](FakeBackend& backend) { backend.room_error = full; });
  for (const std::string query : {"?fresh=1", "?nonce=n"})
    for (const std::string type : {"application/zip", "multipart/form-data; boundary=B", "application/json"}) {
      Client client(server.port());
      const Answer answer = client.exchange("POST /verify" + query + " HTTP/1.1\r\nHost: a\r\nContent-Type: " + type +
                                            "\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n");
      expect_problem(answer, 503, "queue_full");
      EXPECT_EQ(answer.header("Retry-After"), "10") << type;
    }
  EXPECT_EQ(count(), 0u);
  EXPECT_TRUE(server.spool_files().empty());
}

TEST_F(Submit, TakesNoFileOfAFormWhoseMembersAskForAPlaceThatIsNotThere) {
  server.run([](FakeBackend& backend) { backend.room_error = Error(Errc::overloaded, "queue_full", "full"); });
  Client client(server.port());
  client.send(
      "POST /verify HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=B\r\n"
      "Content-Length: 1000000\r\n\r\n" +
      part("name=fresh", "true") + "--B\r\nContent-Disposition: form-data; name=skill; filename=a.zip\r\n\r\n");
  const Answer answer = client.read();
  expect_problem(answer, 503, "queue_full");
  EXPECT_EQ(answer.header("Retry-After"), "10");
}

TEST_F(Submit, ReadsWhatAFullQueueMayAnswerAllTheSame) {
  server.run([](FakeBackend& backend) { backend.room_error = Error(Errc::overloaded, "queue_full", "full"); });
  expect_accepted(post("/verify", "Content-Type: application/zip\r\n", "abc"));
  expect_accepted(post("/verify?fresh=1", "Content-Type: application/zip\r\nIdempotency-Key: k\r\n", "abc"));
  expect_accepted(post_form(part("name=skill; filename=a.zip", "abc") + "--B--\r\n"));
}

TEST_F(Submit, TurnsABugIntoA500) {
  server.run([](FakeBackend& backend) { backend.throws = true; });
  expect_problem(post_json(R"({"skillPath":"a"})"), 500, "internal");
}

}  // namespace
}  // namespace skill_verifier::http
