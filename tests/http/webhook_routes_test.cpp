#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "http/client.hpp"
#include "http/test_server.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::http {
namespace {

using core::Json;
using test::Answer;
using test::Client;
using test::FakeBackend;
using test::job_id;
using test::request_text;
using test::TestServer;

store::Delivery dead_letter(std::uint64_t number) {
  store::Delivery delivery;
  delivery.id = job_id('d');
  delivery.number = number;
  delivery.job = job_id('a');
  delivery.event = "job.completed";
  delivery.target = {"https://hooks.example.com/in?token=secret-token", "hooks.example.com", "whsec_secret"};
  delivery.payload = "secret payload";
  delivery.state = store::DeliveryState::dead;
  delivery.attempts = 18;
  delivery.ended_at = core::Time(std::chrono::milliseconds(1'000));
  delivery.last_status = 503;
  delivery.last_error = "answered 503";
  return delivery;
}

Answer post(const TestServer& server, const std::string& path) {
  Client client(server.port());
  return client.exchange(request_text("POST", path));
}

Json body_of(const Answer& answer) {
  return *core::parse_json(answer.body);
}

TEST(WebhookRoutes, ListDeliveriesWithoutWhatOnlyTheReceiverMayKnow) {
  TestServer server;
  server.run([](FakeBackend& backend) { backend.deliveries = {dead_letter(9), dead_letter(8)}; });
  const Answer answer =
      test::get(server.port(), "/webhooks/deliveries?state=dead&job=" + job_id('a') + "&limit=1&cursor=10");
  ASSERT_EQ(answer.status, 200) << answer.body;
  const Json page = body_of(answer);
  ASSERT_EQ(page["deliveries"].size(), 1u);
  EXPECT_EQ(page["nextCursor"], "9");
  EXPECT_EQ(page["deliveries"][0]["target"], "https://hooks.example.com:443");
  EXPECT_EQ(page["deliveries"][0]["state"], "dead");
  EXPECT_EQ(page["deliveries"][0]["lastStatus"], 503);
  EXPECT_TRUE(page["deliveries"][0]["nextAttemptAt"].is_null());
  EXPECT_EQ(answer.body.find("secret"), std::string::npos) << answer.body;
  server.run([](FakeBackend& backend) {
    EXPECT_EQ(backend.delivery_filter.state, store::DeliveryState::dead);
    EXPECT_EQ(backend.delivery_filter.job, job_id('a'));
    EXPECT_EQ(backend.delivery_filter.before, 10u);
    EXPECT_EQ(backend.delivery_filter.limit, 2u);
  });
}

TEST(WebhookRoutes, RefuseAFilterThatIsNone) {
  const TestServer server;
  for (const char* query : {"?state=lost", "?job=x", "?limit=0", "?cursor=-1"}) {
    const Answer answer = test::get(server.port(), std::string("/webhooks/deliveries") + query);
    EXPECT_EQ(answer.status, 400) << query;
  }
}

TEST(WebhookRoutes, Redeliver) {
  TestServer server;
  const std::string path = "/webhooks/deliveries/" + job_id('d') + "/redeliver";
  EXPECT_EQ(body_of(post(server, path))["code"], "delivery_not_found");
  server.run([](FakeBackend& backend) { backend.deliveries = {dead_letter(9)}; });
  const Answer answer = post(server, path);
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(body_of(answer)["id"], job_id('d'));
  server.run([](FakeBackend& backend) { backend.deliveries[0].state = store::DeliveryState::pending; });
  EXPECT_EQ(post(server, path).status, 409);
  server.run([](FakeBackend& backend) { EXPECT_EQ(backend.redelivered.size(), 3u); });
}

TEST(WebhookRoutes, ASubmissionNamesAReceiverAndItsSecret) {
  TestServer server;
  const auto submit = [&](const std::string& type, const std::string& body, const std::string& query = "") {
    Client client(server.port());
    return client.exchange(request_text("POST", "/verify" + query, "Content-Type: " + type + "\r\n", body));
  };
  const auto last = [&] {
    service::Submission submission;
    server.run([&](FakeBackend& backend) { submission = backend.received.back().submission; });
    return submission;
  };
  Answer answer =
      submit("application/json", R"({"skillPath":"a","webhook":"https://h.example/","webhookSecret":"whsec_x"})");
  ASSERT_EQ(answer.status, 202) << answer.body;
  EXPECT_EQ(last().webhook, "https://h.example/");
  EXPECT_EQ(last().webhook_secret, "whsec_x");
  EXPECT_EQ(answer.body.find("whsec"), std::string::npos);
  answer = submit("application/gzip", "x", "?webhook=https://q.example/");
  ASSERT_EQ(answer.status, 202) << answer.body;
  EXPECT_EQ(last().webhook, "https://q.example/");
  EXPECT_FALSE(last().webhook_secret);
  answer = submit("application/gzip", "x", "?webhook=https://q.example/&webhookSecret=whsec_hidden");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.body.find("hidden"), std::string::npos) << answer.body;
}

}  // namespace
}  // namespace skill_verifier::http
