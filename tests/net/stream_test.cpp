#include <gtest/gtest.h>

#include <array>
#include <string>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/net/http_client.hpp"
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

const std::string kSwitching = "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";

struct Upgraded : ::testing::TestWithParam<Transport> {
  void upgrade(Reply reply) {
    server.emplace(test::in_order({std::move(reply)}), GetParam());
    client.emplace(io.get_executor(), *parse_endpoint(server->url()));
    Request request;
    request.method = "POST";
    request.target = "/attach";
    stream = await(io, client->upgrade(std::move(request), &refusal));
  }
  std::string read(Duration limit = 10s) {
    std::array<std::uint8_t, 1024> buffer;
    const auto size = await(io, (*stream)->read_some(buffer, limit));
    if (!size) return "error " + size.error().id;
    return std::string(core::as_text(ByteView(buffer).first(*size)));
  }
  std::string read_exactly(std::size_t size) {
    std::string text;
    while (text.size() < size) {
      const std::string piece = read();
      if (piece.empty() || piece.starts_with("error")) return text + "|" + piece;
      text += piece;
    }
    return text;
  }

  std::optional<ScriptedServer> server;
  asio::io_context io{1};
  std::optional<HttpClient> client;
  Response refusal;
  Result<std::unique_ptr<Stream>> stream = Error{Errc::internal, "not opened"};
};
INSTANTIATE_TEST_SUITE_P(Stream, Upgraded, ::testing::Values(Transport::tcp, Transport::unix_socket));

TEST_P(Upgraded, GivesTheBytesThatCameWithTheHeaderFirst) {
  upgrade(Reply::raw(kSwitching + "first").then_read(3).then_send("second").then_close());
  ASSERT_TRUE(stream) << stream.error().message;
  std::array<std::uint8_t, 2> small;
  ASSERT_EQ(*await(io, (*stream)->read_some(small, 1s)), 2u);
  EXPECT_EQ(core::as_text(small), "fi");
  EXPECT_EQ(read_exactly(3), "rst");
  ASSERT_TRUE(await(io, (*stream)->write_all(core::as_bytes("abc"), 1s)));
  EXPECT_EQ(read_exactly(6), "second");
  EXPECT_EQ(read(), "");
  EXPECT_EQ(server->received(), "abc");
  EXPECT_EQ(server->requests()[0].header("Upgrade"), "tcp");
}

TEST_P(Upgraded, TakesA200OfAnOlderServer) {
  upgrade(Reply::raw("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\nhi").then_hang());
  ASSERT_TRUE(stream) << stream.error().message;
  EXPECT_EQ(read_exactly(2), "hi");
}

TEST_P(Upgraded, KeepsReadingAfterItsOwnSideHasEnded) {
  upgrade(Reply::raw(kSwitching).then_read_to_end().then_send("bye").then_close());
  ASSERT_TRUE(stream);
  ASSERT_TRUE(await(io, (*stream)->write_all(core::as_bytes("input"), 1s)));
  (*stream)->shutdown_write();
  EXPECT_EQ(read_exactly(3), "bye");
  EXPECT_EQ(read(), "");
  EXPECT_EQ(server->received(), "input");
}

TEST_P(Upgraded, StoresARefusalAndReusesItsConnection) {
  server.emplace(test::in_order({Reply::json(404, R"({"message":"no"})"), Reply::with(200, "next")}), GetParam());
  client.emplace(io.get_executor(), *parse_endpoint(server->url()));
  Request request;
  request.method = "POST";
  const auto refused = await(io, client->upgrade(request, &refusal));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().id, "upgrade_refused");
  EXPECT_EQ(refusal.status, 404);
  EXPECT_EQ(refusal.body, R"({"message":"no"})");
  const auto again = await(io, client->upgrade(request, nullptr));
  ASSERT_FALSE(again) << "a 200 with a length is an ordinary answer";
  EXPECT_EQ(again.error().id, "upgrade_refused");
  EXPECT_EQ(server->connections(), 1u);
}

TEST_P(Upgraded, LosesNothingWhenAReadTimesOut) {
  upgrade(Reply::raw(kSwitching).then_wait("go").then_send("late"));
  ASSERT_TRUE(stream);
  EXPECT_EQ(read(20ms), "error stream_timed_out");
  EXPECT_EQ(read(0s), "error stream_timed_out");
  server->open("go");
  EXPECT_EQ(read_exactly(4), "late");
}

core::awaitable<Result<std::size_t>> read_once(Stream& stream, std::array<std::uint8_t, 64>& buffer) {
  co_return co_await stream.read_some(buffer, 1h);
}

TEST_P(Upgraded, EndsAReadWhenItsCoroutineIsCancelledAndLosesNothing) {
  upgrade(Reply::raw(kSwitching).then_wait("go").then_send("late"));
  ASSERT_TRUE(stream);
  std::array<std::uint8_t, 64> buffer;
  int turns = 0;
  const auto size = await_cancelled(io, read_once(**stream, buffer), [&turns] { return ++turns > 3; });
  ASSERT_FALSE(size);
  EXPECT_EQ(size.error().code, Errc::cancelled);
  server->open("go");
  EXPECT_EQ(read_exactly(4), "late");
}

core::awaitable<void> write_much(Stream& stream, const std::string& text, std::optional<Result<void>>& outcome) {
  outcome = co_await stream.write_all(core::as_bytes(text), 1h);
}

core::awaitable<void> read_until_timeout(Stream& stream, std::string& outcome) {
  std::array<std::uint8_t, 64> buffer;
  const auto size = co_await stream.read_some(buffer, 20ms);
  outcome = size ? "read" : size.error().id;
}

TEST_P(Upgraded, ATimeOutOfAReadLeavesAWriteAlone) {
  const std::string much(16u << 20, 'w');
  upgrade(Reply::raw(kSwitching).then_wait("go").then_read(much.size()).then_send("thanks"));
  ASSERT_TRUE(stream);
  core::TaskGroup group(io.get_executor());
  std::optional<Result<void>> written;
  std::string read_outcome;
  group.spawn("writer", write_much(**stream, much, written));
  await(io, read_until_timeout(**stream, read_outcome));
  EXPECT_EQ(read_outcome, "stream_timed_out");
  EXPECT_FALSE(written);
  server->open("go");
  EXPECT_EQ(read_exactly(6), "thanks");
  ASSERT_TRUE(await(io, group.wait(10s)));
  ASSERT_TRUE(written && *written);
  EXPECT_EQ(server->received().size(), much.size());
}

TEST_P(Upgraded, WriteGivesUpOnAPeerThatDoesNotRead) {
  upgrade(Reply::raw(kSwitching).then_hang());
  ASSERT_TRUE(stream);
  const std::string much(64u << 20, 'w');
  const auto written = await(io, (*stream)->write_all(core::as_bytes(much), 50ms));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::timed_out);
}

core::awaitable<void> read_to_outcome(Stream& stream, std::array<std::uint8_t, 64>& buffer, std::string& outcome) {
  auto work = stream.read_some(buffer, 1h);
  const auto size = co_await std::move(work);
  outcome = size ? "read" : size.error().id;
}

/// Lets every coroutine go on to its next wait.
void run_ready(asio::io_context& io) {
  io.restart();
  io.poll();
}

TEST_P(Upgraded, CloseEndsAReadInFlight) {
  upgrade(Reply::raw(kSwitching).then_hang());
  ASSERT_TRUE(stream);
  core::TaskGroup group(io.get_executor());
  std::array<std::uint8_t, 64> buffer;
  std::string outcome;
  group.spawn("reader", read_to_outcome(**stream, buffer, outcome));
  run_ready(io);
  ASSERT_EQ(outcome, "");
  (*stream)->close();
  ASSERT_TRUE(await(io, group.wait(10s)));
  EXPECT_EQ(outcome, "cancelled");
  EXPECT_EQ(read(), "error cancelled");
}

TEST_P(Upgraded, DestroyingTheStreamEndsAReadInFlight) {
  upgrade(Reply::raw(kSwitching).then_hang());
  ASSERT_TRUE(stream);
  core::TaskGroup group(io.get_executor());
  std::array<std::uint8_t, 64> buffer;
  std::string outcome;
  group.spawn("reader", read_to_outcome(**stream, buffer, outcome));
  run_ready(io);
  stream->reset();
  ASSERT_TRUE(await(io, group.wait(10s)));
  EXPECT_EQ(outcome, "cancelled");
}

TEST(StreamOverTls, IsRefused) {
  asio::io_context io{1};
  HttpClient client(io.get_executor(), *parse_endpoint("https://localhost:1"));
  const auto stream = await(io, client.upgrade(Request(), nullptr));
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error().code, Errc::unsupported);
  EXPECT_EQ(stream.error().id, "upgrade_unsupported");
}

}  // namespace
}  // namespace skill_verifier::net
