#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>

#include "e2e/harness.hpp"
#include "skill_verifier/service/webhooks.hpp"
#include "support/scripted_server.hpp"

namespace skill_verifier::e2e {
namespace {

using test::ReceivedRequest;
using test::Reply;
using test::ScriptedServer;

const std::string kSecret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const std::string kOperatorsNew = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const std::string kOperatorsOld = "whsec_EBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8=";

/// Local receivers may be told, and failures are tried again soon.
std::string config(const std::string& more = "") {
  return "webhooks:\n  allow_addresses: ['127.0.0.0/8']\n  ports: ['1024-65535']\n  retry_first: 100ms\n"
         "  secrets: ['" +
         kOperatorsNew + "', '" + kOperatorsOld + "']\n" + more;
}

Json submission(const std::string& url, const std::string& secret = kSecret) {
  Json request{{"skillPath", (source_dir() / "examples/hello-world").string()}, {"webhook", url}};
  if (!secret.empty()) request["webhookSecret"] = secret;
  return request;
}

/// Waits until the receiver was asked so often; every wait ends by what was observed, the limit fails the test.
void wait_for_requests(const ScriptedServer& server, std::size_t count) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  while (server.requests().size() < count) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("the webhook does not come");
    poll(nullptr, 0, 20);
  }
}

/// A key that may see deliveries; it is known to the daemon a second later at most.
std::string admin_key(const Daemon& daemon) {
  const Finished made = run({program("skill-verifier").string(), "keys", "create", "--name", "a test", "--scope",
                             "admin", "--data-dir", daemon.data_dir().string()});
  EXPECT_EQ(made.exit_code, 0) << made.err;
  return "X-API-Key: " + made.out.substr(0, made.out.find('\n'));
}

Json wait_for_deliveries(const Daemon& daemon, const std::string& key, const std::string& query, std::size_t count) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  while (true) {
    Json page = daemon.curl("/webhooks/deliveries" + query, {"-H", key}).json();
    if (page.contains("deliveries") && page["deliveries"].size() == count) return page["deliveries"];
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("deliveries: " + page.dump(2));
    poll(nullptr, 0, 20);
  }
}

void expect_signed(const ReceivedRequest& request, const std::string& secrets) {
  const std::int64_t timestamp = std::stoll(std::string(request.header("webhook-timestamp")));
  EXPECT_EQ(request.header("webhook-signature"),
            service::sign_webhook(*service::parse_webhook_secrets(secrets), request.header("webhook-id"), timestamp,
                                  request.body));
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  EXPECT_NEAR(static_cast<double>(timestamp),
              static_cast<double>(std::chrono::duration_cast<std::chrono::seconds>(now).count()), 300);
}

TEST(Webhooks, TellWhatBecameOfAJob) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const ScriptedServer own([](const ReceivedRequest&) { return Reply::with(204); });
  const ScriptedServer operators([](const ReceivedRequest&) { return Reply::with(200, "thanks"); });
  const Daemon daemon(config("  endpoints: ['" + operators.url() + "/all']\n"));
  const std::string id = daemon.submit(submission(own.url() + "/hook?token=secret-token"));
  const Json job = daemon.wait(id);
  wait_for_requests(own, 2);
  wait_for_requests(operators, 2);
  const auto requests = own.requests();
  const Json started = Json::parse(requests[0].body), completed = Json::parse(requests[1].body);
  EXPECT_EQ(requests[0].target, "/hook?token=secret-token");
  EXPECT_EQ(started["type"], "job.started");
  EXPECT_EQ(completed["type"], "job.completed");
  EXPECT_EQ(completed["data"]["jobId"], id);
  EXPECT_EQ(completed["data"]["verdict"], "passed");
  EXPECT_EQ(completed["data"]["resultHash"], job["result"]["attestation"]["resultHash"]);
  EXPECT_NE(requests[0].header("webhook-id"), requests[1].header("webhook-id"));
  for (const auto& request : requests)
    expect_signed(request, kSecret);
  for (const auto& request : operators.requests())
    expect_signed(request, kOperatorsNew + " " + kOperatorsOld);
  const std::string page = wait_for_deliveries(daemon, admin_key(daemon), "?state=delivered", 4).dump();
  const std::string shown = page + daemon.curl("/verify/" + id).body + daemon.curl("/jobs").body +
                            const_cast<Daemon&>(daemon).process().log();
  for (const std::string& secret : {kSecret, kOperatorsNew, kOperatorsOld, std::string("secret-token")})
    EXPECT_EQ(shown.find(secret), std::string::npos) << "what only the receiver may know is shown or logged";
}

TEST(Webhooks, AreTriedAgainAcrossKillNineUnderTheSameId) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const ScriptedServer receiver(
      test::in_order({Reply::with(500), Reply::silent(), Reply::with(200), Reply::with(200)}));
  Daemon daemon(config());
  const std::string id = daemon.submit(submission(receiver.url()));
  wait_for_requests(receiver, 2);  // refused once, then left without an answer
  daemon.wait(id);
  daemon.kill_hard();
  daemon.start();
  wait_for_requests(receiver, 4);
  const auto requests = receiver.requests();
  for (std::size_t i = 1; i < 3; ++i) {
    EXPECT_EQ(requests[i].header("webhook-id"), requests[0].header("webhook-id"));
    EXPECT_EQ(requests[i].body, requests[0].body);
    expect_signed(requests[i], kSecret);
  }
  EXPECT_EQ(Json::parse(requests[3].body)["type"], "job.completed");
  EXPECT_EQ(Json::parse(requests[3].body)["data"]["jobId"], id);
  wait_for_deliveries(daemon, admin_key(daemon), "?state=delivered&job=" + id, 2);
}

TEST(Webhooks, DeadLettersAreSeenAndRedelivered) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const ScriptedServer elsewhere([](const ReceivedRequest&) { return Reply::with(200); });
  const ScriptedServer receiver(test::in_order(
      {Reply::with(302, "", {{"Location", elsewhere.url() + "/"}}), Reply::with(200), Reply::with(200)}));
  const Daemon daemon(config("  retry_for: 0s\n"));
  const std::string id = daemon.submit(submission(receiver.url()));
  const std::string key = admin_key(daemon);
  const Json dead = wait_for_deliveries(daemon, key, "?state=dead", 1)[0];
  EXPECT_EQ(daemon.curl("/webhooks/deliveries").status, 401) << "deliveries are for administrators";
  EXPECT_EQ(dead["event"], "job.started");
  EXPECT_EQ(dead["jobId"], id);
  EXPECT_EQ(dead["lastStatus"], 302);
  EXPECT_EQ(dead["target"], receiver.url());
  EXPECT_EQ(elsewhere.connections(), 0u) << "a redirect was followed";
  const std::string path = "/webhooks/deliveries/" + dead["id"].get<std::string>() + "/redeliver";
  const Answer answer = daemon.curl(path, {"-X", "POST", "-H", key});
  EXPECT_EQ(answer.status, 202) << answer.body;
  wait_for_requests(receiver, 3);
  const auto requests = receiver.requests();
  EXPECT_TRUE(std::any_of(requests.begin() + 1, requests.end(), [&](const ReceivedRequest& request) {
    return request.header("webhook-id") == requests[0].header("webhook-id");
  }));
  wait_for_deliveries(daemon, admin_key(daemon), "?state=delivered", 2);
  const std::string unknown(32, '0');
  EXPECT_EQ(daemon.curl("/webhooks/deliveries/" + unknown + "/redeliver", {"-X", "POST", "-H", key}).status, 404);
}

TEST(Webhooks, LeadToNoPrivateAddressUnlessConfigured) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const ScriptedServer receiver([](const ReceivedRequest&) { return Reply::with(200); });
  const Daemon daemon("webhooks:\n  ports: ['1-65535']\n  retry_for: 0s\n");
  const auto refused = [&](const std::string& url) {
    return daemon.curl("/verify", {"-H", "Content-Type: application/json", "-d", submission(url).dump()});
  };
  for (const std::string& url : {receiver.url(), std::string("http://169.254.169.254/latest/meta-data/"),
                                 std::string("http://[::ffff:127.0.0.1]/"), std::string("http://user:pw@example.com/"),
                                 std::string("file:///etc/passwd")}) {
    const Answer answer = refused(url);
    EXPECT_EQ(answer.status, 400) << url;
    EXPECT_EQ(answer.json()["code"], "webhook_invalid") << url;
  }
  // Names are not looked up at submission; the connection is what is refused, for whatever they resolve to then.
  const std::string port = std::to_string(receiver.port());
  for (const std::string& host : {std::string("localhost"), std::string("0x7f.1"), std::string("2130706433")}) {
    const std::string id = daemon.submit(submission("http://" + host + ":" + port + "/"));
    for (const Json& dead : wait_for_deliveries(daemon, admin_key(daemon), "?state=dead&job=" + id, 2))
      EXPECT_NE(dead["lastError"].get<std::string>().find("address_refused"), std::string::npos) << dead.dump(2);
  }
  EXPECT_EQ(receiver.connections(), 0u);
}

TEST(Webhooks, NeedASecretThatIsOne) {
  SKILL_VERIFIER_NEEDS_ENGINE();
  const Daemon daemon;
  const auto code = [&](const Json& request) {
    return daemon.curl("/verify", {"-H", "Content-Type: application/json", "-d", request.dump()}).json()["code"];
  };
  EXPECT_EQ(code(submission("https://example.com/", "")), "webhook_secret_missing");
  EXPECT_EQ(code(submission("https://example.com/", "whsec_short")), "webhook_secret_invalid");
  EXPECT_EQ(daemon.curl("/verify?webhookSecret=" + kSecret, {"-d", "x", "-H", "Content-Type: application/gzip"})
                .json()["code"],
            "member_unknown");
}

}  // namespace
}  // namespace skill_verifier::e2e
