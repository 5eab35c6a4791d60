#include <fmt/core.h>
#include <gtest/gtest.h>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "http/client.hpp"
#include "http/listener.hpp"
#include "http/test_server.hpp"
#include "skill_verifier/core/json.hpp"

// Every test with a time limit relies on the server to end the connection: the client only waits for that.
namespace skill_verifier::http {
namespace {

using store::JobState;
using test::Answer;
using test::Client;
using test::FakeBackend;
using test::get;
using test::job_id;
using test::make_job;
using test::request_text;
using test::TestServer;
using namespace std::chrono_literals;

ServerOptions impatient() {
  ServerOptions options;
  options.header_time = 50ms;
  options.body_time = 50ms;
  options.body_idle = 50ms;
  options.idle_time = 50ms;
  options.write_time = 50ms;
  return options;
}

core::Json body_of(const Answer& answer) {
  return *core::parse_json(answer.body);
}

TEST(Limits, CloseAConnectionThatSaysNothing) {
  TestServer server(impatient());
  Client client(server.port());
  EXPECT_TRUE(client.closed());
}

TEST(Limits, CloseAConnectionThatStopsInsideAHead) {
  TestServer server(impatient());
  Client client(server.port());
  client.send("GET /health HTTP/1.1\r\nHo");
  EXPECT_TRUE(client.closed());
}

TEST(Limits, CloseAConnectionThatTricklesAHead) {
  ServerOptions options = impatient();
  options.idle_time = 60s;
  options.header_bytes = 64u << 20;  // the time must end it, not the size
  TestServer server(options);
  Client client(server.port());
  client.send("GET /health HTTP/1.1\r\n");
  while (client.send("X-Slow: 1\r\n") && server.spool_files().empty())
    continue;
  EXPECT_TRUE(client.closed());
}

TEST(Limits, CloseAnIdleConnectionAfterAnAnswer) {
  ServerOptions options = impatient();
  options.header_time = 60s;
  TestServer server(options);
  Client client(server.port());
  EXPECT_EQ(client.exchange(request_text("GET", "/health")).status, 200);
  EXPECT_TRUE(client.closed());
}

TEST(Limits, AnswerAConnectionWhoseBodyStopsWith408) {
  ServerOptions options = impatient();
  options.body_time = 60s;
  TestServer server(options);
  Client client(server.port());
  client.send("POST /verify HTTP/1.1\r\nHost: a\r\nContent-Type: application/zip\r\nContent-Length: 10\r\n\r\nab");
  const Answer answer = client.read();
  EXPECT_EQ(answer.status, 408);
  EXPECT_EQ(answer.header("Content-Type"), "application/problem+json");
  EXPECT_EQ(answer.header("Connection"), "close");
  EXPECT_EQ(body_of(answer)["code"], "body_timed_out");
  client.shutdown_write();
  EXPECT_TRUE(client.closed());
  server.until_spool_is(true);
}

TEST(Limits, AnswerAConnectionWhoseBodyTakesTooLongWith408) {
  ServerOptions options = impatient();
  options.body_idle = 60s;
  TestServer server(options);
  Client client(server.port());
  client.send("POST /verify HTTP/1.1\r\nHost: a\r\nContent-Type: application/zip\r\nContent-Length: 40000000\r\n\r\n");
  // Slower than the whole time allows, but never silent for long.
  for (int i = 0; i < 1000; ++i) {
    client.send("x");
    server.run([](FakeBackend&) {});
  }
  const Answer answer = client.read();
  EXPECT_EQ(answer.status, 408);
  EXPECT_EQ(body_of(answer)["code"], "body_timed_out");
  client.shutdown_write();
  EXPECT_TRUE(client.closed());
  server.until_spool_is(true);
  server.run([](FakeBackend& backend) { EXPECT_TRUE(backend.received.empty()); });
}

TEST(Limits, CloseAConnectionThatDoesNotRead) {
  ServerOptions options = impatient();
  options.idle_time = 60s;
  TestServer server(options);
  auto job = make_job(job_id('a'), JobState::completed);
  server.run([&](FakeBackend& backend) {
    backend.jobs[job.id] = job;
    backend.logs[job.id] = std::string(64u << 20, 'x');
  });
  Client client(server.port(), 4096);
  client.send(request_text("GET", "/verify/" + job_id('a') + "/logs"));
  const Answer head = client.read_head();
  EXPECT_EQ(head.status, 200);
  // Stopping waits for the connection: it returns early only when the server has given it up by itself.
  server.stop(20s);
  std::size_t got = 0;
  for (std::string piece = client.read_some(); !piece.empty(); piece = client.read_some())
    got += piece.size();
  EXPECT_LT(got, 64u << 20);
}

TEST(Limits, CloseAConnectionThatAsksAndAsksWithoutReading) {
  ServerOptions options = impatient();
  options.idle_time = 60s;
  TestServer server(options);
  Client client(server.port(), 4096);
  std::string many;
  for (int i = 0; i < 1000; ++i)
    many += request_text("GET", "/docs");
  int rounds = 0;
  while (rounds < 1000 && client.send(many))
    ++rounds;
  EXPECT_LT(rounds, 1000);
}

TEST(Limits, AnswerPipelinedRequestsInOrder) {
  TestServer server;
  Client client(server.port());
  client.send(request_text("GET", "/health") + request_text("GET", "/nothing") + "\r\n" +
              request_text("POST", "/verify", "Content-Type: application/zip\r\n", "abc") +
              request_text("GET", "/jobs"));
  EXPECT_EQ(client.read().status, 200);
  EXPECT_EQ(client.read().status, 404);
  EXPECT_EQ(client.read().status, 202);
  EXPECT_EQ(body_of(client.read())["total"], 1);
}

TEST(Limits, AnswerAClientThatHasShutItsSideDown) {
  TestServer server;
  Client client(server.port());
  client.send(request_text("GET", "/health") + request_text("GET", "/health"));
  client.shutdown_write();
  EXPECT_EQ(client.read().status, 200);
  EXPECT_EQ(client.read().status, 200);
  EXPECT_TRUE(client.closed());
}

TEST(Limits, AnswerALongPollWhoseClientHasGoneWithoutHarm) {
  TestServer server;
  server.run([](FakeBackend& backend) { backend.jobs[job_id('a')] = make_job(job_id('a'), JobState::running); });
  {
    Client client(server.port());
    client.send(request_text("GET", "/verify/" + job_id('a') + "?wait=60"));
    server.until([](FakeBackend& backend) { return backend.waiting == 1; });
  }
  server.run([](FakeBackend& backend) {
    backend.jobs[job_id('a')].state = JobState::cancelled;
    backend.changed();
  });
  server.until([](FakeBackend& backend) { return backend.waiting == 0; });
  EXPECT_EQ(get(server.port(), "/health").status, 200);
}

TEST(Limits, EndALongPollAndAFollowedLogAtOnceWhenTheConnectionIsReset) {
  TestServer server;
  server.run([](FakeBackend& backend) { backend.jobs[job_id('a')] = make_job(job_id('a'), JobState::running); });
  for (const char* path : {"?wait=60", "/logs"}) {
    Client client(server.port());
    client.send(request_text("GET", "/verify/" + job_id('a') + path));
    server.until([](FakeBackend& backend) { return backend.waiting == 1; });
    client.reset();
    // Nothing else happens to the job: only the reset can end the call before its 15 s or 60 s.
    const auto began = std::chrono::steady_clock::now();
    server.until([](FakeBackend& backend) { return backend.waiting == 0; });
    EXPECT_LT(std::chrono::steady_clock::now() - began, 10s) << path;
  }
}

TEST(Limits, GiveAHalfClosedClientTheWholeLogAndTheVerdict) {
  TestServer server;
  server.run([](FakeBackend& backend) { backend.jobs[job_id('a')] = make_job(job_id('a'), JobState::running); });
  Client follower(server.port()), poller(server.port());
  follower.send(request_text("GET", "/verify/" + job_id('a') + "/logs"));
  poller.send(request_text("GET", "/verify/" + job_id('a') + "?wait=60"));
  follower.shutdown_write();
  poller.shutdown_write();
  server.until([](FakeBackend& backend) { return backend.waiting == 2; });
  server.run([](FakeBackend& backend) {
    backend.logs[job_id('a')] = "first\n";
    backend.changed();
  });
  server.until([](FakeBackend& backend) { return backend.waiting == 2; });
  server.run([](FakeBackend& backend) {
    backend.logs[job_id('a')] += "last\n";
    backend.jobs[job_id('a')] = make_job(job_id('a'), JobState::completed);
    backend.changed();
  });
  const Answer log = follower.read();
  EXPECT_TRUE(log.complete);
  EXPECT_EQ(log.body, "first\nlast\n");
  EXPECT_EQ(body_of(poller.read())["status"], "completed");
}

TEST(Limits, RefuseALongHead) {
  ServerOptions options;
  options.header_bytes = 1024;
  TestServer server(options);
  for (const std::string& text :
       {request_text("GET", "/health", "X: " + std::string(1100, 'a') + "\r\n"), "GET /" + std::string(100'000, 'a'),
        std::string("GET / HTTP/1.1\r\n") + std::string(5000, 'X') + ": a\r\n"}) {
    Client client(server.port());
    const Answer answer = client.exchange(text);
    EXPECT_EQ(answer.status, 431);
    EXPECT_EQ(body_of(answer)["code"], "head_too_large");
    EXPECT_EQ(answer.header("Connection"), "close");
    client.shutdown_write();
    EXPECT_TRUE(client.closed());
  }
  const std::string fits = request_text("GET", "/health", "X: " + std::string(900, 'a') + "\r\n");
  Client client(server.port());
  EXPECT_EQ(client.exchange(fits).status, 200);
}

TEST(Limits, RefuseWhatIsNoHttpAtOnce) {
  TestServer server;
  for (const std::string& text :
       {std::string("GET / HTTP/1.1\nHost: a\n\n"), std::string("\n"), std::string("\x16\x03\x01\x02", 4),
        std::string("GET / HTTP/1.1\r\nHost: a\n\r\n"), std::string(" GET / HTTP/1.1\r\n")}) {
    Client client(server.port());
    const Answer answer = client.exchange(text);
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(body_of(answer)["code"], "head_invalid");
    client.shutdown_write();
    EXPECT_TRUE(client.closed());
  }
}

TEST(Limits, RefuseAHeadByEveryRuleWithAnAnswerAndAClose) {
  TestServer server;
  const std::pair<std::string, int> bad[] = {
      {"GET /health HTTP/1.1\r\n\r\n", 400},
      {"GET /health HTTP/2.0\r\nHost: a\r\n\r\n", 505},
      {"POST /verify HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\nGET /health HTTP/1.1\r\nHost: a\r\n\r\n",
       400},
      {"POST /verify HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", 400},
      {"GET /health HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400}};
  for (const auto& [text, status] : bad) {
    Client client(server.port());
    const Answer answer = client.exchange(text);
    EXPECT_EQ(answer.status, status) << text;
    EXPECT_EQ(answer.header("Connection"), "close");
    EXPECT_EQ(answer.header("X-Request-Id").size(), 16u);
    client.shutdown_write();
    EXPECT_TRUE(client.closed()) << text;
  }
}

TEST(Limits, RefuseAnUploadThatTheSpoolHasNoRoomForBeforeItIsSent) {
  ServerOptions options;
  options.body_bytes = 100'000;
  options.spool_bytes = 150'000;
  TestServer server(options);
  const std::string head = "POST /verify HTTP/1.1\r\nHost: a\r\nContent-Type: application/zip\r\n";
  {
    Client first(server.port());
    // More than is held in memory.
    first.send(head + "Content-Length: 100000\r\n\r\n" + std::string(70'000, 'x'));
    server.until_spool_is(false);
    Client second(server.port());
    const Answer answer = second.exchange(head + "Expect: 100-continue\r\nContent-Length: 50001\r\n\r\n");
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(body_of(answer)["code"], "spool_full");
    EXPECT_NE(answer.header("Retry-After"), "");
    Client chunked(server.port());
    chunked.send(head + "Transfer-Encoding: chunked\r\n\r\nea60\r\n" + std::string(60'000, 'x') + "\r\n0\r\n\r\n");
    EXPECT_EQ(body_of(chunked.read())["code"], "spool_full");
    Client third(server.port());
    EXPECT_EQ(third.exchange(head + "Content-Length: 50000\r\n\r\n" + std::string(50'000, 'x')).status, 202);
  }
  server.until_spool_is(true);
  server.run([](FakeBackend& backend) { backend.pack_bytes = 60'000; });
  Client waiting(server.port());
  const Answer answer = waiting.exchange(head + "Content-Length: 90001\r\n\r\n");
  EXPECT_EQ(body_of(answer)["code"], "spool_full") << "packages of waiting jobs count";
  Client fits(server.port());
  EXPECT_EQ(fits.exchange(head + "Content-Length: 90000\r\n\r\n" + std::string(90'000, 'x')).status, 202);
}

TEST(Limits, CountAnUploadUntilItsJobHasThePackage) {
  ServerOptions options;
  options.body_bytes = 1000;
  options.spool_bytes = 1500;
  TestServer server(options);
  server.run([](FakeBackend& backend) { backend.holds_submits = true; });
  const std::string head = "POST /verify HTTP/1.1\r\nHost: a\r\nContent-Type: application/zip\r\n";
  Client taken_in(server.port());
  taken_in.send(head + "Content-Length: 1000\r\n\r\n" + std::string(1000, 'x'));
  server.until([](FakeBackend& backend) { return backend.received.size() == 1; });
  Client second(server.port());
  EXPECT_EQ(body_of(second.exchange(head + "Content-Length: 501\r\n\r\n"))["code"], "spool_full");
  server.run([](FakeBackend& backend) {
    backend.holds_submits = false;
    backend.changed();
  });
  EXPECT_EQ(taken_in.read().status, 202);
  Client third(server.port());
  EXPECT_EQ(third.exchange(head + "Content-Length: 501\r\n\r\n" + std::string(501, 'x')).status, 202);
}

TEST(Limits, RefuseAPathTooWhenThePackagesOfWaitingJobsFillTheSpool) {
  ServerOptions options;
  options.body_bytes = 1000;
  options.spool_bytes = 1500;
  TestServer server(options);
  server.run([](FakeBackend& backend) { backend.pack_bytes = 1501; });
  const std::string body = R"({"skillPath":"/skills/a"})";
  Client client(server.port());
  const Answer answer =
      client.exchange("POST /verify HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: " +
                      std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_EQ(body_of(answer)["code"], "spool_full");
}

TEST(Limits, SendLongLogsPieceByPieceWithoutCountingThem) {
  ServerOptions options;
  options.response_bytes = 1;
  TestServer server(options);
  std::string log;
  for (int i = 0; i < 40'000; ++i)
    log += "line " + std::to_string(i) + "\n";
  server.run([&](FakeBackend& backend) {
    backend.jobs[job_id('a')] = make_job(job_id('a'), JobState::completed);
    backend.logs[job_id('a')] = log;
  });
  EXPECT_EQ(get(server.port(), "/verify/" + job_id('a') + "/logs").body, log);
}

TEST(Limits, ProbeClientsThatSayNothing) {
  TestServer server;
  Client client(server.port());
  client.send("GET /health HTTP/1.1\r\n");
  // proc(5), net/tcp: local address, state 01 = established, timer 02 = keep-alive.
  const auto probed = [&] {
    std::ifstream sockets("/proc/net/tcp");
    const std::string local = fmt::format("0100007F:{:04X}", server.port());
    for (std::string line; std::getline(sockets, line);) {
      std::istringstream fields(line);
      std::string slot, from, to, state, queues, timer;
      fields >> slot >> from >> to >> state >> queues >> timer;
      if (from == local && state == "01") return timer.starts_with("02:");
    }
    return false;
  };
  server.until([&](FakeBackend&) { return probed(); });
}

TEST(Limits, RefuseOneLargeAnswerMoreThanMayBeHeldAtOnce) {
  ServerOptions options;
  options.response_bytes = 30u << 20;
  TestServer server(options);
  server.run([](FakeBackend& backend) {
    for (const char digit : {'a', 'b', 'c'}) {
      auto job = make_job(job_id(digit), JobState::completed);
      job.result = "{\"x\":\"" + std::string(12u << 20, 'x') + "\"}";
      backend.jobs[job.id] = job;
    }
  });
  const auto ask = [](char digit) { return request_text("GET", "/verify/" + job_id(digit)); };
  std::vector<std::unique_ptr<Client>> slow;
  // Any number of readers of one result share its bytes.
  for (int i = 0; i < 20; ++i) {
    slow.push_back(std::make_unique<Client>(server.port(), 4096));
    slow.back()->send(ask('a'));
    EXPECT_EQ(slow.back()->read_head().status, 200);
  }
  slow.push_back(std::make_unique<Client>(server.port(), 4096));
  slow.back()->send(ask('b'));
  EXPECT_EQ(slow.back()->read_head().status, 200);
  Client refused(server.port());
  const Answer answer = refused.exchange(ask('c'));
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(body_of(answer)["code"], "responses_full");
  EXPECT_NE(answer.header("Retry-After"), "");
  EXPECT_EQ(get(server.port(), "/health").status, 200);
  for (auto& client : slow)
    client->reset();
  const auto give_up = std::chrono::steady_clock::now() + 30s;
  while (get(server.port(), "/verify/" + job_id('c')).status != 200)
    ASSERT_LT(std::chrono::steady_clock::now(), give_up);
}

TEST(Limits, RefuseALongBodyBeforeItIsSent) {
  ServerOptions options;
  options.body_bytes = 1000;
  options.json_bytes = 100;
  TestServer server(options);
  const auto refused = [&server](const std::string& type, const std::string& length) {
    Client client(server.port());
    const Answer answer =
        client.exchange("POST /verify HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Type: " + type +
                        "\r\nContent-Length: " + length + "\r\n\r\n");
    return answer.status == 413 && body_of(answer)["code"] == "body_too_large" &&
           answer.header("Connection") == "close";
  };
  EXPECT_TRUE(refused("application/zip", "1001"));
  EXPECT_TRUE(refused("application/zip", "18446744073709551615"));
  EXPECT_TRUE(refused("multipart/form-data; boundary=B", "1001"));
  EXPECT_TRUE(refused("application/json", "101"));
  server.until_spool_is(true);
  Client client(server.port());
  const auto exact = request_text("POST", "/verify", "Content-Type: application/zip\r\n", std::string(1000, 'x'));
  EXPECT_EQ(client.exchange(exact).status, 202);
}

TEST(Limits, RefuseALongChunkedBodyWhereItPassesTheLimit) {
  ServerOptions options;
  options.body_bytes = 1000;
  TestServer server(options);
  Client client(server.port());
  client.send(
      "POST /verify HTTP/1.1\r\nHost: a\r\nContent-Type: application/zip\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 3; ++i)
    client.send("190\r\n" + std::string(400, 'x') + "\r\n");
  EXPECT_EQ(client.read().status, 413);
  server.until_spool_is(true);
  server.run([](FakeBackend& backend) { EXPECT_TRUE(backend.received.empty()); });
}

TEST(Limits, LetAClientReadItsAnswerWhileItIsStillSending) {
  ServerOptions options;
  options.body_bytes = 1000;
  TestServer server(options);
  Client client(server.port());
  client.send("POST /verify HTTP/1.1\r\nHost: a\r\nContent-Type: application/zip\r\nContent-Length: 20000000\r\n\r\n");
  EXPECT_TRUE(client.send(std::string(20'000'000, 'x')));
  EXPECT_EQ(client.read().status, 413);
}

TEST(Limits, RefuseTooManyConnectionsOfOneAddressWith429) {
  ServerOptions options;
  options.connections_per_address = 2;
  TestServer server(options);
  Client first(server.port());
  EXPECT_EQ(first.exchange(request_text("GET", "/health")).status, 200);
  {
    Client second(server.port());
    EXPECT_EQ(second.exchange(request_text("GET", "/health")).status, 200);
    Client third(server.port());
    const Answer answer = third.read();
    EXPECT_EQ(answer.status, 429);
    EXPECT_EQ(body_of(answer)["code"], "too_many_connections");
    EXPECT_NE(answer.header("Retry-After"), "");
    third.shutdown_write();
    EXPECT_TRUE(third.closed());
    second.shutdown_write();
    EXPECT_TRUE(second.closed());
  }
  EXPECT_EQ(first.exchange(request_text("GET", "/health")).status, 200);
  EXPECT_EQ(get(server.port(), "/health").status, 200);
}

TEST(Limits, DoNotTakeAProxyForOneClient) {
  ServerOptions options;
  options.connections_per_address = 1;
  options.trusted_proxies = {*auth::parse_network("127.0.0.0/8")};
  TestServer server(options);
  Client first(server.port());
  EXPECT_EQ(first.exchange(request_text("GET", "/health")).status, 200);
  EXPECT_EQ(get(server.port(), "/health").status, 200);
}

TEST(Limits, RefuseTooManyConnectionsInAllWith503) {
  ServerOptions options;
  options.connections = 1;
  TestServer server(options);
  Client first(server.port());
  EXPECT_EQ(first.exchange(request_text("GET", "/health")).status, 200);
  Client second(server.port());
  EXPECT_EQ(second.read().status, 503);
}

TEST(Limits, HoldThroughACrowdOfRudeClients) {
  TestServer server;
  for (int i = 0; i < 200; ++i) {
    Client client(server.port());
    client.send(i % 3 == 0 ? "GET / HT" : i % 3 == 1 ? request_text("GET", "/docs") : std::string("\r\n\r\n\r\n"));
  }
  EXPECT_EQ(get(server.port(), "/health").status, 200);
}

TEST(Stop, ClosesIdleConnectionsAndRefusesNewOnes) {
  TestServer server;
  Client client(server.port());
  EXPECT_EQ(client.exchange(request_text("GET", "/health")).status, 200);
  const auto port = server.port();
  server.stop(60s);
  EXPECT_TRUE(client.closed());
  EXPECT_THROW(Client{port}, std::runtime_error);
}

TEST(Stop, LetsARequestInFlightFinish) {
  TestServer server;
  server.run([](FakeBackend& backend) { backend.jobs[job_id('a')] = make_job(job_id('a'), JobState::running); });
  Client client(server.port());
  client.send(request_text("GET", "/verify/" + job_id('a') + "?wait=60"));
  server.until([](FakeBackend& backend) { return backend.waiting == 1; });
  server.begin_stop(60s);
  server.run([](FakeBackend& backend) {
    backend.jobs[job_id('a')] = make_job(job_id('a'), JobState::completed);
    backend.changed();
  });
  const Answer answer = client.read();
  EXPECT_EQ(body_of(answer)["status"], "completed");
  EXPECT_EQ(answer.header("Connection"), "close");
  client.close();
  server.stop(60s);
}

TEST(Stop, EndsALongPollEarlyWithTheJobAsItIs) {
  TestServer server;
  server.run([](FakeBackend& backend) { backend.jobs[job_id('a')] = make_job(job_id('a'), JobState::running); });
  Client client(server.port());
  client.send(request_text("GET", "/verify/" + job_id('a') + "?wait=60"));
  server.until([](FakeBackend& backend) { return backend.waiting == 1; });
  server.begin_stop(0s);
  const Answer answer = client.read();
  EXPECT_EQ(body_of(answer)["status"], "running");
  client.close();
  server.stop(0s);
}

TEST(Stop, EndsAFollowedLogAndAnUploadThatHangs) {
  TestServer server;
  server.run([](FakeBackend& backend) { backend.jobs[job_id('a')] = make_job(job_id('a'), JobState::running); });
  Client follower(server.port());
  follower.send(request_text("GET", "/verify/" + job_id('a') + "/logs"));
  EXPECT_EQ(follower.read_head().status, 200);
  server.until([](FakeBackend& backend) { return backend.waiting == 1; });
  Client upload(server.port());
  upload.send("POST /verify HTTP/1.1\r\nHost: a\r\nContent-Type: application/zip\r\nContent-Length: 100000\r\n\r\n" +
              std::string(70'000, 'x'));  // more than is held in memory
  server.until_spool_is(false);
  server.stop(0s);
  EXPECT_TRUE(upload.closed());
  EXPECT_EQ(follower.read_some(), "");
  server.until_spool_is(true);
}

TEST(Start, SaysWhereItCannotListen) {
  TestServer server;
  core::asio::io_context io;
  core::WorkPool pool(1);
  test::FakeClock clock;
  ServerOptions options;
  options.port = server.port();
  Listener taken(io.get_executor(), pool, Backend{}, clock, "spool", options);
  const auto started = taken.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().id, "listen_failed");
  EXPECT_NE(started.error().message.find("127.0.0.1 port " + std::to_string(server.port())), std::string::npos);
  options.address = "nowhere";
  Listener wrong(io.get_executor(), pool, Backend{}, clock, "spool", options);
  EXPECT_EQ(wrong.start().error().id, "listen_failed");
}

}  // namespace
}  // namespace skill_verifier::http
