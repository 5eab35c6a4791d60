#include <gtest/gtest.h>

#include <string>

#include "skill_verifier/net/http_client.hpp"

namespace skill_verifier::net {
namespace {

void expect_endpoint(const std::string& url, Endpoint::Kind kind, const std::string& host, int port) {
  const auto endpoint = parse_endpoint(url);
  ASSERT_TRUE(endpoint) << url << ": " << endpoint.error().message;
  EXPECT_EQ(endpoint->kind, kind) << url;
  EXPECT_EQ(endpoint->host, host) << url;
  EXPECT_EQ(endpoint->port, port) << url;
}

TEST(ParseEndpoint, ReadsEveryForm) {
  expect_endpoint("unix:///var/run/docker.sock", Endpoint::Kind::unix_socket, "/var/run/docker.sock", 0);
  expect_endpoint("/run/a b.sock", Endpoint::Kind::unix_socket, "/run/a b.sock", 0);
  expect_endpoint("tcp://127.0.0.1:2375", Endpoint::Kind::tcp, "127.0.0.1", 2375);
  expect_endpoint("http://engine_1.test", Endpoint::Kind::tcp, "engine_1.test", 80);
  expect_endpoint("http://localhost:8090/", Endpoint::Kind::tcp, "localhost", 8090);
  expect_endpoint("HTTPS://api.example.org", Endpoint::Kind::tls, "api.example.org", 443);
  expect_endpoint("https://[2001:db8::1]:8443", Endpoint::Kind::tls, "2001:db8::1", 8443);
  expect_endpoint("http://[::1]", Endpoint::Kind::tcp, "::1", 80);
}

TEST(ParseEndpoint, RefusesWhatIsNotAnEndpoint) {
  const std::string long_path = "unix:///" + std::string(107, 'a');
  for (const std::string& url : {std::string(""),
                                 std::string("docker"),
                                 std::string("ssh://host"),
                                 std::string("unix://relative/path"),
                                 std::string("unix:/x"),
                                 std::string("tcp://host"),
                                 std::string("tcp://:1"),
                                 std::string("tcp://host:0"),
                                 std::string("tcp://host:65536"),
                                 std::string("tcp://host:80x"),
                                 std::string("tcp://host:-1"),
                                 std::string("http://user@host"),
                                 std::string("http://host/path"),
                                 std::string("http://host?x"),
                                 std::string("http://"),
                                 std::string("https://[::1"),
                                 std::string("https://[]:1"),
                                 std::string("https://[::1]x"),
                                 std::string("http://ho st"),
                                 std::string("http://host%00"),
                                 std::string("unix:///a\0b", 11),
                                 long_path}) {
    const auto endpoint = parse_endpoint(url);
    ASSERT_FALSE(endpoint) << url;
    EXPECT_EQ(endpoint.error().code, Errc::invalid_argument) << url;
    EXPECT_EQ(endpoint.error().id, "endpoint_invalid") << url;
  }
}

TEST(ParseEndpoint, AcceptsTheLongestSocketPath) {
  const std::string path = "/" + std::string(106, 'a');
  expect_endpoint("unix://" + path, Endpoint::Kind::unix_socket, path, 0);
}

TEST(EndpointText, IsReadBackAsTheSameEndpoint) {
  for (const char* url : {"unix:///var/run/docker.sock", "http://127.0.0.1:2375", "https://[2001:db8::1]:8443"}) {
    const auto endpoint = parse_endpoint(url);
    ASSERT_TRUE(endpoint);
    EXPECT_EQ(to_string(*endpoint), url);
  }
}

TEST(FindHeader, IgnoresCaseAndTakesTheFirst) {
  const Headers headers = {{"Api-Version", "1.41"}, {"api-version", "1.52"}, {"X", ""}};
  EXPECT_EQ(find_header(headers, "API-VERSION"), "1.41");
  EXPECT_EQ(find_header(headers, "Api"), "");
  EXPECT_EQ(find_header(headers, "x"), "");
}

TEST(PercentEncode, LeavesOnlyUnreservedCharacters) {
  EXPECT_EQ(percent_encode("AZaz09-._~"), "AZaz09-._~");
  EXPECT_EQ(percent_encode("a/b?c=d&e f:g@h"), "a%2Fb%3Fc%3Dd%26e%20f%3Ag%40h");
  EXPECT_EQ(percent_encode(std::string("\0\xff\r\n", 4)), "%00%FF%0D%0A");
}

TEST(PercentDecode, UndoesPercentEncode) {
  std::string every;
  for (int byte = 1; byte < 256; ++byte)
    every += static_cast<char>(byte);
  const auto decoded = percent_decode(percent_encode(every));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, every);
  EXPECT_EQ(*percent_decode("%c3%A4+"), "\xc3\xa4+");
}

TEST(PercentDecode, RefusesBrokenEscapesAndZeroBytes) {
  for (const std::string& text : {std::string("%"), std::string("a%4"), std::string("%g0"), std::string("%0g"),
                                  std::string("%-1"), std::string("% 1"), std::string("%00"), std::string("a\0b", 3)}) {
    const auto decoded = percent_decode(text);
    ASSERT_FALSE(decoded) << text;
    EXPECT_EQ(decoded.error().code, Errc::invalid_argument) << text;
  }
}

}  // namespace
}  // namespace skill_verifier::net
