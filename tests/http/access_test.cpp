#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "http/access_fixture.hpp"
#include "http/router.hpp"

/// Who may do what, through sockets.
namespace skill_verifier::test {
namespace {

TEST_F(AccessTest, WithoutAKeyJobsAreReadAndNothingElseIsDone) {
  start();
  add_job('1', "", false);
  EXPECT_EQ(ask("GET", "/verify/" + job_id('1')).status, 200);
  EXPECT_EQ(ask("GET", "/verify/" + job_id('1') + "/logs").status, 200);
  EXPECT_EQ(ask("GET", "/attestation").status, 200);
  for (const char* path : {"/health", "/docs", "/openapi.json"})
    EXPECT_EQ(ask("GET", path).status, 200);
  for (const Answer& answer : {submit({}), ask("DELETE", "/verify/" + job_id('1')), ask("GET", "/jobs")}) {
    EXPECT_EQ(answer.status, 401) << answer.body;
    EXPECT_EQ(code(answer), "key_required");
    EXPECT_EQ(answer.header("WWW-Authenticate"), "Bearer realm=\"skill-verifier\"");
    EXPECT_EQ(answer.header("Content-Type"), "application/problem+json");
  }
  server_->run([](FakeBackend& backend) { EXPECT_TRUE(backend.received.empty()); });
}

TEST_F(AccessTest, OnALoopbackListenerNothingNeedsAKey) {
  options_.address = "127.0.0.1";
  start();
  EXPECT_EQ(submit({}).status, 202);
  EXPECT_EQ(ask("GET", "/jobs").status, 200);
  EXPECT_EQ(ask("DELETE", "/verify/" + job_id('a')).status, 200);
}

TEST_F(AccessTest, AKeyIsSentInEitherField) {
  start();
  const std::string key = make_key("submit");
  EXPECT_EQ(submit(bearer(key)).status, 202);
  EXPECT_EQ(submit("authorization: bEARER " + key + "\r\n").status, 202);
  EXPECT_EQ(submit("X-API-Key: " + key + "\r\n").status, 202);
  server_->run([&](FakeBackend& backend) {
    ASSERT_EQ(backend.received.size(), 3u);
    EXPECT_EQ(backend.received[0].submission.owner, id_of(key));
  });
  EXPECT_EQ(submit("Authorization: Basic dTpw\r\n").status, 401) << "a proxy's own field counts as none";
  EXPECT_EQ(ask("GET", "/attestation", "Authorization: Basic dTpw\r\n").status, 200);
  for (const std::string& fields : {bearer(key) + "X-API-Key: " + key + "\r\n", bearer(key) + bearer(key),
                                    "X-API-Key: " + key + "\r\nX-API-Key: " + key + "\r\n"}) {
    const Answer answer = submit(fields);
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(code(answer), "credentials_ambiguous");
  }
}

TEST_F(AccessTest, AScopeThatIsMissingIs403) {
  start();
  const Answer answer = submit(bearer(make_key("read,cancel")));
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(code(answer), "scope_missing");
  EXPECT_THAT(answer.header("WWW-Authenticate"), testing::HasSubstr("error=\"insufficient_scope\", scope=\"submit\""));
}

TEST_F(AccessTest, UnknownRevokedAndWrongKeysGetTheSameAnswerForTheSameWork) {
  start();
  const std::string good = make_key("submit"), revoked = make_key("submit");
  ASSERT_TRUE(keys_->revoke(id_of(revoked), clock_.now()));
  std::string wrong = good;
  wrong.back() = wrong.back() == '0' ? '1' : '0';
  const std::string unknown = to_string(auth::new_token("0123456789abcdef"));
  const auto comparable = [](const Answer& answer) {
    json body = json::parse(answer.body);
    body.erase("requestId");
    return body.dump() + answer.header("WWW-Authenticate");
  };
  const std::string reference = comparable(submit(bearer(unknown)));
  for (const std::string& token : {unknown, revoked, wrong, std::string("nonsense"), std::string()}) {
    const int before = hashes_;
    const Answer answer = submit(bearer(token));
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(comparable(answer), reference) << token;
    EXPECT_EQ(hashes_ - before, 2) << token;
  }
  const int before = hashes_;
  EXPECT_EQ(submit(bearer(good)).status, 202);
  EXPECT_EQ(hashes_ - before, 2);
  EXPECT_EQ(ask("GET", "/attestation", bearer(unknown)).status, 401) << "also where no key is needed";
}

TEST_F(AccessTest, ARevokedKeyEndsAndANewOneBeginsWithoutARestart) {
  start();
  const std::string key = make_key("submit");
  EXPECT_EQ(submit(bearer(key)).status, 202);
  ASSERT_TRUE(keys_->revoke(id_of(key), clock_.now()));
  EXPECT_EQ(submit(bearer(key)).status, 401);
}

TEST_F(AccessTest, APrivateJobIsForOthersOneThatIsNotThere) {
  start();
  const std::string mine = make_key("read,submit,cancel"), theirs = make_key("read,submit,cancel"),
                    admin = make_key("admin");
  add_job('1', id_of(mine), true);
  const auto comparable = [](const Answer& answer, char digit) {
    std::string body = answer.body;
    for (auto at = body.find(job_id(digit)); at != std::string::npos; at = body.find(job_id(digit)))
      body.replace(at, 32, "ID");
    if (const auto at = body.find("\"requestId\""); at != std::string::npos) body.resize(at);
    return std::to_string(answer.status) + body;
  };
  // Every route that there is, and those of today with parameters.
  std::vector<std::pair<std::string, std::string>> routes = {{"GET", "/verify/{jobId}?timing=1"},
                                                             {"GET", "/verify/{jobId}?wait=1"},
                                                             {"GET", "/verify/{jobId}?wait=x"},
                                                             {"HEAD", "/verify/{jobId}"}};
  for (const http::Route& route : http::routes())
    if (route.path.find("{jobId}") != std::string_view::npos) routes.emplace_back(route.method, route.path);
  ASSERT_GE(routes.size(), 9u);
  for (const std::string& others : {std::string(), bearer(theirs)}) {
    for (const auto& [method, path] : routes) {
      const bool needs_key = others.empty() && method == "DELETE";
      const auto with = [&path = path](char digit) {
        std::string text = path;
        return text.replace(text.find("{jobId}"), 7, job_id(digit));
      };
      int finds = 0, accesses = 0;
      std::string answers[2];
      for (const char digit : {'1', '2'}) {
        int found = 0, accessed = 0;
        server_->run([&](FakeBackend& backend) {
          found = backend.finds;
          accessed = backend.accesses;
        });
        const Answer answer = ask(method, with(digit), others);
        EXPECT_EQ(answer.status, needs_key ? 401 : 404) << method << " " << path;
        answers[digit - '1'] = comparable(answer, digit);
        server_->run([&](FakeBackend& backend) {
          finds += backend.finds - found;
          accesses += backend.accesses - accessed;
        });
      }
      EXPECT_EQ(answers[0], answers[1]) << method << " " << path;
      EXPECT_EQ(finds, 0) << "a job that may not be seen is not read: its size would show in the time";
      EXPECT_EQ(accesses, needs_key ? 0 : 2);
    }
  }
  for (const std::string& key : {mine, admin}) {
    const Answer answer = ask("GET", "/verify/" + job_id('1'), bearer(key));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(json::parse(answer.body)["visibility"], "private");
    EXPECT_EQ(ask("GET", "/verify/" + job_id('1')).status, 404) << "nor is what the owner read kept for others";
  }
  EXPECT_EQ(ask("DELETE", "/verify/" + job_id('1'), bearer(mine)).status, 200);
}

TEST_F(AccessTest, ListsAndTotalsLeaveOutPrivateJobsOfOthers) {
  options_.access.list = auth::Openness::anyone;
  start();
  const std::string mine = make_key("read"), admin = make_key("admin");
  add_job('1', "", false);
  add_job('2', id_of(mine), true);
  add_job('3', "0123456789abcdef", true);
  const auto listed = [this](const std::string& fields) {
    const json body = json::parse(ask("GET", "/jobs", fields).body);
    EXPECT_EQ(body["total"], body["jobs"].size());
    std::string ids;
    for (const auto& job : body["jobs"])
      ids += job["id"].get<std::string>().substr(0, 1);
    return ids;
  };
  EXPECT_EQ(listed({}), "1");
  EXPECT_EQ(listed(bearer(mine)), "21");
  EXPECT_EQ(listed(bearer(admin)), "321");
}

TEST_F(AccessTest, OnlyTheOwnerOrAnAdministratorCancels) {
  start();
  const std::string mine = make_key("cancel"), theirs = make_key("cancel"), admin = make_key("admin");
  add_job('1', id_of(mine), false);
  add_job('2', "", false);
  const Answer refused = ask("DELETE", "/verify/" + job_id('1'), bearer(theirs));
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(code(refused), "job_of_another");
  EXPECT_EQ(ask("DELETE", "/verify/" + job_id('2'), bearer(mine)).status, 403) << "nobody's job is not everybody's";
  EXPECT_EQ(ask("DELETE", "/verify/" + job_id('1'), bearer(mine)).status, 200);
  EXPECT_EQ(ask("DELETE", "/verify/" + job_id('2'), bearer(admin)).status, 200);
}

TEST_F(AccessTest, VisibilityIsGivenInTheBodyOrTheQuery) {
  start();
  const std::string key = make_key("submit");
  EXPECT_EQ(submit(bearer(key), R"({"skillPath":"x","visibility":"private"})").status, 202);
  EXPECT_EQ(ask("POST", "/verify?visibility=private", bearer(key), R"({"skillPath":"x"})").status, 202);
  EXPECT_EQ(submit(bearer(key), R"({"skillPath":"x","visibility":"public"})").status, 202);
  EXPECT_EQ(submit(bearer(key)).status, 202);
  const std::string form =
      "--b\r\nContent-Disposition: form-data; name=\"visibility\"\r\n\r\nprivate\r\n"
      "--b\r\nContent-Disposition: form-data; name=\"skill\"; filename=\"s.tar\"\r\n\r\nbytes\r\n--b--\r\n";
  EXPECT_EQ(Client(port())
                .exchange("POST /verify HTTP/1.1\r\nHost: x\r\n" + bearer(key) +
                          "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: " +
                          std::to_string(form.size()) + "\r\n\r\n" + form)
                .status,
            202);
  server_->run([&](FakeBackend& backend) {
    std::vector<bool> flags;
    for (const auto& received : backend.received)
      flags.push_back(received.submission.is_private);
    EXPECT_THAT(flags, testing::ElementsAre(true, true, false, false, true));
  });
  const Answer other = submit(bearer(key), R"({"skillPath":"x","visibility":"secret"})");
  EXPECT_EQ(other.status, 400);
  EXPECT_EQ(code(other), "visibility_invalid");
  EXPECT_EQ(code(ask("POST", "/verify?visibility=private", bearer(key), R"({"skillPath":"x","visibility":"private"})")),
            "member_duplicate");
}

TEST_F(AccessTest, AnAddressThatAsksTooOftenIs429) {
  options_.address_rate = {3, std::chrono::hours(1)};
  start();
  for (int left = 2; left >= 0; --left) {
    const Answer answer = ask("GET", "/attestation", from("192.0.2.1"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("RateLimit-Limit"), "3");
    EXPECT_EQ(answer.header("RateLimit-Remaining"), std::to_string(left));
    EXPECT_EQ(answer.header("RateLimit-Policy"), "3;w=3600");
    EXPECT_FALSE(answer.header("RateLimit-Reset").empty());
  }
  const Answer refused = ask("GET", "/attestation", from("192.0.2.1"));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(code(refused), "rate_limited");
  EXPECT_EQ(refused.header("RateLimit-Remaining"), "0");
  const int wait = std::stoi(refused.header("Retry-After"));
  EXPECT_TRUE(wait > 1000 && wait <= 1200) << wait;
  EXPECT_EQ(ask("GET", "/attestation", from("192.0.2.2")).status, 200) << "another address";
  EXPECT_EQ(ask("GET", "/health", from("192.0.2.1")).status, 200) << "is never counted";
  EXPECT_EQ(ask("GET", "/attestation", from("192.0.2.1, 192.0.2.3")).status, 200) << "the rightmost hop counts";
  EXPECT_EQ(ask("GET", "/attestation", from("9.9.9.9, 192.0.2.1")).status, 429) << "whatever the client put before it";
  EXPECT_EQ(ask("GET", "/attestation").status, 200) << "nothing tells those on this machine apart";
}

/// A finished job that was read a moment ago is answered from memory, without the way that other requests take.
TEST_F(AccessTest, WhatIsAnsweredFromMemoryIsCountedAndLetInAlike) {
  options_.address_rate = {2, std::chrono::hours(1)};
  start();
  add_job('1', "", false);
  const std::string path = "/verify/" + job_id('1');
  const auto finds = [this] {
    int count = 0;
    server_->run([&count](FakeBackend& backend) { count = backend.finds; });
    return count;
  };
  const Answer first = ask("GET", path, from("192.0.2.1")), again = ask("GET", path, from("192.0.2.1"));
  EXPECT_EQ(finds(), 1) << "the second one is from memory";
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.header("RateLimit-Remaining"), "0");
  EXPECT_EQ(again.header("Cache-Control"), first.header("Cache-Control"));
  EXPECT_EQ(again.header("Content-Type"), first.header("Content-Type"));
  const Answer refused = ask("GET", path, from("192.0.2.1"));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(code(refused), "rate_limited");
  EXPECT_FALSE(refused.header("Retry-After").empty());
  EXPECT_EQ(ask("GET", path, "Authorization: Bearer sv_wrong\r\n" + from("192.0.2.2")).status, 401);
  EXPECT_EQ(ask("GET", path, "X-API-Key: a\r\nX-API-Key: b\r\n" + from("192.0.2.2")).status, 400);
  EXPECT_EQ(ask("POST", path, from("192.0.2.3")).status, 405);
}

TEST_F(AccessTest, WhatIsInMemoryIsForNobodyWhoMayNotRead) {
  options_.access.read = auth::Openness::key;
  start();
  add_job('1', "", false);
  const std::string path = "/verify/" + job_id('1'), key = make_key("read");
  EXPECT_EQ(ask("GET", path, bearer(key)).status, 200);
  const Answer answer = ask("GET", path);
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(code(answer), "key_required");
}

TEST_F(AccessTest, OneNetworkOfIpv6IsOneClient) {
  options_.address_rate = {1, std::chrono::hours(1)};
  start();
  EXPECT_EQ(ask("GET", "/attestation", from("2001:db8:0:1::1")).status, 200);
  EXPECT_EQ(ask("GET", "/attestation", from("2001:db8:0:1:ffff::9")).status, 429);
  EXPECT_EQ(ask("GET", "/attestation", from("2001:db8:0:2::1")).status, 200);
}

TEST_F(AccessTest, AFieldOfSomebodyWhoIsNoProxyIsNotBelieved) {
  options_.address_rate = {1, std::chrono::hours(1)};
  options_.trusted_proxies = {*auth::parse_network("10.0.0.0/8")};
  start();
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(ask("GET", "/attestation", from("192.0.2.1")).status, 200) << "counted as this machine";
}

TEST_F(AccessTest, AKeyHasARateAndAQuotaOfItsOwn) {
  options_.key_rate = {100, std::chrono::hours(1)};
  options_.address_rate = {1, std::chrono::hours(1)};
  start();
  const std::string slow = make_key("submit", "2/h"), few = make_key("submit", {}, "1/d"), plain = make_key("submit");
  EXPECT_EQ(ask("GET", "/attestation", from("192.0.2.1") + bearer(slow)).status, 200);
  EXPECT_EQ(ask("GET", "/attestation", from("192.0.2.1") + bearer(slow)).status, 200);
  EXPECT_EQ(ask("GET", "/attestation", from("192.0.2.9") + bearer(slow)).status, 429) << "wherever it comes from";
  EXPECT_EQ(ask("GET", "/attestation", from("192.0.2.1") + bearer(plain)).header("RateLimit-Limit"), "100");
  const Answer first = submit(from("192.0.2.1") + bearer(few));
  EXPECT_EQ(first.status, 202);
  EXPECT_EQ(first.header("RateLimit-Policy"), "100;w=3600, 1;w=86400");
  EXPECT_EQ(first.header("RateLimit-Limit"), "1") << "the one that is used up first";
  const Answer second = submit(from("192.0.2.1") + bearer(few));
  EXPECT_EQ(second.status, 429);
  EXPECT_EQ(code(second), "quota_exceeded");
  EXPECT_EQ(ask("GET", "/attestation", from("192.0.2.1") + bearer(few)).status, 200) << "it may still read";
}

TEST_F(AccessTest, GuessingKeysIsCounted) {
  options_.address_rate = {2, std::chrono::hours(1)};
  start();
  const std::string guess = from("192.0.2.1") + bearer(to_string(auth::new_token("0123456789abcdef")));
  const Answer first = submit(guess);
  EXPECT_EQ(first.status, 401);
  EXPECT_EQ(first.header("RateLimit-Remaining"), "1");
  EXPECT_EQ(submit(guess + "X-API-Key: another\r\n").status, 400) << "two at once are a guess too";
  const Answer last = submit(guess);
  EXPECT_EQ(last.status, 429);
  EXPECT_EQ(last.header("RateLimit-Limit"), "2");
  EXPECT_EQ(last.header("RateLimit-Policy"), "2;w=3600");
  EXPECT_NE(last.header("Retry-After"), "");
}

TEST_F(AccessTest, WhoGuessesKeysIsWrittenDown) {
  start();
  const std::string guess = from("192.0.2.1") + bearer(to_string(auth::new_token("0123456789abcdef")));
  submit(guess);
  submit(guess + "X-API-Key: another\r\n");
  ask("DELETE", "/verify/" + job_id('a'), guess);
  const auto lines = audited();
  ASSERT_EQ(lines.size(), 3u);
  for (const json& line : lines)
    EXPECT_EQ(line["address"], "192.0.2.1") << line;
  EXPECT_EQ(lines[0]["code"], "key_invalid");
  EXPECT_EQ(lines[1]["code"], "credentials_ambiguous");
}

TEST_F(AccessTest, NobodyIsTakenForThisMachineBehindItsOwnProxy) {
  options_.proxy_field = auth::ProxyField::forwarded;
  options_.address_rate = {2, std::chrono::hours(1)};
  start();
  // What the client wrote before the proxy's part spoils the whole.
  const std::string spoilt = "Forwarded: for=\"abc, for=198.51.100.8\r\n";
  EXPECT_EQ(ask("GET", "/attestation", spoilt).header("RateLimit-Remaining"), "1");
  EXPECT_EQ(ask("GET", "/attestation").status, 200) << "the proxy itself";
  EXPECT_EQ(ask("GET", "/attestation", spoilt).status, 429);
  EXPECT_EQ(ask("GET", "/attestation", "Forwarded: for=198.51.100.8\r\n").status, 200);
}

TEST_F(AccessTest, IdsThatAreNoneAreCounted) {
  options_.address_rate = {2, std::chrono::hours(1)};
  start();
  EXPECT_EQ(ask("GET", "/verify/bad", from("192.0.2.1")).status, 404);
  EXPECT_EQ(ask("GET", "/verify/bad/logs", from("192.0.2.1")).header("RateLimit-Remaining"), "0");
  EXPECT_EQ(ask("GET", "/verify/bad", from("192.0.2.1")).status, 429);
}

TEST_F(AccessTest, WhoSubmitsAndRemovesIsWrittenDown) {
  start();
  const std::string key = make_key("submit,cancel");
  const Answer submitted = submit(from("192.0.2.1") + bearer(key) + "X-Request-Id: mine\r\n");
  EXPECT_EQ(submitted.status, 202);
  submit(from("192.0.2.1") + "X-Request-Id: \"},{\"action\r\n");
  ask("DELETE", "/verify/" + job_id('9'), from("2001:db8::1") + bearer(key));
  ask("DELETE", "/verify/" + job_id('a'), from("2001:db8::1") + bearer(key));
  ask("GET", "/verify/" + job_id('a'), bearer(key));
  const auto lines = audited();
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0]["action"], "job.submit");
  EXPECT_EQ(lines[0]["outcome"], "accepted");
  EXPECT_EQ(lines[0]["status"], 202);
  EXPECT_EQ(lines[0]["requestId"], "mine");
  EXPECT_EQ(lines[0]["keyId"], id_of(key));
  EXPECT_EQ(lines[0]["address"], "192.0.2.1");
  EXPECT_EQ(lines[0]["jobId"], job_id('a'));
  EXPECT_EQ(lines[1]["outcome"], "refused");
  EXPECT_EQ(lines[1]["code"], "key_required");
  EXPECT_FALSE(lines[1].contains("keyId"));
  EXPECT_TRUE(core::is_job_id(lines[1]["requestId"].get<std::string>() + "0000000000000000"))
      << "an id of ours where the client's is none";
  EXPECT_EQ(lines[2]["action"], "job.delete");
  EXPECT_EQ(lines[2]["code"], "job_not_found");
  EXPECT_EQ(lines[2]["jobId"], job_id('9'));
  EXPECT_EQ(lines[3]["outcome"], "accepted");
  EXPECT_EQ(lines[3]["address"], "2001:db8::1");
}

TEST_F(AccessTest, EachOfABatchCountsAndIsWrittenDown) {
  start();
  const std::string key = make_key("submit", {}, "3/d");
  server_->run([](FakeBackend& backend) {
    backend.path_errors.emplace("b", Error(Errc::rejected, "skill_path_not_package", "no package"));
  });
  const std::string body =
      R"({"submissions":[{"skillPath":"a"},{"skillPath":"b"},{"skillPath":"c"},{"skillPath":"d"},{"skillPath":"e"}]})";
  EXPECT_EQ(ask("POST", "/verify/batch", {}, body).status, 401);
  const Answer answer = ask("POST", "/verify/batch", bearer(key) + "X-Request-Id: mine\r\n", body);
  ASSERT_EQ(answer.status, 200) << answer.body;
  const json told = json::parse(answer.body);
  EXPECT_EQ(told["accepted"], 2);
  EXPECT_EQ(told["items"][3]["status"], 429);
  EXPECT_EQ(told["items"][4]["code"], "quota_exceeded");
  const auto lines = audited();
  ASSERT_EQ(lines.size(), 6u);
  EXPECT_EQ(lines[0]["code"], "key_required");
  for (std::size_t i = 1; i < 6; ++i) {
    EXPECT_EQ(lines[i]["action"], "job.submit");
    EXPECT_EQ(lines[i]["requestId"], "mine");
    EXPECT_EQ(lines[i]["keyId"], id_of(key));
  }
  EXPECT_EQ(lines[1]["outcome"], "accepted");
  EXPECT_TRUE(lines[1].contains("jobId"));
  EXPECT_EQ(lines[2]["code"], "skill_path_not_package");
  EXPECT_EQ(lines[3]["outcome"], "accepted");
  EXPECT_EQ(lines[5]["code"], "quota_exceeded");
  server_->run([&](FakeBackend& backend) {
    ASSERT_FALSE(backend.received.empty());
    for (const auto& received : backend.received)
      EXPECT_EQ(received.submission.owner, id_of(key));
  });
}

/// An audit log that takes nothing until it is read, so that records have to wait for each other.
class FullPipe {
 public:
  explicit FullPipe(const std::filesystem::path& file) {
    EXPECT_EQ(::mkfifo(file.c_str(), 0600), 0);
    reader_ = ::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    const int filler = ::open(file.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    while (::write(filler, " ", 1) == 1)
      continue;
    ::close(filler);
  }
  FullPipe(const FullPipe&) = delete;
  FullPipe& operator=(const FullPipe&) = delete;
  ~FullPipe() { ::close(reader_); }

  /// As many as there must be; fewer when nothing comes for half a minute.
  std::vector<json> read(std::size_t lines) {
    std::string text;
    std::array<char, 4096> piece{};
    pollfd ready{reader_, POLLIN, 0};
    while (static_cast<std::size_t>(std::ranges::count(text, '\n')) < lines && ::poll(&ready, 1, 30'000) == 1) {
      const ssize_t count = ::read(reader_, piece.data(), piece.size());
      if (count <= 0) break;
      text.append(piece.data(), static_cast<std::size_t>(count));
    }
    std::istringstream in(text);
    std::vector<json> all;
    for (std::string line; std::getline(in, line);)
      all.push_back(json::parse(line));
    return all;
  }

 private:
  int reader_ = -1;
};

TEST_F(AccessTest, ABatchIsWrittenDownInOneGo) {
  FullPipe pipe(directory_ / "pipe");
  audit_ = std::move(*auth::AuditLog::open(directory_ / "pipe", auth::AuditSync::kernel));
  options_.audit = audit_.get();
  options_.address = "127.0.0.1";
  start();
  std::vector<std::unique_ptr<Client>> clients;
  std::size_t received = 0;
  const auto send = [&](const std::string& id, const std::string& path, std::size_t skills, const std::string& body) {
    clients.push_back(std::make_unique<Client>(port()));
    clients.back()->send(
        request_text("POST", path, "Content-Type: application/json\r\nX-Request-Id: " + id + "\r\n", body));
    received += skills;
    server_->until([received](FakeBackend& backend) { return backend.received.size() == received; });
  };
  send("first", "/verify", 1, R"({"skillPath":"a"})");
  send("batch", "/verify/batch", 3, R"({"submissions":[{"skillPath":"a"},{"skillPath":"b"},{"skillPath":"c"}]})");
  for (int i = 0; i < 5; ++i)
    send("other", "/verify", 1, R"({"skillPath":"a"})");
  std::vector<std::string> ids;
  for (const json& line : pipe.read(9))
    ids.push_back(line["requestId"]);
  ASSERT_EQ(ids.size(), 9u);
  const auto of_batch = std::ranges::find(ids, "batch");
  ASSERT_LE(of_batch - ids.begin(), 6);
  EXPECT_EQ(std::vector<std::string>(of_batch, of_batch + 3), std::vector<std::string>(3, "batch"))
      << "nobody's record came between";
  for (const auto& client : clients)
    EXPECT_LT(client->read().status, 300);
}

TEST_F(AccessTest, AnIdempotencyKeyIsOneForEachClient) {
  start();
  const std::string one = make_key("submit"), other = make_key("submit");
  Client first(port());
  // Not all of its body: the request stays in flight.
  first.send("POST /verify HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\nContent-Type: application/json\r\n" +
             bearer(one) + "Content-Length: 17\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(first.read_head().status, 100);
  EXPECT_EQ(code(submit(bearer(one) + "Idempotency-Key: k\r\n")), "idempotency_key_in_flight");
  EXPECT_EQ(submit(bearer(other) + "Idempotency-Key: k\r\n").status, 202);
  first.send(R"({"skillPath":"x"})");
  EXPECT_EQ(first.read().status, 202);
}

TEST_F(AccessTest, VerdictsAndEventsAreForWhoMaySeeTheJob) {
  start();
  const std::string owner = make_key("read"), admin = make_key("admin"), other = make_key("read");
  add_job('1', id_of(owner), true);
  server_->run([](FakeBackend& backend) {
    store::VerdictRow row;
    row.id = job_id('1');
    backend.verdict_rows[job_id('1')] = row;
    service::EventPart end;
    end.ended = end.is_final = true;
    backend.told[job_id('1')] = {end};
  });
  const std::string path = "/verify/" + job_id('1') + "/events";
  EXPECT_EQ(ask("GET", path).status, 404);
  EXPECT_EQ(ask("GET", path, bearer(other)).status, 404);
  EXPECT_EQ(ask("GET", path, bearer(owner)).status, 200);
  EXPECT_EQ(ask("GET", path, bearer(admin)).status, 200);
  const auto asked_for = [&](const std::string& fields) {
    EXPECT_EQ(ask("POST", "/verdicts", fields, R"({"subjects":[")" + job_id('1') + R"("]})").status, 200);
    std::optional<std::string> viewer;
    server_->run([&](FakeBackend& backend) { viewer = backend.verdicts_for; });
    return viewer;
  };
  EXPECT_EQ(asked_for({}), "");
  EXPECT_EQ(asked_for(bearer(other)), id_of(other));
  EXPECT_EQ(asked_for(bearer(admin)), std::nullopt);
}

}  // namespace
}  // namespace skill_verifier::test
