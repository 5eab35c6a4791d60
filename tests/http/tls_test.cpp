#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "http/client.hpp"
#include "http/test_server.hpp"
#include "http/tls_client.hpp"
#include "support/test_certificate.hpp"

namespace skill_verifier::http {
namespace {

using test::Client;
using test::FakeBackend;
using test::make_test_certificate;
using test::request_text;
using test::TestCertificate;
using test::TestServer;
using test::TlsClient;
using test::TlsClientOptions;
using namespace std::chrono_literals;

/// What the server is told to use, changed by the test between reloads.
struct Identity {
  TestCertificate certificate = make_test_certificate("localhost");
  Result<TlsIdentity> next = TlsIdentity{certificate.certificate, certificate.private_key};
};

awaitable<Result<TlsIdentity>> give(Identity* identity) {
  co_return identity->next;
}

class Tls : public testing::Test {
 protected:
  ServerOptions with_tls(ServerOptions options = {}) {
    options.tls.port = 0;
    options.tls.identity = [this] { return give(&identity); };
    return options;
  }
  TlsClientOptions trusting() const {
    TlsClientOptions options;
    options.ca = identity.certificate.ca;
    return options;
  }
  void renew() {
    identity.certificate = make_test_certificate("localhost");
    identity.next = TlsIdentity{identity.certificate.certificate, identity.certificate.private_key};
  }
  static bool starts_with(const std::string& text, std::string_view beginning) { return text.starts_with(beginning); }

  Identity identity;
};

TEST_F(Tls, AnswersWhatThePlainListenerAnswers) {
  const TestServer server(with_tls());
  TlsClientOptions options = trusting();
  options.protocol = "http/1.1";
  TlsClient client(server.tls_port(), options);
  ASSERT_TRUE(client.connected());
  EXPECT_EQ(client.version(), "TLSv1.3");
  EXPECT_EQ(client.protocol(), "http/1.1");
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(starts_with(client.exchange(request_text("GET", "/health")), "HTTP/1.1 200 OK"));
  const std::string page = client.exchange(request_text("GET", "/openapi.json"));
  EXPECT_GT(page.size(), 40'000u) << "more than one record";
  EXPECT_TRUE(page.ends_with("}\n") || page.ends_with("}"));
  EXPECT_EQ(test::get(server.port(), "/health").status, 200) << "both listen at once";
}

TEST_F(Tls, OldVersionsAreRefused) {
  const TestServer server(with_tls());
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    TlsClientOptions options = trusting();
    options.max_version = version;
    options.ciphers = "ALL:@SECLEVEL=0";
    EXPECT_FALSE(TlsClient(server.tls_port(), options).connected()) << version;
  }
  TlsClientOptions options = trusting();
  options.max_version = TLS1_2_VERSION;
  const TlsClient client(server.tls_port(), options);
  EXPECT_TRUE(client.connected());
  EXPECT_EQ(client.version(), "TLSv1.2");
}

TEST_F(Tls, CiphersWithoutForwardSecrecyOrAuthenticationAreRefused) {
  const TestServer server(with_tls());
  for (const char* ciphers : {"ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "AES128-GCM-SHA256"}) {
    TlsClientOptions options = trusting();
    options.max_version = TLS1_2_VERSION;
    options.ciphers = ciphers;
    EXPECT_FALSE(TlsClient(server.tls_port(), options).connected()) << ciphers;
  }
}

TEST_F(Tls, AClientThatSpeaksAnotherProtocolOnlyIsToldSo) {
  const TestServer server(with_tls());
  TlsClientOptions options = trusting();
  options.protocol = "h2";
  EXPECT_FALSE(TlsClient(server.tls_port(), options).connected());
}

TEST_F(Tls, ReloadingLeavesOpenConnectionsAlone) {
  TestServer server(with_tls());
  const TlsClientOptions old = trusting();
  TlsClient kept(server.tls_port(), old);
  ASSERT_TRUE(starts_with(kept.exchange(request_text("GET", "/health")), "HTTP/1.1 200"));
  renew();
  ASSERT_TRUE(server.reload());
  EXPECT_FALSE(TlsClient(server.tls_port(), old).connected()) << "the old certificate is still shown";
  TlsClient fresh(server.tls_port(), trusting());
  ASSERT_TRUE(fresh.connected());
  EXPECT_TRUE(starts_with(fresh.exchange(request_text("GET", "/health")), "HTTP/1.1 200"));
  EXPECT_TRUE(starts_with(kept.exchange(request_text("GET", "/health")), "HTTP/1.1 200"));
}

TEST_F(Tls, AFailedReloadKeepsWhatThereIs) {
  TestServer server(with_tls());
  const TestCertificate other = make_test_certificate("localhost");
  const std::string& good = identity.certificate.certificate;
  const std::pair<Result<TlsIdentity>, std::string> bad[] = {
      {TlsIdentity{"", ""}, "tls_certificate_invalid"},
      {TlsIdentity{"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", other.private_key},
       "tls_certificate_invalid"},
      {TlsIdentity{good, "no key"}, "tls_key_invalid"},
      {TlsIdentity{good, other.private_key}, "tls_key_mismatch"},
      {Error(Errc::unavailable, "tls_file_unreadable", "gone"), "tls_file_unreadable"}};
  for (const auto& [next, id] : bad) {
    identity.next = next;
    const auto reloaded = server.reload();
    ASSERT_FALSE(reloaded) << id;
    EXPECT_EQ(reloaded.error().id, id);
  }
  EXPECT_TRUE(TlsClient(server.tls_port(), trusting()).connected());
}

TEST_F(Tls, AHandshakeThatDoesNotComeIsCutOff) {
  ServerOptions options;
  options.tls.handshake_time = 200ms;
  const TestServer server(with_tls(options));
  Client silent(server.tls_port());
  EXPECT_TRUE(silent.closed());
  Client trickling(server.tls_port());
  trickling.send(std::string("\x16\x03\x01\x02\x00\x01", 6));
  EXPECT_TRUE(trickling.closed());
}

TEST_F(Tls, AConnectionWithoutAHandshakeCounts) {
  ServerOptions options;
  options.connections = 2;
  const TestServer server(with_tls(options));
  const Client first(server.tls_port()), second(server.tls_port());
  // Accepted in their order: the two are counted when the third is looked at.
  TlsClient refused(server.tls_port(), trusting());
  ASSERT_TRUE(refused.connected());
  EXPECT_TRUE(starts_with(refused.read_answer(), "HTTP/1.1 503")) << "why is said over TLS too";
  EXPECT_EQ(test::get(server.port(), "/health").status, 503) << "both listeners count together";
}

TEST_F(Tls, TakesUploadsOfBothFramings) {
  TestServer server(with_tls());
  const std::string body(300'000, 'b');
  TlsClient client(server.tls_port(), trusting());
  const std::string type = "Content-Type: application/gzip\r\n";
  EXPECT_TRUE(starts_with(client.exchange(request_text("POST", "/verify", type, body)), "HTTP/1.1 202"));
  const std::string head = "POST /verify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" + type + "\r\n";
  ASSERT_TRUE(client.send(head));
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(client.send("186a0\r\n" + std::string(100'000, 'c') + "\r\n"));
  EXPECT_TRUE(starts_with(client.exchange("0\r\n\r\n"), "HTTP/1.1 202"));
  server.run([&](FakeBackend& backend) {
    ASSERT_EQ(backend.received.size(), 2u);
    EXPECT_EQ(backend.received[0].archive, body);
    EXPECT_EQ(backend.received[1].archive, std::string(300'000, 'c'));
  });
}

TEST_F(Tls, ABodyThatStopsIsAnsweredAndTheConnectionEnds) {
  ServerOptions options;
  options.body_idle = 200ms;
  const TestServer server(with_tls(options));
  TlsClient client(server.tls_port(), trusting());
  const std::string answer = client.exchange(
      "POST /verify HTTP/1.1\r\nHost: x\r\nContent-Type: application/gzip\r\nContent-Length: 100\r\n\r\nhalf");
  EXPECT_TRUE(starts_with(answer, "HTTP/1.1 408")) << answer;
  EXPECT_TRUE(client.ended());
}

TEST_F(Tls, TheEndIsSaid) {
  const TestServer server(with_tls());
  TlsClient client(server.tls_port(), trusting());
  const std::string answer = client.exchange(request_text("GET", "/health", "Connection: close\r\n"));
  EXPECT_TRUE(starts_with(answer, "HTTP/1.1 200"));
  EXPECT_TRUE(client.ended()) << "a client could not tell the end from a cut";
}

TEST_F(Tls, PlainHttpIsNotSpokenThere) {
  const TestServer server(with_tls());
  Client client(server.tls_port());
  client.send(request_text("GET", "/health"));
  EXPECT_EQ(client.read_some().find("HTTP/"), std::string::npos);
}

TEST_F(Tls, CanBeTheOnlyListener) {
  ServerOptions options;
  options.plain = false;
  const TestServer server(with_tls(options));
  EXPECT_EQ(server.port(), 0);
  EXPECT_TRUE(TlsClient(server.tls_port(), trusting()).connected());
}

TEST_F(Tls, StoppingDoesNotWaitForHandshakes) {
  TestServer server(with_tls());
  const Client silent(server.tls_port());
  TlsClient idle(server.tls_port(), trusting());
  ASSERT_TRUE(idle.connected());
  server.stop(60s);
}

}  // namespace
}  // namespace skill_verifier::http
