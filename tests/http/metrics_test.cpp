#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <nlohmann/json.hpp>

#include "http/client.hpp"
#include "http/test_server.hpp"

namespace skill_verifier::http {
namespace {

using test::Answer;
using test::Client;
using test::get;
using test::request_text;
using test::TestServer;

bool has(const std::string& text, const std::string& line) {
  return text.find(line + "\n") != std::string::npos;
}

std::size_t count_lines(const std::string& text, std::string_view beginning) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
    count += text.compare(at, beginning.size(), beginning) == 0 ? 1 : 0;
  return count;
}

TEST(GetMetrics, CountsAnswersByRouteNeverByPath) {
  TestServer server;
  const std::string id = test::job_id('a');
  server.run([&id](test::FakeBackend& backend) { backend.jobs[id] = test::make_job(id, store::JobState::completed); });
  EXPECT_EQ(get(server.port(), "/verify/" + id).status, 200);
  EXPECT_EQ(get(server.port(), "/verify/" + test::job_id('b')).status, 404);
  EXPECT_EQ(get(server.port(), "/no/such/" + id).status, 404);
  const Answer answer = get(server.port(), "/metrics");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  const std::string& text = answer.body;
  const std::string name = "skill_verifier_http_requests_total";
  EXPECT_TRUE(has(text, name + R"({method="GET",route="/verify/{jobId}",code="200"} 1)")) << text;
  EXPECT_TRUE(has(text, name + R"({method="GET",route="/verify/{jobId}",code="404"} 1)")) << text;
  EXPECT_TRUE(has(text, name + R"({method="GET",route="other",code="404"} 1)")) << text;
  EXPECT_TRUE(has(text, R"(skill_verifier_http_request_duration_seconds_count{route="/verify/{jobId}"} 2)")) << text;
  EXPECT_EQ(text.find(id), std::string::npos) << "a job id is in it";
}

TEST(GetMetrics, HasNoMoreSeriesHoweverManyPathsAndMethodsAreTried) {
  TestServer server;
  const auto attack = [&server](int number) {
    const std::string text = std::to_string(number);
    Client client(server.port());
    client.exchange(request_text("M" + text, "/path/" + text));
    client.exchange(request_text("M" + text, "/verify/" + text));
    Client malformed(server.port());
    malformed.send("broken" + text + "\r\n\r\n");
    malformed.read();
  };
  attack(0);
  const std::string name = "skill_verifier_http_requests_total{";
  const std::size_t before = count_lines(get(server.port(), "/metrics").body, name);
  for (int i = 1; i < 20; ++i)
    attack(i);
  // The first look itself is one more.
  EXPECT_EQ(count_lines(get(server.port(), "/metrics").body, name), before + 1);
}

TEST(GetMetrics, LeavesTimesOfLongPollsOut) {
  TestServer server;
  const std::string id = test::job_id('a');
  server.run([&id](test::FakeBackend& backend) { backend.jobs[id] = test::make_job(id, store::JobState::completed); });
  EXPECT_EQ(get(server.port(), "/verify/" + id + "?wait=1").status, 200);
  const std::string text = get(server.port(), "/metrics").body;
  EXPECT_TRUE(has(text, R"(skill_verifier_http_requests_total{method="GET",route="/verify/{jobId}",code="200"} 1)"));
  EXPECT_EQ(text.find(R"(skill_verifier_http_request_duration_seconds_count{route="/verify/{jobId}"})"),
            std::string::npos)
      << text;
}

TEST(GetMetrics, ShowsWhatOthersAdd) {
  ServerOptions options;
  options.metrics.emplace_back([](core::MetricsText& out) {
    out.gauge("more", "More.");
    out.sample({}, 3);
  });
  TestServer server(std::move(options));
  server.run([](test::FakeBackend& backend) { backend.health.engine_error = "no answer"; });
  const std::string text = get(server.port(), "/metrics").body;
  EXPECT_TRUE(has(text, "more 3")) << text;
  EXPECT_TRUE(has(text, R"(skill_verifier_ready{dependency="engine"} 0)")) << text;
  EXPECT_TRUE(has(text, R"(skill_verifier_ready{dependency="store"} 1)")) << text;
}

TEST(GetMetrics, ServesOthersWhileSomebodyLooksAtFiles) {
  std::promise<void> looks, others_were_served;
  ServerOptions options;
  options.file_metrics.emplace_back([&looks, served = others_were_served.get_future().share()](core::MetricsText& out) {
    looks.set_value();
    const bool in_time = served.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
    out.gauge("others_were_served", "1 if so.");
    out.sample({}, in_time ? 1 : 0);
  });
  TestServer server(std::move(options));
  Client client(server.port());
  client.send(request_text("GET", "/metrics"));
  looks.get_future().wait();
  EXPECT_EQ(get(server.port(), "/health").status, 200);
  others_were_served.set_value();
  const std::string text = client.read().body;
  EXPECT_TRUE(has(text, "others_were_served 1")) << text;
  EXPECT_TRUE(has(text, "skill_verifier_uploads 0")) << text;
}

nlohmann::json ready(TestServer& server, int status) {
  const Answer answer = get(server.port(), "/ready");
  EXPECT_EQ(answer.status, status) << answer.body;
  EXPECT_EQ(answer.header("Retry-After"), status == 503 ? "5" : "");
  return nlohmann::json::parse(answer.body);
}

TEST(GetReady, AsksWhatIsSoNowAndHealthDoesNot) {
  TestServer server;
  const auto asked = [&server] {
    int times = 0;
    server.run([&times](const test::FakeBackend& backend) { times = backend.readiness_asked; });
    return times;
  };
  EXPECT_EQ(get(server.port(), "/health").status, 200);
  EXPECT_EQ(asked(), 0);
  EXPECT_EQ(get(server.port(), "/ready").status, 200);
  EXPECT_EQ(asked(), 1);
  EXPECT_EQ(get(server.port(), "/metrics").status, 200);
  EXPECT_EQ(asked(), 2);
}

TEST(GetReady, NamesWhatIsNotReadyAndWhy) {
  TestServer server;
  EXPECT_EQ(ready(server, 200)["ready"], true);
  server.run([](test::FakeBackend& backend) { backend.health.engine_error = "no answer"; });
  nlohmann::json answer = ready(server, 503);
  EXPECT_EQ(answer["ready"], false);
  EXPECT_EQ(answer["checks"]["engine"], (nlohmann::json{{"ready", false}, {"reason", "no answer"}}));
  EXPECT_EQ(answer["checks"]["store"], (nlohmann::json{{"ready", true}}));
  server.run([](test::FakeBackend& backend) {
    backend.health = {};
    backend.health.store_error = "disk full";
  });
  EXPECT_EQ(ready(server, 503)["checks"]["store"]["reason"], "disk full");
  server.run([](test::FakeBackend& backend) {
    backend.health = {};
    backend.health.attestation = "dstack-sdk";
    backend.health.dstack_error = "connection refused";
  });
  EXPECT_EQ(ready(server, 503)["checks"]["dstack"]["reason"], "connection refused");
  server.run([](test::FakeBackend& backend) {
    backend.health = {};
    backend.health.draining = true;
  });
  EXPECT_EQ(ready(server, 503)["checks"]["service"]["reason"], "shutting down");
}

TEST(GetReady, IsReadyWithoutAGuestAgentAndSaysSo) {
  TestServer server;
  server.run([](test::FakeBackend& backend) { backend.health.attestation = "none"; });
  const nlohmann::json answer = ready(server, 200);
  EXPECT_EQ(answer["checks"]["dstack"]["ready"], true);
  EXPECT_NE(answer["checks"]["dstack"]["reason"].get<std::string>().find("no guest agent"), std::string::npos);
}

}  // namespace
}  // namespace skill_verifier::http
