#include <zlib.h>

#include <deque>

#include "attack/attacked.hpp"

/// Attacks that want time, memory or connections.
namespace skill_verifier::attack {
namespace {

using Resource = Attacked;

// MiB; the allocator keeps what large requests needed for a while, that of a sanitizer for longer.
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr double kMayGrow = 1024;
#else
constexpr double kMayGrow = 96;
#endif

std::string compressed(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  std::string in = text;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

test::Answer upload(std::uint16_t port, const std::string& archive) {
  test::Client client(port);
  return client.exchange(test::request_text("POST", "/verify", "Content-Type: application/gzip\r\n", archive));
}

TEST_F(Resource, SlowClientsAreSentAwayWhileOthersAreServed) {
  std::deque<test::Client> slow;
  for (int i = 0; i < 100; ++i) {
    slow.emplace_back(port());
    slow.back().send(i % 2 == 0 ? "GET /health HTTP/1.1\r\nHost: a\r\nX-Slow: "
                                : "POST /verify HTTP/1.1\r\nHost: a\r\nContent-Type: application/gzip\r\n"
                                  "Content-Length: 1000\r\n\r\n\x1f\x8b");
  }
  for (int i = 0; i < 100; ++i) {
    // A head that does not end is closed; a body that does not is told so first.
    if (i % 2 == 1) EXPECT_EQ(slow[static_cast<std::size_t>(i)].read().status, 408);
    EXPECT_TRUE(slow[static_cast<std::size_t>(i)].closed());
  }
}

TEST_F(Resource, AnEndlessBodyIsRefusedAtTheLimitAndCostsNoMemory) {
  const double before = resident();
  test::Client client(port());
  client.send(
      "POST /verify HTTP/1.1\r\nHost: a\r\nContent-Type: application/gzip\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
  int sent = 0;
  while (sent < 10'000 && client.send(chunk))
    ++sent;
  // The limit of 4 MiB, 64 MiB that are thrown away so that the client hears its refusal, and what sockets hold.
  EXPECT_LT(sent, 1500);
  EXPECT_LT(resident() - before, kMayGrow);
}

TEST_F(Resource, BombsAreRefusedBeforeTheyExpandAndCostNoMemory) {
  const double before = resident();
  std::string block(512, '\0');
  block.replace(0, 6, "bomb.x");
  block.replace(100, 7, "0000644");
  block.replace(124, 11, "77777777777");
  block.replace(257, 8, std::string("ustar\00000", 8));
  block[156] = '0';
  block.replace(148, 8, 8, ' ');
  unsigned sum = 0;
  for (const char c : block)
    sum += static_cast<unsigned char>(c);
  char digits[8];
  std::snprintf(digits, sizeof digits, "%06o", sum);
  block.replace(148, 6, digits);
  block[154] = '\0';
  const std::string zeros(200u << 20, '\0');
  struct Bomb {
    const char* name;
    std::string archive;
  };
  const Bomb bombs[] = {{"a file of eight gibibytes by its header", compressed(block + zeros.substr(0, 60u << 20))},
                        {"two hundred mebibytes of zeros", compressed(zeros)},
                        {"a bomb in a bomb", compressed(compressed(zeros))}};
  for (const auto& [name, archive] : bombs) {
    SCOPED_TRACE(name);
    const auto answer = upload(port(), archive);
    EXPECT_TRUE(answer.status == 413 || answer.status == 422) << answer.status << answer.body;
    EXPECT_NE(code_of(answer), "");
  }
  EXPECT_LT(resident() - before, kMayGrow);
}

TEST_F(Resource, ConnectionsThatComeAndGoLeaveNoDescriptor) {
  good_->stop();
  const auto before = open_files();
  for (int i = 0; i < 300; ++i) {
    test::Client client(port());
    if (i % 3 == 0) client.send("GET /health HTTP/1.1\r\n");
    if (i % 3 == 1) client.exchange("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
    if (i % 2 == 0) client.reset();
  }
  // A connection of a later moment is accepted after the ends of those before it were seen.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (open_files() > before + 5 && std::chrono::steady_clock::now() < end)
    test::get(port(), "/health");
  EXPECT_LE(open_files(), before + 5);
}

}  // namespace
}  // namespace skill_verifier::attack
