#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "skill_verifier/core/json.hpp"
#include "skill_verifier/service/webhooks.hpp"
#include "support/paths.hpp"

namespace skill_verifier::service {
namespace {

using namespace std::chrono_literals;
using core::Json;

std::string joined(const Json& secrets) {
  std::string text;
  for (const auto& secret : secrets)
    text += (text.empty() ? "" : " ") + secret.get<std::string>();
  return text;
}

/// tests/interop/webhooks lets the reference library sign the same vectors.
TEST(SignWebhook, AgreesWithTheReferenceVectors) {
  std::ifstream file(test::source_dir() / "tests/service/webhook_vectors.json");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto vectors = core::parse_json(text);
  ASSERT_TRUE(vectors) << vectors.error().message;
  ASSERT_GE(vectors->size(), 3u);
  for (const Json& vector : *vectors) {
    const auto secrets = parse_webhook_secrets(joined(vector["secrets"]));
    ASSERT_TRUE(secrets) << secrets.error().message;
    EXPECT_EQ(sign_webhook(*secrets, vector["id"].get<std::string>(), vector["timestamp"].get<std::int64_t>(),
                           vector["payload"].get<std::string>()),
              vector["signature"].get<std::string>())
        << vector["name"];
  }
}

TEST(WebhookSecrets, AreOneOrTwoOfTheFormThatTheSpecificationHas) {
  const std::string good = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
  EXPECT_EQ(parse_webhook_secrets(good)->size(), 1u);
  EXPECT_EQ(parse_webhook_secrets(good)->at(0).size(), 32u);
  EXPECT_EQ(parse_webhook_secrets(good + " " + good)->size(), 2u);
  for (const std::string& bad : {std::string(), std::string("whsec_"), std::string("secret"), good.substr(6),
                                 "whsec_AAAA" + std::string(), good + " ", " " + good, good + " " + good + " " + good,
                                 good + ",", std::string("whsec_!!!!"), "whsec_" + std::string(88, 'A')}) {
    const auto parsed = parse_webhook_secrets(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().id, "webhook_secret_invalid");
    if (bad.size() > 10) {
      EXPECT_EQ(parsed.error().message.find(bad.substr(6)), std::string::npos) << "no secret in a message";
    }
  }
}

TEST(WebhookPayload, SaysWhatBecameOfTheJobAndWhereTheProofIs) {
  store::Job job;
  job.id = std::string(32, 'a');
  job.state = store::JobState::completed;
  job.attempt = 1;
  job.skill_id = "demo@1.0.0";
  job.created_at = core::Time(1'000ms);
  job.started_at = core::Time(2'000ms);
  job.completed_at = core::Time(3'000ms);
  job.result = R"({"result":{"passed":true,"stdout":"secret output"},"attestation":{}})";
  job.statement = "{}";
  const auto payload = [&] { return *core::parse_json(webhook_payload("job.completed", job)); };
  Json message = payload();
  EXPECT_EQ(message["type"], "job.completed");
  EXPECT_EQ(message["timestamp"], "1970-01-01T00:00:03.000Z");
  EXPECT_EQ(message["data"]["jobId"], job.id);
  EXPECT_EQ(message["data"]["status"], "completed");
  EXPECT_EQ(message["data"]["passed"], true);
  EXPECT_EQ(message["data"]["verdict"], "passed");
  EXPECT_EQ(message["data"]["resultHash"], "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
  EXPECT_EQ(message["data"]["attestationUrl"], "/verify/" + job.id + "/attestation");
  EXPECT_EQ(message.dump().find("secret output"), std::string::npos);
  job.result = R"({"result":{"passed":null}})";
  EXPECT_EQ(payload()["data"]["verdict"], "untested");
  EXPECT_TRUE(payload()["data"]["passed"].is_null());
  job.result = R"({"result":{"passed":false}})";
  EXPECT_EQ(payload()["data"]["verdict"], "failed");
}

TEST(WebhookPayload, SaysWhyAJobCouldNotBeJudged) {
  store::Job job;
  job.state = store::JobState::failed;
  job.completed_at = core::Time(3'000ms);
  job.error = R"({"code":"image_missing","message":"no image","hint":"pull it"})";
  const Json message = *core::parse_json(webhook_payload("job.failed", job));
  EXPECT_EQ(message["data"]["error"]["code"], "image_missing");
  EXPECT_FALSE(message["data"].contains("passed")) << "a fault of ours is no verdict";
}

TEST(RetrySchedule, DoublesUpToALimitAndEndsAfterADay) {
  const RetrySchedule schedule;
  EXPECT_EQ(pause_after(schedule, 1, 0.5), 5s);
  EXPECT_EQ(pause_after(schedule, 2, 0.5), 10s);
  EXPECT_EQ(pause_after(schedule, 3, 0.5), 20s);
  EXPECT_EQ(pause_after(schedule, 1, 0.0), 4s);
  EXPECT_LT(*pause_after(schedule, 1, 0.999), 6s);
  std::chrono::milliseconds total{0};
  int attempts = 1;
  for (; const auto pause = pause_after(schedule, attempts, 0.5); ++attempts) {
    EXPECT_LE(*pause, 4h);
    total += *pause;
    ASSERT_LT(attempts, 100);
  }
  EXPECT_EQ(total, 24h) << "the last attempt is made a day after the first";
  EXPECT_EQ(attempts, 18);
  EXPECT_FALSE(pause_after(schedule, 1'000'000'000, 0.5));
  EXPECT_FALSE(pause_after({.first = 1s, .longest = 1h, .give_up = 0s}, 1, 0.5));
}

struct Refused {
  const char* url;
  const char* why;
};

TEST(ParseWebhook, RefusesWhatIsNoPlainHttpUrl) {
  const Refused refused[] = {
      {"", "characters"},
      {"hooks.example.com", "neither"},
      {"ftp://example.com/", "neither"},
      {"file:///etc/passwd", "neither"},
      {"gopher://example.com/", "neither"},
      {"https://", "no host"},
      {"https:///path", "no host"},
      {"https://user:secret@example.com/", "user name"},
      {"https://user@example.com/", "user name"},
      {"https://example.com@127.0.0.1/", "user name"},
      {"https://example.com/#fragment", "fragment"},
      {"https://example.com#@127.0.0.1/", "fragment"},
      {"https://example.com/a b", "characters"},
      {"https://example.com/\r\nX-Evil: 1", "characters"},
      {"https://example.com\\@127.0.0.1/", "characters"},
      {"https://ex%61mple.com/", "no name"},
      {"https://gr\xc3\xb6\xc3\x9f"
       "e.example/",
       "characters"},
      {"https://example.com:0/", "no host"},
      {"https://example.com:65536/", "no host"},
      {"https://example.com:22/", "port 22"},
      {"http://example.com:6379/", "port 6379"},
      {"http://127.0.0.1/", "loopback"},
      {"http://[::1]:8080/", "loopback"},
      {"http://[::ffff:10.0.0.1]/", "private"},
      {"http://169.254.169.254/latest/meta-data/", "link-local"},
      {"http://[fd00:ec2::254]/", "unique-local"},
      {"http://[fe80::1%25eth0]/", "no name"},
      {"http://[64:ff9b::7f00:1]/", "loopback"},
  };
  for (const Refused& row : refused) {
    const auto parsed = parse_webhook(row.url, {});
    ASSERT_FALSE(parsed) << row.url;
    EXPECT_EQ(parsed.error().id, "webhook_invalid") << row.url;
    EXPECT_NE(parsed.error().message.find(row.why), std::string::npos) << row.url << ": " << parsed.error().message;
    EXPECT_EQ(parsed.error().message.find("secret"), std::string::npos);
  }
  EXPECT_FALSE(parse_webhook("https://example.com/" + std::string(2048, 'a'), {}));
}

TEST(ParseWebhook, TakesWhatAReceiverMayBeCalled) {
  const auto parsed = parse_webhook("HTTPS://Hooks.Example.com/In?token=T", {});
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->host, "hooks.example.com");
  EXPECT_EQ(parsed->secrets, "");
  const auto endpoint = webhook_endpoint(parsed->url);
  ASSERT_TRUE(endpoint);
  EXPECT_EQ(endpoint->first.kind, net::Endpoint::Kind::tls);
  EXPECT_EQ(endpoint->first.port, 443);
  EXPECT_EQ(endpoint->second, "/In?token=T");
  EXPECT_EQ(webhook_origin(parsed->url), "https://hooks.example.com:443");
  EXPECT_EQ(webhook_endpoint("http://a.example?x")->second, "/?x");
  EXPECT_TRUE(parse_webhook("http://93.184.216.34:8080/", {}));
  WebhookOptions options;
  options.ports = {*parse_port_range("1024-65535")};
  options.addresses.allowed = {*net::parse_address_block("127.0.0.0/8")};
  EXPECT_TRUE(parse_webhook("http://127.0.0.1:49152/", options));
  EXPECT_FALSE(parse_webhook("http://127.0.0.1/", options)) << "port 80 is not among them";
}

TEST(PortRange, IsReadOrRefused) {
  EXPECT_EQ(parse_port_range("443")->last, 443);
  EXPECT_EQ(parse_port_range("8000-8999")->first, 8000);
  for (const char* bad : {"", "0", "65536", "9-8", "a", "80-", "-80", "80 ", "80-90-100"})
    EXPECT_FALSE(parse_port_range(bad)) << bad;
}

TEST(OutboxRules, NeedASecretForEndpoints) {
  WebhookOptions options;
  EXPECT_TRUE(outbox_rules(options));
  options.endpoints = {"https://ops.example.com/"};
  EXPECT_EQ(outbox_rules(options).error().id, "webhook_secret_missing");
  options.secrets = {"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="};
  EXPECT_EQ(outbox_rules(options)->endpoints.size(), 1u);
  options.endpoints = {"https://ops.example.com:22/"};
  EXPECT_EQ(outbox_rules(options).error().id, "webhook_invalid");
}

}  // namespace
}  // namespace skill_verifier::service
