#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/access_fixture.hpp"

/// Answers that go on after access to what they tell has ended.
namespace skill_verifier::test {
namespace {

/// What happens to answers that go on when something changes meanwhile.
class AnswersThatGoOn : public AccessTest {
 protected:
  AnswersThatGoOn() { options_.beat = std::chrono::milliseconds(1); }

  void add_running_job(const std::string& owner, bool is_private) {
    add_job('1', owner, is_private, JobState::running);
    server_->run([](FakeBackend& backend) { backend.verdict_rows[job_id('1')].id = job_id('1'); });
  }
  /// The whole answer to a request for that job.
  Answer answer_to(const std::string& path, const std::string& fields, const std::function<void()>& change) {
    Client client(port());
    client.send("GET /verify/" + job_id('1') + path + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n");
    server_->until([](FakeBackend& backend) { return backend.waiting == 1; });
    change();
    return client.read();
  }
  /// That what `change` does ends all of them as a new request would be refused.
  void expect_end(const std::string& fields, const std::function<void()>& before, const std::function<void()>& change,
                  int status, const std::string& why) {
    before();
    const Answer events = answer_to("/events", fields, change);
    EXPECT_TRUE(events.complete);
    EXPECT_THAT(events.body, testing::HasSubstr("event: closed\ndata: {\"code\":\"" + why + "\",\"reason\":"));
    before();
    const Answer log = answer_to("/logs", fields, change);
    EXPECT_FALSE(log.complete);
    EXPECT_EQ(log.body, "what it wrote");
    before();
    const Answer waited = answer_to("?wait=60", fields, change);
    EXPECT_EQ(waited.status, status);
    EXPECT_EQ(code(waited), why);
    EXPECT_EQ(code(ask("GET", "/verify/" + job_id('1'), fields)), why);
  }
  void let_read(auth::Openness openness) {
    options_.access.read = openness;
    server_->reconfigure(options_);
  }
  /// As keys.configured and SIGHUP do.
  void configure_key(const auth::Token& token, const std::string& scopes) {
    store::KeyRow row;
    row.id = token.id;
    row.name = "a test";
    row.scopes = scopes;
    row.secret = auth::store_secret(token.secret);
    server_->run([&](FakeBackend&) { ring_->configure({row}); });
  }
};

TEST_F(AnswersThatGoOn, EndForWhoeverHasNoKeyOnceReadingNeedsOne) {
  start();
  add_running_job("", false);
  expect_end(
      {}, [this] { let_read(auth::Openness::anyone); }, [this] { let_read(auth::Openness::key); }, 401, "key_required");
}

TEST_F(AnswersThatGoOn, EndForAKeyThatLostTheScope) {
  start();
  const auth::Token token = auth::new_token(core::random_hex(8));
  add_running_job("", false);
  let_read(auth::Openness::key);
  expect_end(
      bearer(to_string(token)), [&] { configure_key(token, "read"); }, [&] { configure_key(token, "submit"); }, 403,
      "scope_missing");
}

TEST_F(AnswersThatGoOn, EndForAnAdministratorOfOldWhereTheJobIsPrivate) {
  start();
  const auth::Token token = auth::new_token(core::random_hex(8));
  add_running_job(id_of(make_key("submit")), true);
  expect_end(
      bearer(to_string(token)), [&] { configure_key(token, "admin"); }, [&] { configure_key(token, "read,submit"); },
      404, "job_not_found");
}

TEST_F(AnswersThatGoOn, GoOnForAnAdministratorOfOldWhoseJobItIs) {
  start();
  const auth::Token token = auth::new_token(core::random_hex(8));
  add_running_job(token.id, true);
  configure_key(token, "admin");
  const Answer answer = answer_to("/logs", bearer(to_string(token)), [&] {
    configure_key(token, "submit");
    int looks = 0;
    server_->until([&looks](FakeBackend& backend) { return backend.waiting == 1 && ++looks == 3; });
    server_->run([](FakeBackend& backend) {
      backend.logs[job_id('1')] += ", and more";
      backend.jobs[job_id('1')].state = JobState::completed;
      backend.changed();
    });
  });
  EXPECT_TRUE(answer.complete);
  EXPECT_EQ(answer.body, "what it wrote, and more");
}

/// What is going on when a key ends: by `end`, which is told the key.
class EndOfAKey : public AnswersThatGoOn {
 protected:
  /// The whole answer to a request for a private job that runs.
  Answer answer_of(const std::string& path, const std::function<void(const std::string& key)>& end) {
    if (!server_) start();
    const std::string key = make_key("read", {}, {}, clock_.now() + std::chrono::hours(1));
    add_running_job(id_of(key), true);
    return answer_to(path, bearer(key), [&] { end(key); });
  }
  std::vector<std::function<void(const std::string& key)>> ends() {
    return {[this](const std::string& key) { ASSERT_TRUE(keys_->revoke(id_of(key), clock_.now())); },
            [this](const std::string&) { clock_.advance(std::chrono::hours(1)); },
            [this](const std::string& key) {
              const auto other = auth::store_secret(auth::new_token(id_of(key)).secret);
              ASSERT_TRUE(keys_->rotate(id_of(key), other, clock_.now()));
            }};
  }
};

TEST_F(EndOfAKey, IsTheEndOfItsEvents) {
  for (const auto& end : ends()) {
    const Answer answer = answer_of("/events", end);
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.complete);
    EXPECT_THAT(answer.body,
                testing::EndsWith("event: closed\ndata: {\"code\":\"key_invalid\",\"reason\":\"the API key "
                                  "is unknown, expired or revoked\"}\n\n"));
  }
}

TEST_F(EndOfAKey, BreaksOffItsLogs) {
  for (const auto& end : ends()) {
    const Answer answer = answer_of("/logs", end);
    EXPECT_EQ(answer.status, 200);
    EXPECT_FALSE(answer.complete);
    EXPECT_EQ(answer.body, "what it wrote");
  }
}

TEST_F(EndOfAKey, IsTheAnswerToWhoeverWaits) {
  for (const auto& end : ends()) {
    const Answer answer = answer_of("?wait=60", end);
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(code(answer), "key_invalid");
  }
}

TEST_F(AccessTest, WhoeverWaitsWithAGoodKeyIsToldOfTheEnd) {
  options_.beat = std::chrono::milliseconds(1);
  start();
  const std::string key = make_key("read");
  add_job('1', id_of(key), true, JobState::running);
  Client client(port());
  client.send("GET /verify/" + job_id('1') + "?wait=60 HTTP/1.1\r\nHost: x\r\n" + bearer(key) + "\r\n");
  int waits = 0;
  server_->until([&waits](FakeBackend& backend) { return backend.waiting == 1 && ++waits == 3; });
  add_job('1', id_of(key), true, JobState::completed);
  EXPECT_EQ(json::parse(client.read().body)["status"], "completed");
}

TEST_F(AccessTest, WhoeverWaitsWithAGoodKeyIsAskedOnceOfAServiceThatDrains) {
  start();
  const std::string key = make_key("read");
  add_job('1', id_of(key), true, JobState::running);
  server_->run([](FakeBackend& backend) { backend.drains = true; });
  Client client(port());
  client.send("GET /verify/" + job_id('1') + "?wait=60 HTTP/1.1\r\nHost: x\r\n" + bearer(key) + "\r\n");
  EXPECT_EQ(json::parse(client.read().body)["status"], "running");
  server_->run([](FakeBackend& backend) { EXPECT_EQ(backend.waits, 1); });
}

}  // namespace
}  // namespace skill_verifier::test
