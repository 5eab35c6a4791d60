#include "app/client_service.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>

#include "support/await.hpp"
#include "support/scripted_server.hpp"

namespace skill_verifier::app {
namespace {

using core::Json;
using test::await;
using test::in_order;
using test::Reply;
using test::ScriptedServer;

const std::string kId(32, 'a');

net::Response answered(int status, std::string body, net::Headers headers = {}) {
  net::Response response;
  response.status = status;
  response.body = std::move(body);
  response.headers = std::move(headers);
  return response;
}

ServiceAddress address_of(const std::string& url) {
  return parse_service_address(url).value();
}

TEST(ParseServiceAddress, TakesHttpAndHttpsWithAPrefix) {
  const auto plain = parse_service_address("http://127.0.0.1:3000/");
  ASSERT_TRUE(plain.has_value());
  EXPECT_EQ(plain->url, "http://127.0.0.1:3000");
  EXPECT_EQ(plain->prefix, "");
  const auto secure = parse_service_address("https://host.example/behind/proxy/");
  ASSERT_TRUE(secure.has_value());
  EXPECT_EQ(secure->endpoint.kind, net::Endpoint::Kind::tls);
  EXPECT_EQ(secure->endpoint.port, 443);
  EXPECT_EQ(secure->prefix, "/behind/proxy");
}

TEST(ParseServiceAddress, RefusesWhatItWouldMisread) {
  for (const char* const text : {"", "localhost:3000", "ftp://host", "http://", "http://user:secret@host/",
                                 "http://host/?a=b", "http://host/#top", "unix:///run/docker.sock"}) {
    const auto parsed = parse_service_address(text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error().id, "server_invalid");
  }
}

TEST(IsExposed, IsPlainHttpBeyondThisMachine) {
  EXPECT_FALSE(is_exposed(address_of("http://127.0.0.1:3000")));
  EXPECT_FALSE(is_exposed(address_of("http://localhost")));
  EXPECT_FALSE(is_exposed(address_of("https://example.org")));
  EXPECT_TRUE(is_exposed(address_of("http://example.org")));
}

TEST(RefusalOf, SaysWhatTheServiceSaidAndWhatToDo) {
  const auto address = address_of("http://host");
  const auto problem = [](const char* code, const char* detail) {
    return std::string(R"({"error":"x","code":")") + code + R"(","detail":")" + detail + "\"}";
  };
  const Error limited = refusal_of(answered(429, problem("rate_limited", "too many"), {{"Retry-After", "7"}}), address);
  EXPECT_EQ(limited.id, "rate_limited");
  EXPECT_EQ(limited.code, Errc::overloaded);
  EXPECT_NE(limited.message.find("429"), std::string::npos);
  EXPECT_NE(limited.message.find("too many"), std::string::npos);
  EXPECT_NE(limited.hint.find("7 s"), std::string::npos);
  EXPECT_NE(refusal_of(answered(401, problem("unauthorized", "no key")), address).hint.find("SKILL_VERIFIER_API_KEY"),
            std::string::npos);
  EXPECT_NE(refusal_of(answered(403, problem("forbidden", "scope")), address).hint.find("scope"), std::string::npos);
  EXPECT_EQ(refusal_of(answered(404, problem("job_not_found", "no job")), address).code, Errc::not_found);
  EXPECT_EQ(refusal_of(answered(413, problem("body_too_large", "big")), address).code, Errc::too_large);
  EXPECT_EQ(refusal_of(answered(422, problem("archive_link", "link")), address).code, Errc::rejected);
}

TEST(RefusalOf, TellsAnotherServerFromOurs) {
  const auto address = address_of("http://host");
  EXPECT_EQ(refusal_of(answered(404, "<html>nginx</html>"), address).id, "not_a_skill_verifier");
  EXPECT_EQ(refusal_of(answered(404, R"({"message":"no"})"), address).id, "not_a_skill_verifier");
  const Error moved = refusal_of(answered(301, ""), address);
  EXPECT_NE(moved.hint.find("redirects"), std::string::npos);
}

TEST(RefusalOf, LetsNothingThroughThatSteersATerminal) {
  const Error error = refusal_of(answered(400, R"({"code":"x","detail":"a\u001b[2Jb","hint":"\u001b]0;t"})"),
                                 address_of("http://host"));
  EXPECT_EQ((error.message + error.hint).find('\x1b'), std::string::npos);
}

TEST(RetryAfter, IsSecondsOrNothing) {
  EXPECT_EQ(retry_after(answered(503, "", {{"retry-after", "12"}})), std::chrono::seconds(12));
  EXPECT_FALSE(retry_after(answered(503, "", {{"Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT"}})));
  EXPECT_FALSE(retry_after(answered(503, "")));
}

class Client : public testing::Test {
 protected:
  std::unique_ptr<ServiceClient> connect(const ScriptedServer& server, std::optional<std::string> key = {}) {
    return std::make_unique<ServiceClient>(io_.get_executor(), address_of(server.url()), std::move(key),
                                           [this](const std::string& text) { notes_.push_back(text); });
  }
  std::filesystem::path archive(const std::string& bytes) {
    const auto file = std::filesystem::path(testing::TempDir()) / ("client-" + std::to_string(::getpid()));
    std::ofstream(file, std::ios::binary) << bytes;
    return file;
  }
  static SubmitFields fields() {
    SubmitFields fields;
    fields.nonce = "a b&c";
    fields.filename = "my skill.tar.gz";
    fields.content_type = "application/gzip";
    fields.idempotency_key = "key-1";
    return fields;
  }
  Result<Json> submitted(ServiceClient& client, const std::string& bytes) {
    return await(io_, client.submit(fields(), archive(bytes), nullptr));
  }

  core::asio::io_context io_;
  std::vector<std::string> notes_;
};

TEST_F(Client, SendsThePackageItsMembersAndTheKey) {
  const ScriptedServer server(in_order({Reply::json(202, R"({"jobId":"1"})")}));
  const auto client = connect(server, "secret");
  const std::string bytes(200'000, 'z');
  const auto accepted = submitted(*client, bytes);
  ASSERT_TRUE(accepted.has_value()) << accepted.error().message;
  const auto request = server.requests().at(0);
  EXPECT_EQ(request.target, "/verify?filename=my%20skill.tar.gz&nonce=a%20b%26c");
  EXPECT_EQ(request.header("Authorization"), "Bearer secret");
  EXPECT_EQ(request.header("Idempotency-Key"), "key-1");
  EXPECT_EQ(request.header("Content-Type"), "application/gzip");
  EXPECT_EQ(request.body, bytes);
}

TEST_F(Client, SendsALostSubmissionAgainUnderTheSameKey) {
  const ScriptedServer server(in_order({Reply::closed(), Reply::json(202, R"({"jobId":"1"})")}));
  const auto client = connect(server);
  const auto accepted = submitted(*client, "abc");
  ASSERT_TRUE(accepted.has_value()) << accepted.error().message;
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].header("Idempotency-Key"), requests[1].header("Idempotency-Key"));
  EXPECT_EQ(requests[1].body, "abc");
}

TEST_F(Client, DoesNotSendARefusedSubmissionAgain) {
  const ScriptedServer server(
      in_order({Reply::json(422, R"({"code":"archive_link","detail":"a link"})"), Reply::json(202, "{}")}));
  const auto client = connect(server);
  const auto refused = submitted(*client, "abc");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().id, "archive_link");
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(Client, WaitsThroughLostConnectionsAndLaterAnswers) {
  const ScriptedServer server(
      in_order({Reply::json(200, R"({"status":"pending"})"), Reply::closed(), Reply::closed(),
                Reply::json(503, R"({"code":"draining"})"), Reply::json(200, R"({"status":"running"})"),
                Reply::json(200, R"({"status":"completed"})")}));
  const auto client = connect(server);
  std::vector<std::string> states;
  const auto job = await(io_, client->wait(kId, core::Duration::zero(),
                                           [&](const Json& seen) { states.push_back(text_of(seen, "status")); }));
  ASSERT_TRUE(job.has_value()) << job.error().message;
  EXPECT_EQ(states, (std::vector<std::string>{"pending", "running", "completed"}));
  EXPECT_EQ(notes_.size(), 2u);
}

TEST_F(Client, SaysAtOnceThatAJobIsGone) {
  const ScriptedServer server(in_order({Reply::json(404, R"({"code":"job_not_found","detail":"no such job"})")}));
  const auto client = connect(server);
  const auto job = await(io_, client->wait(kId, core::Duration::zero(), [](const Json&) {}));
  ASSERT_FALSE(job.has_value());
  EXPECT_EQ(job.error().id, "job_not_found");
}

TEST_F(Client, DoesNotWaitLongerThanItWasTold) {
  const ScriptedServer server([](const test::ReceivedRequest&) { return Reply::json(200, R"({"status":"running"})"); });
  const auto client = connect(server);
  const auto job = await(io_, client->wait(kId, std::chrono::milliseconds(50), [](const Json&) {}));
  ASSERT_FALSE(job.has_value());
  EXPECT_EQ(job.error().id, "wait_timed_out");
}

TEST_F(Client, GoesOnWithALogWhereItWasCutOff) {
  const ScriptedServer server(
      in_order({Reply::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n").then_close(),
                Reply::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\none\ntwo\n\r\n0\r\n\r\n")}));
  const auto client = connect(server);
  std::string heard;
  const auto done = await(io_, client->logs(kId, true, [&](std::string_view text) { heard += text; }));
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_EQ(heard, "one\ntwo\n");
}

TEST_F(Client, NamesTheServerThatDoesNotAnswer) {
  std::string url;
  {
    const ScriptedServer gone(in_order({}));
    url = gone.url();
  }
  ServiceClient client(io_.get_executor(), address_of(url), std::nullopt, [](const std::string&) {});
  const auto answer = await(io_, client.get("/jobs", false));
  ASSERT_FALSE(answer.has_value());
  EXPECT_NE(answer.error().message.find(url), std::string::npos) << answer.error().message;
  EXPECT_NE(answer.error().hint.find("--server"), std::string::npos);
}

TEST_F(Client, SaysThatAnotherServerAnswers) {
  const ScriptedServer server(in_order({Reply::with(200, "<html>hello</html>")}));
  const auto client = connect(server);
  const auto answer = await(io_, client->get_json("/jobs", false));
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().id, "not_a_skill_verifier");
}

}  // namespace
}  // namespace skill_verifier::app
