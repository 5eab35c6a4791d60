#include "http/request_check.hpp"

#include <gtest/gtest.h>

#include <string>

namespace skill_verifier::http {
namespace {

std::string with_host(const std::string& lines) {
  return "POST /verify HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n";
}

TEST(ParseRequestHead, ReadsEveryPartOfARequest) {
  const std::string text =
      "GET /jobs?limit=3&x=%20 HTTP/1.1\r\nHost: localhost:3000\r\naccept:  */* \t\r\nEmpty:\r\n\r\n";
  const auto head = parse_request_head(text);
  ASSERT_TRUE(head) << head.error().detail;
  EXPECT_EQ(head->method, "GET");
  EXPECT_EQ(head->path, "/jobs");
  EXPECT_EQ(head->query, "limit=3&x=%20");
  EXPECT_EQ(head->minor_version, 1);
  EXPECT_EQ(head->field("ACCEPT"), "*/*");
  EXPECT_TRUE(head->has_field("empty"));
  EXPECT_FALSE(head->has_field("Absent"));
  EXPECT_FALSE(head->has_body());
  EXPECT_FALSE(head->wants_close);
}

TEST(ParseRequestHead, KnowsWhereTheBodyEnds) {
  const std::string sized = with_host("Content-Length: 17\r\n");
  const auto with_length = parse_request_head(sized);
  ASSERT_TRUE(with_length);
  EXPECT_EQ(with_length->content_length, 17u);
  EXPECT_TRUE(with_length->has_body());
  const std::string chunked = with_host("transfer-encoding: Chunked\r\n");
  const auto with_chunks = parse_request_head(chunked);
  ASSERT_TRUE(with_chunks);
  EXPECT_TRUE(with_chunks->chunked);
  EXPECT_TRUE(with_chunks->has_body());
  const std::string empty = with_host("Content-Length: 0\r\n");
  const auto without = parse_request_head(empty);
  ASSERT_TRUE(without);
  EXPECT_FALSE(without->has_body());
}

TEST(ParseRequestHead, ReadsExpectationAndConnection) {
  const std::string text = with_host("Expect: 100-Continue\r\nConnection: keep-alive, Close\r\n");
  const auto head = parse_request_head(text);
  ASSERT_TRUE(head);
  EXPECT_TRUE(head->expects_continue);
  EXPECT_TRUE(head->wants_close);
}

TEST(ParseRequestHead, AcceptsHttp10WithoutHostAndClosesAfterIt) {
  const auto head = parse_request_head("GET / HTTP/1.0\r\n\r\n");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->minor_version, 0);
  EXPECT_TRUE(head->wants_close);
}

TEST(ParseRequestHead, TakesThePathOutOfAnAbsoluteTarget) {
  const std::string text = "GET HTTP://example.org/health?a HTTP/1.1\r\nHost: example.org\r\n\r\n";
  const auto head = parse_request_head(text);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->path, "/health");
  EXPECT_EQ(head->query, "a");
  const auto bare = parse_request_head("GET http://example.org HTTP/1.1\r\nHost: example.org\r\n\r\n");
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->path, "/");
  const auto query = parse_request_head("GET http://example.org?a=/b HTTP/1.1\r\nHost: example.org\r\n\r\n");
  ASSERT_TRUE(query);
  EXPECT_EQ(query->path, "/");
  EXPECT_EQ(query->query, "a=/b");
}

TEST(ParseRequestHead, TakesAStarOnlyForOptions) {
  EXPECT_TRUE(parse_request_head("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_FALSE(parse_request_head("GET * HTTP/1.1\r\nHost: a\r\n\r\n"));
}

struct Bad {
  const char* what;
  std::string text;
  int status;
  const char* code;
};

class BadRequestHead : public testing::TestWithParam<Bad> {};

TEST_P(BadRequestHead, IsRefusedWithStatusAndCode) {
  const auto head = parse_request_head(GetParam().text);
  ASSERT_FALSE(head) << GetParam().what;
  EXPECT_EQ(head.error().status, GetParam().status) << head.error().detail;
  EXPECT_EQ(head.error().code, GetParam().code) << head.error().detail;
}

std::string many_headers(int number) {
  std::string lines;
  for (int i = 0; i < number; ++i)
    lines += "X-" + std::to_string(i) + ": a\r\n";
  return lines;
}

INSTANTIATE_TEST_SUITE_P(
    All, BadRequestHead,
    testing::Values(
        Bad{"nothing", "", 400, "head_invalid"},
        Bad{"no empty line", "GET / HTTP/1.1\r\nHost: a\r\n", 400, "head_invalid"},
        Bad{"bytes after the head", "GET / HTTP/1.1\r\nHost: a\r\n\r\nx", 400, "head_invalid"},
        Bad{"no spaces", "GET/HTTP/1.1\r\nHost: a\r\n\r\n", 400, "request_line_invalid"},
        Bad{"one space", "GET /\r\nHost: a\r\n\r\n", 400, "request_line_invalid"},
        Bad{"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target_invalid"},
        Bad{"tab", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "request_line_invalid"},
        Bad{"no version", "GET / x\r\nHost: a\r\n\r\n", 400, "request_line_invalid"},
        Bad{"HTTP/2", "PRI * HTTP/2.0\r\nHost: a\r\n\r\n", 505, "version_unsupported"},
        Bad{"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505, "version_unsupported"},
        Bad{"empty method", " / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "method_invalid"},
        Bad{"bad method", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "method_invalid"},
        Bad{"long method", std::string(33, 'A') + " / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "method_invalid"},
        Bad{"relative target", "GET health HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target_invalid"},
        Bad{"authority target", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target_invalid"},
        Bad{"other scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target_invalid"},
        Bad{"fragment", "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target_invalid"},
        Bad{"byte over 127 in target", "GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target_invalid"},
        Bad{"space in target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target_invalid"},
        Bad{"NUL", with_host(std::string("X: a\0b\r\n", 8)), 400, "head_invalid"},
        Bad{"bare CR", with_host("X: a\rb\r\n"), 400, "head_invalid"},
        Bad{"bare LF", with_host("X: a\nContent-Length: 5\r\n"), 400, "head_invalid"},
        Bad{"DEL", with_host("X: \x7f\r\n"), 400, "head_invalid"},
        Bad{"folded line", with_host("X: a\r\n b\r\n"), 400, "header_folded"},
        Bad{"folded by tab", with_host("X: a\r\n\tb\r\n"), 400, "header_folded"},
        Bad{"no colon", with_host("X\r\n"), 400, "header_invalid"},
        Bad{"empty name", with_host(": a\r\n"), 400, "header_invalid"},
        Bad{"space before colon", with_host("Content-Length : 5\r\n"), 400, "header_invalid"},
        Bad{"too many", with_host(many_headers(100)), 431, "too_many_headers"},
        Bad{"no host", "GET / HTTP/1.1\r\n\r\n", 400, "host_missing"},
        Bad{"two hosts", with_host("Host: a\r\n"), 400, "header_duplicate"},
        Bad{"bad host", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "host_invalid"},
        Bad{"host with user", "GET / HTTP/1.1\r\nHost: u@b\r\n\r\n", 400, "host_invalid"},
        Bad{"two lengths", with_host("Content-Length: 5\r\nContent-Length: 5\r\n"), 400, "header_duplicate"},
        Bad{"list of lengths", with_host("Content-Length: 5, 5\r\n"), 400, "content_length_invalid"},
        Bad{"signed length", with_host("Content-Length: +5\r\n"), 400, "content_length_invalid"},
        Bad{"negative length", with_host("Content-Length: -5\r\n"), 400, "content_length_invalid"},
        Bad{"hex length", with_host("Content-Length: 0x5\r\n"), 400, "content_length_invalid"},
        Bad{"empty length", with_host("Content-Length:\r\n"), 400, "content_length_invalid"},
        Bad{"huge length", with_host("Content-Length: 18446744073709551616\r\n"), 400, "content_length_invalid"},
        Bad{"length and chunked", with_host("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400,
            "framing_ambiguous"},
        Bad{"chunked and length", with_host("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400,
            "framing_ambiguous"},
        Bad{"gzip coding", with_host("Transfer-Encoding: gzip\r\n"), 400, "transfer_encoding_unsupported"},
        Bad{"gzip, chunked", with_host("Transfer-Encoding: gzip, chunked\r\n"), 400, "transfer_encoding_unsupported"},
        Bad{"chunked, identity", with_host("Transfer-Encoding: chunked, identity\r\n"), 400,
            "transfer_encoding_unsupported"},
        Bad{"chunked twice", with_host("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400,
            "header_duplicate"},
        Bad{"empty coding", with_host("Transfer-Encoding:\r\n"), 400, "transfer_encoding_unsupported"},
        Bad{"chunked in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
            "transfer_encoding_unsupported"},
        Bad{"other expectation", with_host("Expect: 200-ok\r\n"), 417, "expectation_unsupported"},
        Bad{"two types", with_host("Content-Type: a/b\r\nContent-Type: c/d\r\n"), 400, "header_duplicate"}));

TEST(ParseRequestHead, ShortensWhatItQuotes) {
  const std::string text = "GET " + std::string(5000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  const auto head = parse_request_head(text);
  ASSERT_FALSE(head);
  EXPECT_LT(head.error().detail.size(), 200u);
}

}  // namespace
}  // namespace skill_verifier::http
