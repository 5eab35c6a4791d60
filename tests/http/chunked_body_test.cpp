#include "http/chunked_body.hpp"

#include <gmock/gmock.h>

#include <limits>

namespace skill_verifier::http {
namespace {

struct Taken {
  std::string data;
  std::string rest;
  std::string refused;  ///< the message
  std::string code;
  bool done = false;
};

/// `piece` bytes at a time, into a space of `space`.
Taken take_in_pieces(const std::string& text, std::size_t piece, std::size_t space, std::uint64_t limit) {
  ChunkedBody body(limit);
  Taken taken;
  std::string into(space, '\0');
  std::string_view arrived, rest = text;
  while (!body.done() && !(rest.empty() && arrived.empty())) {
    if (arrived.empty()) {
      arrived = rest.substr(0, piece);
      rest.remove_prefix(arrived.size());
    }
    const auto count = body.take(arrived, into);
    if (!count) {
      taken.refused = count.error().message;
      taken.code = count.error().id;
      return taken;
    }
    taken.data += into.substr(0, *count);
  }
  taken.done = body.done();
  taken.rest = std::string(arrived) + std::string(rest);
  return taken;
}

Taken take(const std::string& text, std::uint64_t limit = 1u << 20) {
  auto whole = take_in_pieces(text, std::string::npos, 64u << 10, limit);
  for (const std::size_t piece : {1u, 2u, 7u}) {
    const auto cut = take_in_pieces(text, piece, 3, limit);
    EXPECT_EQ(cut.data.substr(0, whole.data.size()), whole.data);
    EXPECT_EQ(cut.refused, whole.refused);
    EXPECT_EQ(cut.done, whole.done);
    EXPECT_EQ(cut.rest, whole.rest);
  }
  return whole;
}

void expect_malformed(const std::string& text, const std::string& why) {
  const auto taken = take(text);
  EXPECT_EQ(taken.code, "body_malformed") << text.substr(0, 40);
  EXPECT_THAT(taken.refused, testing::HasSubstr(why)) << text.substr(0, 40);
}

TEST(ChunkedBody, IsWhatItsChunksHold) {
  const auto taken = take("5\r\nhello\r\n00006\r\n world\r\nA\r\n0123456789\r\n0\r\n\r\nGET /");
  EXPECT_EQ(taken.data, "hello world0123456789");
  EXPECT_EQ(taken.rest, "GET /");
  EXPECT_TRUE(taken.done);
  EXPECT_EQ(take("0\r\n\r\n").data, "");
}

TEST(ChunkedBody, DropsExtensionsAndTrailers) {
  const auto taken = take("2;a=b;c=\"d e\"\r\nhi\r\n0;last\r\nDigest: x y\r\nEmpty:\r\n\r\nrest");
  EXPECT_EQ(taken.data, "hi");
  EXPECT_EQ(taken.rest, "rest");
  EXPECT_TRUE(taken.done);
}

TEST(ChunkedBody, KnowsTheEndOfAQuote) {
  EXPECT_EQ(take("2;a=\"\\\\\"\r\nhi\r\n0;b=\"\\\"\"\r\n\r\n").data, "hi");
}

TEST(ChunkedBody, IsNotDoneBeforeItsLastLine) {
  const std::string whole = "2\r\nhi\r\n0\r\nA: b\r\n\r\n";
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(take(whole.substr(0, length)).done) << length;
}

TEST(ChunkedBody, RefusesWhatCouldBeReadOtherwise) {
  expect_malformed("\r\n", "without a size");
  expect_malformed(";a\r\n", "without a size");
  expect_malformed("-1\r\n", "without a size");
  expect_malformed(" 5\r\nhello\r\n", "without a size");
  expect_malformed("0x5\r\nhello\r\n", "hexadecimal digits");
  expect_malformed("5 \r\nhello\r\n", "hexadecimal digits");
  expect_malformed("5\nhello\n", "hexadecimal digits");
  expect_malformed("5\rhello", "a CR without LF");
  expect_malformed("5;a\nhello", "control character in a chunk extension");
  expect_malformed("5;a\r\r\n", "a CR without LF");
  expect_malformed("5;a=\"b\r\nhello\r\n", "an open quote");
  expect_malformed("5;a=\"b\\\"\r\nhello\r\n", "an open quote");
  expect_malformed("5\r\nhello!\r\n", "longer than its size");
  expect_malformed("5\r\nhello\n0\r\n\r\n", "longer than its size");
  expect_malformed("0\r\n folded: x\r\n\r\n", "a trailer is a name");
  expect_malformed("0\r\nname\r\n\r\n", "a trailer is a name");
  expect_malformed("0\r\n: value\r\n\r\n", "a trailer is a name");
  expect_malformed("0\r\na: b\nc: d\r\n\r\n", "control character in a trailer");
  expect_malformed("0\r\n\rx", "a CR without LF");
}

TEST(ChunkedBody, LimitsWhatFramesTheData) {
  const std::size_t digits = ChunkedBody::kMaxSizeDigits;
  EXPECT_EQ(take(std::string(digits - 1, '0') + "1\r\nx\r\n0\r\n\r\n").data, "x");
  expect_malformed(std::string(digits + 1, '0'), "more than 16 digits");
  const std::string extension(ChunkedBody::kMaxExtensions, 'a');
  EXPECT_TRUE(take("1;" + extension + "\r\nx\r\n0\r\n\r\n").done);
  expect_malformed("1;" + extension + "\r\nx\r\n0;a", "more than 4096 bytes");
  const std::string trailer = "X: " + std::string(ChunkedBody::kMaxTrailers - 6, 'a') + "\r\n\r\n";
  EXPECT_TRUE(take("0\r\n" + trailer).done);
  expect_malformed("0\r\nA" + trailer, "more than 8192 bytes");
}

TEST(ChunkedBody, IsTooLongByItsAnnouncement) {
  EXPECT_EQ(take("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 5).data, "abcde");
  auto taken = take("3\r\nabc\r\n3\r\n", 5);
  EXPECT_EQ(taken.code, "body_too_large");
  EXPECT_THAT(taken.refused, testing::HasSubstr("longer than 5 bytes"));
  taken = take("FFFFFFFFFFFFFFFF\r\n", std::numeric_limits<std::uint64_t>::max() - 1);
  EXPECT_EQ(taken.code, "body_too_large");
}

}  // namespace
}  // namespace skill_verifier::http
