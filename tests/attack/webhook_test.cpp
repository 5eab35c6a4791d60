#include <poll.h>

#include <functional>

#include "attack/attacked.hpp"
#include "skill_verifier/service/webhooks.hpp"
#include "support/scripted_server.hpp"

/// Webhooks as a way to make the daemon talk to somebody, or to tell a receiver something twice.
namespace skill_verifier::attack {
namespace {

using test::ReceivedRequest;
using test::Reply;
using test::ScriptedServer;

const std::string kSecret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

Json submission(const std::string& url) {
  return {{"skillPath", (e2e::source_dir() / "examples/hello-world").string()},
          {"webhook", url},
          {"webhookSecret", kSecret}};
}

std::string admin_key(const Daemon& daemon) {
  const e2e::Finished made = e2e::run({e2e::program("skill-verifier").string(), "keys", "create", "--name", "a test",
                                       "--scope", "admin", "--data-dir", daemon.data_dir().string()});
  EXPECT_EQ(made.exit_code, 0) << made.err;
  return "X-API-Key: " + made.out.substr(0, made.out.find('\n'));
}

/// Asks until `enough`; ends by what was observed, the limit fails the test.
Json deliveries_when(const Daemon& daemon, const std::string& key, const std::string& query,
                     const std::function<bool(const Json&)>& enough) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  while (true) {
    const Json page = daemon.curl("/webhooks/deliveries" + query, {"-H", key}).json();
    if (page.contains("deliveries") && enough(page["deliveries"])) return page["deliveries"];
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("deliveries: " + page.dump(2));
    poll(nullptr, 0, 20);
  }
}

TEST(WebhookAttack, NoSpellingOfAPrivateAddressIsConnectedTo) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const ScriptedServer inside([](const ReceivedRequest&) { return Reply::with(200); });
  const std::string port = ":" + std::to_string(inside.port()) + "/";
  const Daemon daemon("webhooks: {ports: ['1-65535'], retry_for: 0s}\n");
  const std::string key = admin_key(daemon);
  GoodClient somebody_else(daemon.port());
  // Loopback, this network, private, shared, link-local with the metadata services, benchmarking, multicast, reserved;
  // IPv6 of the same kinds; and IPv4 inside IPv6 as mapped, compatible, 6to4, NAT64 and Teredo addresses.
  for (const char* host : {"127.0.0.1",
                           "127.255.255.254",
                           "0.0.0.0",
                           "10.0.0.1",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.168.0.1",
                           "100.64.0.1",
                           "100.100.100.200",
                           "169.254.169.254",
                           "169.254.170.2",
                           "198.18.0.1",
                           "224.0.0.1",
                           "240.0.0.1",
                           "255.255.255.255",
                           "192.0.2.1",
                           "[::1]",
                           "[::]",
                           "[fe80::1]",
                           "[fc00::1]",
                           "[fd00:ec2::254]",
                           "[ff02::1]",
                           "[fec0::1]",
                           "[2001:db8::1]",
                           "[::ffff:127.0.0.1]",
                           "[::ffff:7f00:1]",
                           "[::127.0.0.1]",
                           "[2002:7f00:1::]",
                           "[64:ff9b::7f00:1]",
                           "[64:ff9b:1::7f00:1]",
                           "[2001:0:7f00:1::]"}) {
    const auto answer = daemon.curl(
        "/verify", {"-H", "Content-Type: application/json", "-d", submission("http://" + (host + port)).dump()});
    EXPECT_EQ(answer.status, 400) << host << answer.body;
    EXPECT_EQ(answer.json().value("code", ""), "webhook_invalid") << host;
  }
  // What only the resolver turns into an address is refused where the connection would be made, or is no host at all.
  for (const char* host :
       {"localhost", "LOCALHOST.", "0", "0177.0.0.1", "0x7f000001", "127.1", "2130706433", "127.0.1"}) {
    const auto answer = daemon.curl(
        "/verify", {"-H", "Content-Type: application/json", "-d", submission("http://" + (host + port)).dump()});
    if (answer.status == 400) continue;
    ASSERT_EQ(answer.status, 202) << host << answer.body;
    const std::string query = "?state=dead&job=" + answer.json()["jobId"].get<std::string>();
    const Json dead = deliveries_when(daemon, key, query, [](const Json& list) { return !list.empty(); });
    const std::string error = dead[0]["lastError"];
    EXPECT_TRUE(error.find("address_refused") != std::string::npos || error.find("Host not found") != std::string::npos)
        << host << ": " << error;
  }
  EXPECT_EQ(inside.connections(), 0u);
  somebody_else.stop();
  EXPECT_TRUE(somebody_else.failures().empty());
}

TEST(WebhookAttack, AMessageThatIsSentAgainByAnybodyGivesItselfAway) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const ScriptedServer receiver([](const ReceivedRequest&) { return Reply::with(410); });
  const Daemon daemon("webhooks: {allow_addresses: ['127.0.0.0/8'], ports: ['1024-65535']}\n");
  const std::string key = admin_key(daemon);
  const std::string id = daemon.submit(submission(receiver.url()));
  const Json dead =
      deliveries_when(daemon, key, "?state=dead&job=" + id, [](const Json& list) { return list.size() == 2; });
  const std::size_t told = receiver.requests().size();
  daemon.curl("/webhooks/deliveries/" + dead[0]["id"].get<std::string>() + "/redeliver", {"-X", "POST", "-H", key});
  deliveries_when(daemon, key, "?state=dead&job=" + id,
                  [&](const Json& list) { return list.size() == 2 && receiver.requests().size() > told; });
  const auto requests = receiver.requests();
  const auto& again = requests.back();
  // A receiver that keeps the ids it has seen refuses it, whoever sent it.
  EXPECT_EQ(again.header("webhook-id"), dead[0]["id"].get<std::string>());
  // One that looks at the time refuses a copy: neither time nor id nor body can be changed without the secret.
  const auto secrets = *service::parse_webhook_secrets(kSecret);
  const std::string signature(again.header("webhook-signature"));
  const std::int64_t time = std::stoll(std::string(again.header("webhook-timestamp")));
  const std::string own(again.header("webhook-id"));
  EXPECT_EQ(service::sign_webhook(secrets, own, time, again.body), signature);
  EXPECT_NE(service::sign_webhook(secrets, own, time + 1, again.body), signature);
  EXPECT_NE(service::sign_webhook(secrets, std::string(32, '0'), time, again.body), signature);
  EXPECT_NE(service::sign_webhook(secrets, own, time, again.body + " "), signature);
}

}  // namespace
}  // namespace skill_verifier::attack
