#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "skill_verifier/net/http_client.hpp"
#include "support/await.hpp"
#include "support/scripted_server.hpp"

namespace skill_verifier::net {
namespace {

using test::await;
using test::Reply;
using test::ScriptedServer;
namespace asio = boost::asio;
using namespace std::chrono_literals;

/// OpenSSL reads SSL_CERT_FILE when the context is made: the system's way to trust one more CA.
class TrustedCa {
 public:
  explicit TrustedCa(const std::string& file) { setenv("SSL_CERT_FILE", file.c_str(), 1); }
  ~TrustedCa() { unsetenv("SSL_CERT_FILE"); }
  TrustedCa(const TrustedCa&) = delete;
  TrustedCa& operator=(const TrustedCa&) = delete;
};

test::Handler always(const std::string& body) {
  return [body](const test::ReceivedRequest&) { return Reply::with(200, body); };
}

Result<Response> ask(const std::string& url, Duration limit = 10s) {
  asio::io_context io{1};
  HttpClient client(io.get_executor(), *parse_endpoint(url));
  return await(io, client.send(Request(), limit));
}

TEST(TlsClient, RefusesACertificateOfAnUnknownCa) {
  const ScriptedServer server(always("secret"), ScriptedServer::Transport::tls);
  const auto response = ask(server.url());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Errc::unavailable);
  EXPECT_EQ(response.error().id, "connect_failed");
  EXPECT_NE(response.error().message.find("certificate refused"), std::string::npos) << response.error().message;
  EXPECT_TRUE(server.requests().empty());
}

TEST(TlsClient, RefusesATrustedCertificateOfAnotherHost) {
  const ScriptedServer server(always("secret"), ScriptedServer::Transport::tls);
  const TrustedCa trusted(server.ca_file());
  const auto response = ask("https://127.0.0.1:" + std::to_string(server.port()));
  ASSERT_FALSE(response);
  EXPECT_NE(response.error().message.find("certificate refused"), std::string::npos) << response.error().message;
  EXPECT_TRUE(server.requests().empty());
}

TEST(TlsClient, TalksToATrustedServerOverOneConnection) {
  const ScriptedServer server(always(std::string(100'000, 's')), ScriptedServer::Transport::tls);
  const TrustedCa trusted(server.ca_file());
  asio::io_context io{1};
  HttpClient client(io.get_executor(), *parse_endpoint(server.url()));
  for (int i = 0; i < 3; ++i) {
    const auto response = await(io, client.send(Request()));
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->body.size(), 100'000u);
  }
  EXPECT_EQ(server.connections(), 1u);
}

TEST(TlsClient, DoesNotTakeABareEndOfFileForTheEndOfABody) {
  const ScriptedServer server(test::in_order({Reply::raw("HTTP/1.1 200 OK\r\n\r\nmaybe cut").then_close()}),
                              ScriptedServer::Transport::tls);
  const TrustedCa trusted(server.ca_file());
  const auto response = ask(server.url());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().id, "connection_lost") << response.error().message;
}

TEST(TlsClient, GivesUpOnASilentServer) {
  const ScriptedServer server(test::in_order({Reply::silent()}), ScriptedServer::Transport::tls);
  const TrustedCa trusted(server.ca_file());
  const auto response = ask(server.url(), 30ms);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().id, "request_timed_out");
}

TEST(TlsClient, GivesUpOnAServerThatDoesNotSpeakTls) {
  // A plain server waits for the end of a request header that never comes.
  const ScriptedServer server(test::in_order({}));
  asio::io_context io{1};
  ClientLimits limits;
  limits.connect = 50ms;
  HttpClient client(io.get_executor(), *parse_endpoint("https://localhost:" + std::to_string(server.port())), limits);
  const auto response = await(io, client.send(Request()));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().id, "connect_failed");
}

}  // namespace
}  // namespace skill_verifier::net
