#include "net/response_reader.hpp"

#include <gtest/gtest.h>

namespace skill_verifier::net {
namespace {

ResponseReader::Options small_limits() {
  ResponseReader::Options options;
  options.header_bytes = 256;
  options.body_bytes = 32;
  return options;
}

/// Feeds `text` in pieces of `step` bytes until the reader refuses or has taken everything.
Result<void> feed_in_steps(ResponseReader& reader, std::string_view text, std::size_t step) {
  for (std::size_t at = 0; at < text.size(); at += step) {
    auto fed = reader.feed(text.substr(at, step));
    if (!fed) return fed;
  }
  return {};
}

void expect_refused(const std::string& text, Errc code, const std::string& id) {
  for (const std::size_t step : {text.size(), std::size_t{1}}) {
    ResponseReader reader(small_limits());
    auto fed = feed_in_steps(reader, text, step);
    if (fed) fed = reader.feed_end();
    ASSERT_FALSE(fed) << text;
    EXPECT_EQ(fed.error().code, code) << text << ": " << fed.error().message;
    EXPECT_EQ(fed.error().id, id) << text << ": " << fed.error().message;
  }
}

TEST(ResponseReader, ReadsABodyOfKnownLengthHoweverItArrives) {
  const std::string text = "HTTP/1.1 201 Created\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello";
  for (std::size_t step = 1; step <= text.size(); ++step) {
    ResponseReader reader(small_limits());
    ASSERT_TRUE(feed_in_steps(reader, text, step));
    ASSERT_TRUE(reader.done());
    EXPECT_TRUE(reader.reusable());
    EXPECT_EQ(reader.response().status, 201);
    EXPECT_EQ(reader.response().body, "hello");
    EXPECT_EQ(find_header(reader.response().headers, "x-a"), "1");
  }
}

TEST(ResponseReader, DecodesChunksHoweverTheyArrive) {
  const std::string text =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7;a=b\r\n, world\r\n0\r\nX-Late: 1\r\n\r\n";
  for (std::size_t step = 1; step <= text.size(); ++step) {
    ResponseReader reader(small_limits());
    ASSERT_TRUE(feed_in_steps(reader, text, step));
    ASSERT_TRUE(reader.reusable());
    EXPECT_EQ(reader.response().body, "hello, world");
    EXPECT_EQ(find_header(reader.response().headers, "X-Late"), "");
  }
}

TEST(ResponseReader, DecodesAnEmptyChunkedBodyHoweverItArrives) {
  const std::string text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
  for (std::size_t step = 1; step <= text.size(); ++step) {
    ResponseReader reader(small_limits());
    ASSERT_TRUE(feed_in_steps(reader, text, step));
    ASSERT_TRUE(reader.reusable());
    EXPECT_EQ(reader.response().body, "");
  }
}

TEST(ResponseReader, TakesABodyWithoutLengthUntilTheEnd) {
  ResponseReader reader(small_limits());
  ASSERT_TRUE(reader.feed("HTTP/1.1 200 OK\r\n\r\nuntil"));
  EXPECT_FALSE(reader.done());
  ASSERT_TRUE(reader.feed(" the end"));
  ASSERT_TRUE(reader.feed_end());
  EXPECT_TRUE(reader.done());
  EXPECT_FALSE(reader.reusable());
  EXPECT_EQ(reader.response().body, "until the end");
}

TEST(ResponseReader, DoesNotReuseAConnectionThatCloses) {
  for (const char* text :
       {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 unasked"}) {
    ResponseReader reader(small_limits());
    ASSERT_TRUE(reader.feed(text));
    EXPECT_TRUE(reader.done()) << text;
    EXPECT_FALSE(reader.reusable()) << text;
  }
}

TEST(ResponseReader, KnowsAnswersWithoutABody) {
  for (const char* text :
       {"HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"}) {
    ResponseReader reader(small_limits());
    ASSERT_TRUE(reader.feed(text));
    EXPECT_TRUE(reader.reusable()) << text;
  }
  ResponseReader::Options options = small_limits();
  options.head_request = true;
  ResponseReader reader(options);
  ASSERT_TRUE(reader.feed("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"));
  EXPECT_TRUE(reader.reusable());
}

TEST(ResponseReader, SkipsInterimAnswersButNotForever) {
  const std::string interim = "HTTP/1.1 102 Processing\r\nX: 1\r\n\r\n";
  ResponseReader reader(small_limits());
  ASSERT_TRUE(reader.feed(interim + interim + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  EXPECT_EQ(reader.response().status, 200);
  EXPECT_EQ(find_header(reader.response().headers, "X"), "");
  std::string many;
  for (int i = 0; i < 9; ++i)
    many += interim;
  expect_refused(many, Errc::unavailable, "response_invalid");
}

TEST(ResponseReader, RefusesWhatIsNotHttp) {
  for (const char* text : {"garbage\r\n\r\n",
                           "HTTP/2.0 200 OK\r\n\r\n",
                           "HTTP/1.1 20 OK\r\n\r\n",
                           "HTTP/1.1 abc OK\r\n\r\n",
                           "HTTP/1.1 099 Continue\r\n\r\n",
                           "SSH-2.0-OpenSSH_9.2\r\n",
                           "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
                           "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nab",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1ffffffffffffffff\r\n"}) {
    expect_refused(text, Errc::unavailable, "response_invalid");
  }
}

TEST(ResponseReader, RefusesWhatIsTooLong) {
  const std::string header = "HTTP/1.1 200 OK\r\nX: " + std::string(300, 'a') + "\r\n\r\n";
  expect_refused(header, Errc::too_large, "response_too_large");
  expect_refused("HTTP/1.1 200 " + std::string(300, 'a'), Errc::too_large, "response_too_large");
  expect_refused("HTTP/1.1 200 OK\r\nContent-Length: 33\r\n\r\n", Errc::too_large, "response_too_large");
  expect_refused("HTTP/1.1 200 OK\r\n\r\n" + std::string(33, 'a'), Errc::too_large, "response_too_large");
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  expect_refused(chunked + "21\r\na", Errc::too_large, "response_too_large");
  expect_refused(chunked + "10\r\n" + std::string(16, 'a') + "\r\n11\r\n", Errc::too_large, "response_too_large");
  expect_refused(chunked + "1;" + std::string(300, 'a'), Errc::too_large, "response_too_large");
  expect_refused(chunked + "0\r\nX: " + std::string(300, 'a'), Errc::too_large, "response_too_large");
}

TEST(ResponseReader, AcceptsABodyOfExactlyTheLimit) {
  ResponseReader reader(small_limits());
  ASSERT_TRUE(reader.feed("HTTP/1.1 200 OK\r\nContent-Length: 32\r\n\r\n" + std::string(32, 'a')));
  EXPECT_EQ(reader.response().body.size(), 32u);
}

TEST(ResponseReader, ReportsACutAnswerAsALostConnection) {
  for (const char* text :
       {"", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\nA: b\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"}) {
    ResponseReader reader(small_limits());
    ASSERT_TRUE(reader.feed(text)) << text;
    const auto ended = reader.feed_end();
    ASSERT_FALSE(ended) << text;
    EXPECT_EQ(ended.error().code, Errc::unavailable);
    EXPECT_EQ(ended.error().id, "connection_lost") << text;
  }
}

TEST(ResponseReader, StopsAtTheHeaderAndGoesOnWhenAsked) {
  ResponseReader::Options options = small_limits();
  options.stop_at_header = true;
  ResponseReader reader(options);
  ASSERT_TRUE(reader.feed("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbo"));
  EXPECT_TRUE(reader.header_done());
  EXPECT_FALSE(reader.done());
  EXPECT_EQ(reader.response().body, "");
  ASSERT_TRUE(reader.feed("dy"));
  ASSERT_TRUE(reader.resume());
  EXPECT_TRUE(reader.reusable());
  EXPECT_EQ(reader.response().body, "body");
}

TEST(ResponseReader, KeepsWhatFollowsAnUpgrade) {
  ResponseReader::Options options = small_limits();
  options.stop_at_header = true;
  ResponseReader reader(options);
  ASSERT_TRUE(reader.feed("HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\n\x01\x02"));
  EXPECT_TRUE(reader.header_done());
  EXPECT_FALSE(reader.has_length());
  EXPECT_FALSE(reader.reusable());
  EXPECT_EQ(reader.take_rest(), "\x01\x02");
}

TEST(ResponseReader, HandsChunksOnWithoutALimitAndStopsWhenToldTo) {
  ResponseReader::Options options = small_limits();
  std::string seen;
  options.on_chunk = [&seen](std::string_view piece) {
    seen += piece;
    return seen.size() < 60;
  };
  ResponseReader reader(options);
  ASSERT_TRUE(reader.feed("HTTP/1.1 200 OK\r\nContent-Length: 80\r\n\r\n" + std::string(50, 'a')));
  EXPECT_EQ(seen.size(), 50u);
  EXPECT_EQ(reader.response().body, "");
  const auto fed = reader.feed(std::string(10, 'b'));
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().code, Errc::cancelled);
}

TEST(ResponseReader, CollectsErrorAnswersOfAStreamingCall) {
  ResponseReader::Options options = small_limits();
  options.on_chunk = [](std::string_view) { return false; };
  ResponseReader reader(options);
  ASSERT_TRUE(reader.feed("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone"));
  EXPECT_EQ(reader.response().body, "none");
}

}  // namespace
}  // namespace skill_verifier::net
