#include "service/webhook_sender.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>

#include "skill_verifier/core/ids.hpp"
#include "support/await.hpp"
#include "support/fake_clock.hpp"
#include "support/scripted_server.hpp"

namespace skill_verifier::service {
namespace {

using namespace std::chrono_literals;
using store::DeliveryState;
using test::Reply;
using test::ScriptedServer;

const std::string kSecret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const std::string kOldSecret = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Counts what the sender asks of another outbox.
class CountingOutbox final : public store::Outbox {
 public:
  explicit CountingOutbox(store::Outbox& inner) : inner_(inner) {}
  int looks = 0, launches = 0;

  core::awaitable<Result<std::vector<store::Delivery>>> due(core::Time now, std::size_t per_host) override {
    ++launches;
    return inner_.due(now, per_host);
  }
  core::awaitable<Result<store::WaitingDeliveries>> waiting() override {
    ++looks;
    return inner_.waiting();
  }
  core::awaitable<Result<void>> settle(std::string id, store::Attempted attempted) override {
    return inner_.settle(std::move(id), std::move(attempted));
  }
  core::awaitable<Result<void>> pull_forward(core::Time horizon, core::Time now) override {
    return inner_.pull_forward(horizon, now);
  }
  core::awaitable<Result<std::vector<store::Delivery>>> list(store::DeliveryFilter filter) override {
    return inner_.list(std::move(filter));
  }
  core::awaitable<Result<store::Delivery>> redeliver(std::string id, core::Time now) override {
    return inner_.redeliver(std::move(id), now);
  }
  core::awaitable<Result<std::uint64_t>> forget(core::Time time) override { return inner_.forget(time); }

 private:
  store::Outbox& inner_;
};

class WebhookSenderTest : public testing::Test {
 protected:
  WebhookSenderTest() : scratch_(std::filesystem::temp_directory_path() / ("svtest-" + core::random_hex(8))) {
    store::OutboxRules rules;
    rules.payload = [](std::string_view event, const store::Job& job) { return std::string(event) + " " + job.id; };
    store_ = store::open_memory_store(scratch_, std::move(rules));
    options_.addresses.allowed = {*net::parse_address_block("127.0.0.0/8")};
    options_.ports = {{1024, 65535}};
    options_.timeout = 20s;
  }
  ~WebhookSenderTest() override {
    store_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(scratch_, ignored);
  }

  /// A job that has begun, and ended unless told otherwise: one message, or two.
  std::string add_job(const std::string& url, bool ended = false, const std::string& secrets = kSecret) {
    store::Job job;
    job.id = core::new_job_id();
    job.webhook = store::Webhook{url, webhook_endpoint(url)->first.host, secrets};
    const auto pack = store_->spool() / core::random_hex(8);
    std::ofstream(pack) << "pack";
    EXPECT_TRUE(test::await(io_, store_->insert(job, pack)));
    EXPECT_TRUE(test::await(io_, store_->begin(job.id, clock_.now())));
    store::JobOutcome outcome;
    outcome.completed_at = clock_.now();
    if (ended) EXPECT_TRUE(test::await(io_, store_->finish(job.id, outcome)));
    return job.id;
  }
  void start() {
    sender_ = std::make_unique<WebhookSender>(io_.get_executor(), clock_, store_->outbox(), options_, "tests/1");
    sender_->start();
  }
  void stop() {
    test::await(io_, sender_->stop());
    sender_.reset();
  }
  std::vector<store::Delivery> list() { return *test::await(io_, store_->outbox().list({})); }
  /// Runs the loop until all messages satisfy a condition; the limit only ends a test that hangs.
  void until(const std::function<bool(const store::Delivery&)>& condition) {
    const auto end = std::chrono::steady_clock::now() + 60s;
    while (true) {
      const auto all = list();
      if (std::all_of(all.begin(), all.end(), condition)) return;
      if (std::chrono::steady_clock::now() > end) throw std::runtime_error("the deliveries do not get there");
      io_.restart();
      io_.run_one_for(50ms);
    }
  }
  void until_delivered() {
    until([](const store::Delivery& delivery) { return delivery.state == DeliveryState::delivered; });
  }

  std::filesystem::path scratch_;
  core::asio::io_context io_{1};
  test::FakeClock clock_;
  std::unique_ptr<store::JobStore> store_;
  WebhookOptions options_;
  std::unique_ptr<WebhookSender> sender_;
};

TEST_F(WebhookSenderTest, PostsWhatTheSpecificationAsksFor) {
  const ScriptedServer server([](const test::ReceivedRequest&) { return Reply::with(204); });
  const std::string job = add_job(server.url() + "/in?token=t", false, kSecret + " " + kOldSecret);
  start();
  until_delivered();
  stop();
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].method, "POST");
  EXPECT_EQ(requests[0].target, "/in?token=t");
  EXPECT_EQ(requests[0].body, "job.started " + job);
  EXPECT_EQ(requests[0].header("Content-Type"), "application/json");
  const std::string id(requests[0].header("webhook-id")), timestamp(requests[0].header("webhook-timestamp"));
  EXPECT_EQ(id, list()[0].id);
  EXPECT_EQ(timestamp, "1769776496");
  const auto secrets = parse_webhook_secrets(kSecret + " " + kOldSecret);
  EXPECT_EQ(requests[0].header("webhook-signature"), sign_webhook(*secrets, id, 1769776496, requests[0].body));
}

TEST_F(WebhookSenderTest, SignsWithTheOperatorsSecretsOfTheMomentOfSending) {
  const ScriptedServer server([](const test::ReceivedRequest&) { return Reply::with(200); });
  add_job(server.url(), false, "");
  options_.secrets = {kOldSecret, kSecret};
  start();
  until_delivered();
  stop();
  const auto request = server.requests().at(0);
  EXPECT_EQ(request.header("webhook-signature"), sign_webhook(*parse_webhook_secrets(kOldSecret + " " + kSecret),
                                                              request.header("webhook-id"), 1769776496, request.body));
}

TEST_F(WebhookSenderTest, TriesAgainUnderTheSameIdAndInOrder) {
  const ScriptedServer server(test::in_order({Reply::with(500), Reply::with(404), Reply::with(200), Reply::with(200)}));
  const std::string job = add_job(server.url(), true);
  options_.retry.first = 1ms;
  start();
  until([&](const store::Delivery&) {
    clock_.advance(10ms);
    return server.requests().size() == 4;
  });
  until_delivered();
  stop();
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 4u);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(requests[static_cast<std::size_t>(i)].body, "job.started " + job);
    EXPECT_EQ(requests[static_cast<std::size_t>(i)].header("webhook-id"), requests[0].header("webhook-id"));
  }
  EXPECT_EQ(requests[3].body, "job.completed " + job) << "the end is told after the beginning";
}

TEST_F(WebhookSenderTest, WhatWaitsForARetryBeforeItIsNoStoreInTrouble) {
  const ScriptedServer server([](const test::ReceivedRequest&) { return Reply::with(500); });
  add_job(server.url(), true);
  CountingOutbox outbox(store_->outbox());
  sender_ = std::make_unique<WebhookSender>(io_.get_executor(), clock_, outbox, options_, "tests/1");
  sender_->start();
  until([](const store::Delivery& delivery) { return delivery.attempts == (delivery.event == "job.started" ? 1 : 0); });
  // The look after the failure has ended when the next one begins.
  until([&](const store::Delivery&) { return outbox.looks >= 2; });
  sender_->wake();
  until([&](const store::Delivery&) { return outbox.looks >= 3; });
  stop();
  EXPECT_EQ(outbox.launches, 1) << "the end may not go before the beginning, whose retry is not due";
}

TEST_F(WebhookSenderTest, FollowsNoRedirect) {
  const ScriptedServer target([](const test::ReceivedRequest&) { return Reply::with(200); });
  const ScriptedServer server(
      [&](const test::ReceivedRequest&) { return Reply::with(307, "", {{"Location", target.url() + "/elsewhere"}}); });
  add_job(server.url());
  options_.retry.give_up = 0ms;
  start();
  until([](const store::Delivery& delivery) { return delivery.state == DeliveryState::dead; });
  stop();
  EXPECT_EQ(target.connections(), 0u);
  EXPECT_EQ(list()[0].last_status, 307);
  EXPECT_NE(list()[0].last_error.find("redirects are not followed"), std::string::npos);
}

TEST_F(WebhookSenderTest, ConnectsToNoAddressThatIsNotPublic) {
  const ScriptedServer server([](const test::ReceivedRequest&) { return Reply::with(200); });
  // A name, so that the policy of URLs has nothing to say: only the resolved address tells.
  add_job("http://localhost:" + std::to_string(server.port()) + "/");
  options_.addresses.allowed.clear();
  options_.retry.give_up = 0ms;
  start();
  until([](const store::Delivery& delivery) { return delivery.state == DeliveryState::dead; });
  stop();
  EXPECT_EQ(server.connections(), 0u);
  EXPECT_NE(list()[0].last_error.find("address_refused"), std::string::npos) << list()[0].last_error;
}

TEST_F(WebhookSenderTest, AReceiverThatIsGoneIsLeftAlone) {
  const ScriptedServer server([](const test::ReceivedRequest&) { return Reply::with(410); });
  add_job(server.url());
  start();
  until([](const store::Delivery& delivery) { return delivery.state == DeliveryState::dead; });
  stop();
  EXPECT_EQ(server.requests().size(), 1u);
  EXPECT_EQ(list()[0].attempts, 1);
}

TEST_F(WebhookSenderTest, NeitherASilentNorAnEndlessReceiverHoldsItUp) {
  const ScriptedServer silent([](const test::ReceivedRequest&) { return Reply::silent(); });
  const ScriptedServer endless([](const test::ReceivedRequest&) {
    return Reply::raw("HTTP/1.1 200 OK\r\nX-Long: " + std::string(64u << 10, 'x')).then_hang();
  });
  const ScriptedServer talkative([](const test::ReceivedRequest&) {
    return Reply::raw("HTTP/1.1 200 OK\r\n\r\n" + std::string(1u << 20, 'x')).then_hang();
  });
  add_job(silent.url());
  add_job(endless.url());
  add_job(talkative.url());
  options_.timeout = 300ms;
  options_.retry.give_up = 0ms;
  start();
  until([](const store::Delivery& delivery) { return delivery.state != DeliveryState::pending; });
  stop();
  const auto all = list();
  EXPECT_EQ(all[0].state, DeliveryState::delivered) << "the status is all that is read";
  EXPECT_EQ(all[1].state, DeliveryState::dead);
  EXPECT_NE(all[1].last_error.find("response_too_large"), std::string::npos) << all[1].last_error;
  EXPECT_EQ(all[2].state, DeliveryState::dead);
  EXPECT_NE(all[2].last_error.find("timed_out"), std::string::npos) << all[2].last_error;
}

TEST_F(WebhookSenderTest, SendsNoMoreAtOnceToOneHostThanAllowed) {
  ScriptedServer server([](const test::ReceivedRequest&) {
    return Reply::raw("").then_wait("answers").then_send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  for (int i = 0; i < 6; ++i)
    add_job(server.url());
  options_.per_host = 2;
  start();
  until([&](const store::Delivery&) { return server.requests().size() == 2; });
  for (int i = 0; i < 20; ++i)
    list();
  EXPECT_EQ(server.connections(), 2u);
  server.open("answers");
  until_delivered();
  stop();
  EXPECT_EQ(server.connections(), 6u);
}

TEST_F(WebhookSenderTest, WhatWasUnderWayAtTheEndIsSentAgain) {
  const ScriptedServer server(test::in_order({Reply::silent(), Reply::with(200)}));
  add_job(server.url());
  start();
  until([&](const store::Delivery&) { return server.requests().size() == 1; });
  stop();
  EXPECT_EQ(list()[0].state, DeliveryState::pending);
  EXPECT_EQ(list()[0].attempts, 0) << "its end was ours";
  start();
  until_delivered();
  stop();
  EXPECT_EQ(server.requests().at(1).header("webhook-id"), server.requests().at(0).header("webhook-id"));
}

TEST_F(WebhookSenderTest, AClockThatJumpsBackHoldsNothingUp) {
  const ScriptedServer server(test::in_order({Reply::with(503), Reply::with(200)}));
  add_job(server.url());
  start();
  until([&](const store::Delivery& delivery) { return delivery.attempts == 1; });
  clock_.advance(-72h);
  sender_->wake();
  until_delivered();
  stop();
}

TEST_F(WebhookSenderTest, AClockThatJumpsAheadEndsNothing) {
  const ScriptedServer server(test::in_order({Reply::with(503), Reply::with(503), Reply::with(200)}));
  add_job(server.url());
  start();
  for (int attempts = 1; attempts <= 2; ++attempts) {
    until([&](const store::Delivery& delivery) { return delivery.attempts == attempts; });
    clock_.advance(72h);
    sender_->wake();
  }
  until_delivered();
  stop();
}

}  // namespace
}  // namespace skill_verifier::service
