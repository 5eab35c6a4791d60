#include "net/request_text.hpp"

#include <gtest/gtest.h>

namespace skill_verifier::net {
namespace {

const Endpoint kSocket{.kind = Endpoint::Kind::unix_socket, .host = "/run/x.sock", .port = 0};
const Endpoint kHost{.kind = Endpoint::Kind::tcp, .host = "engine.test", .port = 2375};

Request request_of(const char* method, const char* target) {
  Request request;
  request.method = method;
  request.target = target;
  return request;
}

TEST(RequestHead, NamesTheHostAndTheLength) {
  Request request = request_of("POST", "/v1.41/x?y=z");
  request.headers = {{"Content-Type", "application/json"}};
  request.body = "{}";
  EXPECT_EQ(*request_head(kHost, request, Framing::length),
            "POST /v1.41/x?y=z HTTP/1.1\r\nHost: engine.test:2375\r\nContent-Type: application/json\r\n"
            "Content-Length: 2\r\n\r\n");
}

TEST(RequestHead, OmitsTheLengthOnlyWhereNoBodyIsExpected) {
  EXPECT_EQ(*request_head(kSocket, request_of("GET", "/"), Framing::length),
            "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(*request_head(kSocket, request_of("POST", "/"), Framing::length),
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
}

TEST(RequestHead, LeavesOutTheUsualPortAndKeepsAGivenHost) {
  const Endpoint usual{.kind = Endpoint::Kind::tls, .host = "2001:db8::1", .port = 443};
  EXPECT_NE(request_head(usual, request_of("GET", "/"), Framing::length)->find("Host: [2001:db8::1]\r\n"),
            std::string::npos);
  Request own = request_of("GET", "/");
  own.headers = {{"host", "dstack"}};
  EXPECT_EQ(*request_head(kSocket, own, Framing::length), "GET / HTTP/1.1\r\nhost: dstack\r\n\r\n");
}

TEST(RequestHead, AsksForAnUpgrade) {
  EXPECT_EQ(
      *request_head(kSocket, request_of("POST", "/attach"), Framing::upgrade),
      "POST /attach HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n");
}

TEST(RequestHead, RefusesPartsThatBreakTheFraming) {
  std::vector<Request> bad = {request_of("", "/"),          request_of("GET X", "/"),   request_of("GET\r\n", "/"),
                              request_of("GET", ""),        request_of("GET", "x"),     request_of("GET", "/a b"),
                              request_of("GET", "/\r\nX:"), request_of("GET", "/\xff"), request_of("GET", "/\x7f")};
  const Headers bad_headers = {{"", "x"},
                               {"A B", "x"},
                               {"A:", "x"},
                               {"A", "x\r\nB: y"},
                               {"A", "x\ny"},
                               {"A", std::string("\0", 1)},
                               {"Connection", "x"},
                               {"content-length", "3"},
                               {"Transfer-Encoding", "chunked"}};
  for (const auto& header : bad_headers) {
    bad.push_back(request_of("GET", "/"));
    bad.back().headers.push_back(header);
  }
  for (const Request& request : bad) {
    const auto head = request_head(kSocket, request, Framing::length);
    ASSERT_FALSE(head) << *head;
    EXPECT_EQ(head.error().code, Errc::invalid_argument);
    EXPECT_EQ(head.error().id, "request_invalid");
  }
}

TEST(ChunkOf, WritesTheSizeInHexadecimal) {
  EXPECT_EQ(chunk_of("hello, chunked wor"), "12\r\nhello, chunked wor\r\n");
  EXPECT_EQ(chunk_of(""), "0\r\n\r\n");
}

}  // namespace
}  // namespace skill_verifier::net
