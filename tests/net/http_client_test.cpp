#include "skill_verifier/net/http_client.hpp"

#include <gtest/gtest.h>

#include <string>

#include "support/await.hpp"
#include "support/scripted_server.hpp"

namespace skill_verifier::net {
namespace {

using test::await;
using test::await_cancelled;
using test::Reply;
using test::ScriptedServer;
using Transport = ScriptedServer::Transport;
namespace asio = boost::asio;
using namespace std::chrono_literals;

Request get(const std::string& target) {
  Request request;
  request.target = target;
  return request;
}
Request post(const std::string& target, std::string body) {
  Request request;
  request.method = "POST";
  request.target = target;
  request.body = std::move(body);
  return request;
}

/// A server and a client for it, on an io_context that the test runs.
struct Pair {
  explicit Pair(test::Handler handler, Transport transport = Transport::tcp, ClientLimits limits = {})
      : server(std::move(handler), transport), client(io.get_executor(), *parse_endpoint(server.url()), limits) {}
  Result<Response> send(Request request) { return await(io, client.send(std::move(request))); }
  Result<Response> send(Request request, Duration limit) { return await(io, client.send(std::move(request), limit)); }

  ScriptedServer server;
  asio::io_context io{1};
  HttpClient client;
};

template <class T>
void expect_error(const Result<T>& result, Errc code, const std::string& id) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, code) << result.error().message;
  EXPECT_EQ(result.error().id, id) << result.error().message;
}

class EitherTransport : public ::testing::TestWithParam<Transport> {};
INSTANTIATE_TEST_SUITE_P(HttpClient, EitherTransport, ::testing::Values(Transport::tcp, Transport::unix_socket));

TEST_P(EitherTransport, SendsARequestAndReadsTheAnswer) {
  Pair pair(test::routes({{"POST /echo", Reply::with(201, "made", {{"X-Id", "7"}})}}), GetParam());
  Request request = post("/echo?a=b", "payload");
  request.headers = {{"X-Test", "yes"}};
  const auto response = pair.send(request);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(response->body, "made");
  EXPECT_EQ(find_header(response->headers, "x-id"), "7");
  const auto seen = pair.server.requests();
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].method, "POST");
  EXPECT_EQ(seen[0].target, "/echo?a=b");
  EXPECT_EQ(seen[0].body, "payload");
  EXPECT_EQ(seen[0].header("X-Test"), "yes");
}

TEST_P(EitherTransport, ReusesOneConnection) {
  Pair pair([](const test::ReceivedRequest& request) { return Reply::with(200, request.target); }, GetParam());
  for (const char* target : {"/1", "/2", "/3"}) {
    const auto response = pair.send(get(target));
    ASSERT_TRUE(response);
    EXPECT_EQ(response->body, target);
  }
  EXPECT_EQ(pair.server.connections(), 1u);
}

TEST_P(EitherTransport, ReplacesAConnectionThatTheServerClosedWhileIdle) {
  Pair pair(test::in_order({Reply::with(200, "a").then_close(), Reply::with(200, "b")}), GetParam());
  ASSERT_TRUE(pair.send(get("/")));
  ASSERT_TRUE(pair.server.wait_for_closed(1));
  const auto second = pair.send(post("/", "even a POST: nothing was sent yet"));
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->body, "b");
  EXPECT_EQ(pair.server.connections(), 2u);
}

TEST_P(EitherTransport, SendsARepeatableRequestAgainWhenAReusedConnectionEnds) {
  Pair pair(test::in_order({Reply::with(200, "a"), Reply::closed(), Reply::with(200, "b")}), GetParam());
  ASSERT_TRUE(pair.send(get("/1")));
  const auto second = pair.send(get("/2"));
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->body, "b");
  EXPECT_EQ(pair.server.requests().size(), 3u);
  EXPECT_EQ(pair.server.connections(), 2u);
}

TEST_P(EitherTransport, NeverSendsAPostTwice) {
  Pair pair(test::in_order({Reply::with(200, "a"), Reply::closed(), Reply::with(200, "b")}), GetParam());
  ASSERT_TRUE(pair.send(get("/1")));
  expect_error(pair.send(post("/2", "x")), Errc::unavailable, "connection_lost");
  EXPECT_EQ(pair.server.requests().size(), 2u);
}

TEST_P(EitherTransport, DoesNotRepeatOnAFreshConnection) {
  Pair pair(test::in_order({Reply::closed(), Reply::with(200, "b")}), GetParam());
  expect_error(pair.send(get("/")), Errc::unavailable, "connection_lost");
  EXPECT_EQ(pair.server.requests().size(), 1u);
}

TEST_P(EitherTransport, DoesNotRepeatOnceAnAnswerHasBegun) {
  Pair pair(test::in_order({Reply::with(200, "a"), Reply::raw("HTTP/1.1 2").then_close(), Reply::with(200, "b")}),
            GetParam());
  ASSERT_TRUE(pair.send(get("/1")));
  expect_error(pair.send(get("/2")), Errc::unavailable, "connection_lost");
  EXPECT_EQ(pair.server.requests().size(), 2u);
}

TEST_P(EitherTransport, ReportsTruncatedAndResetAnswers) {
  for (const Reply& reply : {Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").then_close(),
                             Reply::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nha").then_close(),
                             Reply::raw("HTTP/1.1 200 OK\r\nContent-Len").then_half_close().then_hang(),
                             Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").then_reset()}) {
    Pair pair(test::in_order({reply}), GetParam());
    expect_error(pair.send(get("/")), Errc::unavailable, "connection_lost");
  }
}

TEST_P(EitherTransport, GivesUpOnAServerThatIsSilentAtAnyPoint) {
  for (const Reply& reply : {Reply::silent(), Reply::raw("HTTP/1.1 2").then_hang(),
                             Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").then_hang(),
                             Reply::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n").then_hang()}) {
    Pair pair(test::in_order({reply}), GetParam());
    const auto response = pair.send(get("/slow"), 30ms);
    expect_error(response, Errc::timed_out, "request_timed_out");
    EXPECT_NE(response.error().message.find("GET /slow"), std::string::npos);
  }
}

TEST_P(EitherTransport, GivesUpOnAServerThatDoesNotRead) {
  Request request = post("/big", std::string(32u << 20, 'x'));
  request.headers = {{"X-Answer-Early", "1"}};
  Pair pair(test::in_order({Reply::silent()}), GetParam());
  expect_error(pair.send(std::move(request), 100ms), Errc::timed_out, "request_timed_out");
}

TEST_P(EitherTransport, EndsWhenCancelledInAnyPhase) {
  for (const Reply& reply :
       {Reply::silent(), Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").then_hang()}) {
    Pair pair(test::in_order({reply}), GetParam());
    const auto response =
        await_cancelled(pair.io, pair.client.send(get("/")), [&] { return !pair.server.requests().empty(); });
    expect_error(response, Errc::cancelled, "cancelled");
  }
}

TEST_P(EitherTransport, NeedsNoConnectionWhenAlreadyCancelled) {
  Pair pair(test::in_order({}), GetParam());
  const auto response = await_cancelled(pair.io, pair.client.send(get("/")), [] { return true; });
  expect_error(response, Errc::cancelled, "cancelled");
}

TEST_P(EitherTransport, ReadsTheRefusalOfABodyThatWasNotWanted) {
  Request request = post("/big", std::string(32u << 20, 'x'));
  request.headers = {{"X-Answer-Early", "1"}};
  Pair pair(
      test::in_order({Reply::with(413, "too much").then_half_close().then_read_to_end(), Reply::with(200, "next")}),
      GetParam());
  const auto response = pair.send(std::move(request));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 413);
}

TEST(HttpClient, ReadsARefusalAfterABrokenPipe) {
  Request request = post("/big", std::string(32u << 20, 'x'));
  request.headers = {{"X-Answer-Early", "1"}};
  Pair pair(test::in_order({Reply::with(413, "too much").then_close(), Reply::with(200, "next")}),
            Transport::unix_socket);
  const auto response = pair.send(std::move(request));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->body, "too much");
  ASSERT_TRUE(pair.send(get("/")));
  EXPECT_EQ(pair.server.connections(), 2u);
}

TEST(HttpClient, ReportsLimitsAndGarbage) {
  ClientLimits limits;
  limits.header_bytes = 512;
  limits.body_bytes = 100;
  const auto outcome = [&](Reply reply) {
    Pair pair(test::in_order({std::move(reply)}), Transport::tcp, limits);
    return pair.send(get("/"));
  };
  expect_error(outcome(Reply::raw("no http at all\r\n\r\n")), Errc::unavailable, "response_invalid");
  expect_error(outcome(Reply::with(200, "", {{"X", std::string(600, 'x')}})), Errc::too_large, "response_too_large");
  expect_error(outcome(Reply::with(200, std::string(101, 'x'))), Errc::too_large, "response_too_large");
  ASSERT_TRUE(outcome(Reply::with(200, std::string(100, 'x'))));
}

TEST(HttpClient, ReportsAServerThatIsNotThere) {
  asio::io_context io{1};
  HttpClient socket(io.get_executor(), *parse_endpoint("unix:///nonexistent/secret.sock"));
  const auto response = await(io, socket.send(get("/")));
  expect_error(response, Errc::unavailable, "connect_failed");
  EXPECT_EQ(response.error().message.find("secret"), std::string::npos);
  std::string url;
  {
    const ScriptedServer gone(test::in_order({}));
    url = gone.url();
  }
  HttpClient tcp(io.get_executor(), *parse_endpoint(url));
  expect_error(await(io, tcp.send(get("/"))), Errc::unavailable, "connect_failed");
}

TEST(HttpClient, ReportsAHostNameThatDoesNotExist) {
  asio::io_context io{1};
  HttpClient client(io.get_executor(), *parse_endpoint("http://host.invalid"));
  expect_error(await(io, client.send(get("/"))), Errc::unavailable, "connect_failed");
}

TEST(HttpClient, ResolvesAHostName) {
  const ScriptedServer server(test::in_order({Reply::with(200, "ok")}));
  asio::io_context io{1};
  HttpClient client(io.get_executor(), *parse_endpoint("http://localhost:" + std::to_string(server.port())));
  const auto response = await(io, client.send(get("/")));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(server.requests()[0].header("Host"), "localhost:" + std::to_string(server.port()));
}

TEST(HttpClient, RefusesATargetThatBreaksTheFraming) {
  Pair pair(test::in_order({}));
  expect_error(pair.send(get("/a b\r\nX: y")), Errc::invalid_argument, "request_invalid");
  EXPECT_EQ(pair.server.connections(), 0u);
}

TEST(HttpClient, KeepsNoMoreIdleConnectionsThanAllowed) {
  ClientLimits limits;
  limits.idle_connections = 0;
  Pair pair([](const test::ReceivedRequest&) { return Reply::with(200, "ok"); }, Transport::tcp, limits);
  ASSERT_TRUE(pair.send(get("/")));
  ASSERT_TRUE(pair.send(get("/")));
  EXPECT_EQ(pair.server.connections(), 2u);
}

TEST(HttpClient, DoesNotReuseAConnectionOnWhichTheServerSpokeUnasked) {
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n";
  Pair pair(test::in_order({Reply::raw(answer + "a" + answer + "x"), Reply::with(200, "b")}));
  EXPECT_EQ(pair.send(get("/1"))->body, "a");
  const auto second = pair.send(get("/2"));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->body, "b");
  EXPECT_EQ(pair.server.connections(), 2u);
}

TEST(HttpClientStreaming, HandsOnEachPieceBeforeTheNextIsThere) {
  Pair pair(test::in_order({Reply::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
                                .then_wait("first seen")
                                .then_send("3\r\ntwo\r\n0\r\n\r\n")}));
  std::string seen;
  const auto response = await(pair.io, pair.client.send_streaming(get("/"), 10s, [&](std::string_view piece) {
    seen += piece;
    pair.server.open("first seen");
    return true;
  }));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(seen, "onetwo");
  EXPECT_EQ(response->body, "");
}

TEST(HttpClientStreaming, StopsWhenTheReceiverHasEnough) {
  Pair pair(test::in_order({Reply::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n").then_hang(),
                            Reply::with(200, "next")}));
  const auto response =
      await(pair.io, pair.client.send_streaming(get("/"), 10s, [](std::string_view) { return false; }));
  expect_error(response, Errc::cancelled, "cancelled");
  EXPECT_EQ(pair.send(get("/"))->body, "next");
}

TEST(HttpClientHeaderFirst, ReturnsBeforeTheBodyIsThere) {
  Pair pair(test::in_order({Reply::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                                .then_wait("exit")
                                .then_send("4\r\ndone\r\n0\r\n\r\n"),
                            Reply::with(200, "next")}));
  auto pending = await(pair.io, pair.client.send_header_first(post("/wait", ""), 10s));
  ASSERT_TRUE(pending) << pending.error().message;
  EXPECT_EQ(pending->header.status, 200);
  pair.server.open("exit");
  const auto body = await(pair.io, pending->body(10s));
  ASSERT_TRUE(body) << body.error().message;
  EXPECT_EQ(*body, "done");
  ASSERT_TRUE(pair.send(get("/")));
  EXPECT_EQ(pair.server.connections(), 1u);
}

TEST(HttpClientHeaderFirst, BodyHasALimitOfItsOwnAndMayOutliveTheClient) {
  const ScriptedServer server(
      test::in_order({Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha").then_hang()}));
  asio::io_context io{1};
  auto client = std::make_unique<HttpClient>(io.get_executor(), *parse_endpoint(server.url()));
  auto pending = await(io, client->send_header_first(get("/"), 10s));
  ASSERT_TRUE(pending);
  client.reset();
  expect_error(await(io, pending->body(20ms)), Errc::timed_out, "request_timed_out");
}

/// Gives the pieces one after the other, then an empty text.
std::function<core::awaitable<Result<std::string>>()> pieces(std::vector<std::string> texts) {
  auto left = std::make_shared<std::vector<std::string>>(std::move(texts));
  struct Source {
    static core::awaitable<Result<std::string>> next(std::shared_ptr<std::vector<std::string>> left) {
      if (left->empty()) co_return std::string();
      std::string piece = left->front();
      left->erase(left->begin());
      co_return piece;
    }
  };
  return [left] { return Source::next(left); };
}

TEST(HttpClientUpload, SendsChunksUntilTheSourceIsEmpty) {
  Pair pair(test::in_order({Reply::with(200, "ok")}), Transport::unix_socket);
  const std::string big(200'000, 'b');
  const auto response = await(pair.io, pair.client.send_upload(post("/up", ""), 10s, pieces({"a", big, "c"})));
  ASSERT_TRUE(response) << response.error().message;
  const auto seen = pair.server.requests();
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].body, "a" + big + "c");
  EXPECT_EQ(seen[0].header("Transfer-Encoding"), "chunked");
  EXPECT_EQ(seen[0].header("Content-Length"), "");
}

core::awaitable<Result<std::string>> broken_source() {
  co_return Error{Errc::internal, "disk_gone", "the file cannot be read"};
}

TEST(HttpClientUpload, FailsWithTheErrorOfTheSource) {
  Pair pair(test::in_order({Reply::with(200, "ok")}));
  const auto response = await(pair.io, pair.client.send_upload(post("/up", ""), 10s, broken_source));
  expect_error(response, Errc::internal, "disk_gone");
}

core::awaitable<Result<std::string>> endless_source() {
  co_return std::string(1000, 'x');
}

TEST(HttpClientUpload, HearsAnAnswerBeforeTheEndOfTheBody) {
  Pair pair(test::in_order({Reply::with(500, "read-only"), Reply::with(200, "next")}), Transport::unix_socket);
  Request request = post("/up", "");
  request.headers = {{"X-Answer-Early", "1"}};
  const auto response = await(pair.io, pair.client.send_upload(std::move(request), 10s, endless_source));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 500);
  ASSERT_TRUE(pair.send(get("/")));
  EXPECT_EQ(pair.server.connections(), 2u);
}

core::awaitable<Result<std::string>> slow_source() {
  co_await core::sleep_for(1h);
  co_return std::string();
}

TEST(HttpClientUpload, GivesUpOnASourceThatHangs) {
  Pair pair(test::in_order({Reply::with(200, "ok")}));
  const auto response = await(pair.io, pair.client.send_upload(post("/up", ""), 30ms, slow_source));
  expect_error(response, Errc::timed_out, "request_timed_out");
}

}  // namespace
}  // namespace skill_verifier::net
