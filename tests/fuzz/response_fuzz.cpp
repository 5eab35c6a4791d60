#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "net/response_reader.hpp"

using skill_verifier::net::ResponseReader;

namespace {

constexpr std::size_t kHeader = 4096;
constexpr std::size_t kBody = 8192;

struct Heard {
  bool good = true, done = false;
  int status = 0;
  std::string body;
  bool operator==(const Heard&) const = default;
};

Heard hear(std::string_view text, std::size_t piece) {
  ResponseReader::Options options;
  options.header_bytes = kHeader;
  options.body_bytes = kBody;
  ResponseReader reader(options);
  Heard heard;
  while (!text.empty() && heard.good && !reader.done()) {
    const auto size = std::min(piece, text.size());
    heard.good = reader.feed(text.substr(0, size)).has_value();
    text.remove_prefix(size);
  }
  if (heard.good && !reader.done()) heard.good = reader.feed_end().has_value();
  heard.done = heard.good && reader.done();
  if (heard.done) {
    heard.status = reader.response().status;
    heard.body = reader.response().body;
  }
  return heard;
}

}  // namespace

// An answer of a peer that may be hostile: whole or not at all, within its limits, the same however it is cut.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Heard whole = hear(text, size + 1);
  if (whole.body.size() > kBody || (whole.done && (whole.status < 101 || whole.status > 999))) std::abort();
  if (!(whole == hear(text, 1)) || !(whole == hear(text, 13))) std::abort();
  return 0;
}
