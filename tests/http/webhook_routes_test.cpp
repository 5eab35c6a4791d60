#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "http/client.hpp"
#include "http/test_server.hpp"
#include "skill_verifier/auth/key_ring.hpp"
#include "skill_verifier/core/ids.hpp"
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

/// A server with two keys: deliveries are for administrators, wherever the listener is.
class WebhookRoutes : public testing::Test {
 protected:
  WebhookRoutes() : directory_(std::filesystem::temp_directory_path() / ("svhooks-" + core::random_hex(8))) {
    const auto keys = std::move(*store::open_key_store(directory_));
    admin_ = make_key(*keys, "admin");
    reader_ = make_key(*keys, "read,submit,cancel");
    ring_ = std::make_unique<auth::KeyRing>(io_.get_executor(), clock_, std::move(*store::open_key_store(directory_)),
                                            auth::KeyRingOptions());
    ServerOptions options;
    options.keys = ring_.get();
    server_ = std::make_unique<TestServer>(options);
  }
  ~WebhookRoutes() override {
    server_.reset();
    ring_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  std::string make_key(store::KeyStore& keys, const std::string& scopes) {
    const auth::Token token = auth::new_token(core::random_hex(8));
    store::KeyRow row;
    row.id = token.id;
    row.name = "a test";
    row.scopes = scopes;
    row.created_at = clock_.now();
    row.secret = auth::store_secret(token.secret);
    EXPECT_TRUE(keys.insert(row));
    return to_string(token);
  }
  Answer ask(const std::string& method, const std::string& path, const std::string& key) const {
    Client client(server_->port());
    return client.exchange(request_text(method, path, key.empty() ? "" : "X-API-Key: " + key + "\r\n"));
  }

  std::filesystem::path directory_;
  core::SystemClock clock_;
  core::asio::io_context io_{1};
  std::string admin_, reader_;
  std::unique_ptr<auth::KeyRing> ring_;
  std::unique_ptr<TestServer> server_;
};

Json body_of(const Answer& answer) {
  return *core::parse_json(answer.body);
}

TEST_F(WebhookRoutes, ListDeliveriesWithoutWhatOnlyTheReceiverMayKnow) {
  server_->run([](FakeBackend& backend) { backend.deliveries = {dead_letter(9), dead_letter(8)}; });
  const Answer answer = ask("GET", "/webhooks/deliveries?state=dead&job=" + job_id('a') + "&limit=1&cursor=10", admin_);
  ASSERT_EQ(answer.status, 200) << answer.body;
  const Json page = body_of(answer);
  ASSERT_EQ(page["deliveries"].size(), 1u);
  EXPECT_EQ(page["nextCursor"], "9");
  EXPECT_EQ(page["deliveries"][0]["target"], "https://hooks.example.com:443");
  EXPECT_EQ(page["deliveries"][0]["state"], "dead");
  EXPECT_EQ(page["deliveries"][0]["lastStatus"], 503);
  EXPECT_TRUE(page["deliveries"][0]["nextAttemptAt"].is_null());
  EXPECT_EQ(answer.body.find("secret"), std::string::npos) << answer.body;
  server_->run([](FakeBackend& backend) {
    EXPECT_EQ(backend.delivery_filter.state, store::DeliveryState::dead);
    EXPECT_EQ(backend.delivery_filter.job, job_id('a'));
    EXPECT_EQ(backend.delivery_filter.before, 10u);
    EXPECT_EQ(backend.delivery_filter.limit, 2u);
  });
}

TEST_F(WebhookRoutes, AreForAdministrators) {
  const std::string redeliver = "/webhooks/deliveries/" + job_id('d') + "/redeliver";
  EXPECT_EQ(ask("GET", "/webhooks/deliveries", "").status, 401);
  EXPECT_EQ(ask("POST", redeliver, "").status, 401);
  EXPECT_EQ(ask("GET", "/webhooks/deliveries", reader_).status, 403);
  EXPECT_EQ(ask("POST", redeliver, reader_).status, 403);
  server_->run([](FakeBackend& backend) { EXPECT_TRUE(backend.redelivered.empty()); });
}

TEST_F(WebhookRoutes, RefuseAFilterThatIsNone) {
  for (const char* query : {"?state=lost", "?job=x", "?limit=0", "?cursor=-1"})
    EXPECT_EQ(ask("GET", std::string("/webhooks/deliveries") + query, admin_).status, 400) << query;
}

TEST_F(WebhookRoutes, Redeliver) {
  const std::string path = "/webhooks/deliveries/" + job_id('d') + "/redeliver";
  EXPECT_EQ(body_of(ask("POST", path, admin_))["code"], "delivery_not_found");
  server_->run([](FakeBackend& backend) { backend.deliveries = {dead_letter(9)}; });
  const Answer answer = ask("POST", path, admin_);
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(body_of(answer)["id"], job_id('d'));
  server_->run([](FakeBackend& backend) { backend.deliveries[0].state = store::DeliveryState::pending; });
  EXPECT_EQ(ask("POST", path, admin_).status, 409);
  server_->run([](FakeBackend& backend) { EXPECT_EQ(backend.redelivered.size(), 3u); });
}

TEST(WebhookSubmission, NamesAReceiverAndItsSecret) {
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
