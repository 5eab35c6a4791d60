// A body in chunks: however it is cut it means the same, and whatever is accepted Beast's parser reads alike.
#include <algorithm>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/chunked_body.hpp"

namespace {

using skill_verifier::http::ChunkedBody;

constexpr std::uint64_t kLimit = 4096;

void check(bool holds) {
  if (!holds) std::abort();
}

struct Reading {
  std::string data;
  std::size_t used = 0;
  bool done = false;
  bool refused = false;

  bool operator==(const Reading&) const = default;
};

Reading read(std::string_view text, std::size_t piece, std::size_t space) {
  Reading reading;
  ChunkedBody body(kLimit);
  std::string into(space, '\0');
  while (reading.used < text.size() && !body.done()) {
    const auto arrived = text.substr(reading.used, piece);
    auto rest = arrived;
    const auto count = body.take(rest, into);
    if (!count) {
      check(count.error().id == "body_malformed" || count.error().id == "body_too_large");
      reading.refused = true;
      reading.used = 0;
      return reading;
    }
    check(*count <= space && (*count > 0 || rest.size() < arrived.size()));
    reading.data.append(into, 0, *count);
    reading.used += arrived.size() - rest.size();
  }
  check(reading.data.size() <= kLimit);
  reading.done = body.done();
  return reading;
}

void compare_with_beast(const Reading& reading, std::string_view text) {
  namespace http = boost::beast::http;
  const std::string request =
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(text.substr(0, reading.used));
  http::request_parser<http::string_body> parser;
  parser.eager(true);
  parser.header_limit(64u << 10);
  boost::system::error_code error;
  std::string_view rest = request;
  while (!rest.empty() && !parser.is_done()) {
    const auto used = parser.put(boost::asio::buffer(rest.data(), rest.size()), error);
    rest.remove_prefix(used);
    check(used > 0 || error != http::error::need_more);
    if (error && error != http::error::need_more) return;  // Beast wants names and quotes of extensions in their form
  }
  check(parser.is_done() && rest.empty() && parser.get().body() == reading.data);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > (64u << 10)) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = read(text, std::string::npos, kLimit + 1);
  auto cut = read(text, 1u + (data[0] & 15u), 1u + (data[0] >> 4));
  // A refusal may come after different numbers of bytes.
  if (whole.refused) cut.data = whole.data;
  check(cut == whole);
  if (whole.done) compare_with_beast(whole, text);
  return 0;
}
