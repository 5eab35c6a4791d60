#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "sandbox/engine.hpp"

using skill_verifier::ByteView;
using skill_verifier::sandbox::StdStreams;

namespace {

struct Heard {
  std::string out, err;
  bool good = true;
  bool operator==(const Heard&) const = default;
};

Heard hear(ByteView bytes, std::size_t piece) {
  Heard heard;
  StdStreams streams;
  while (!bytes.empty() && heard.good) {
    const auto size = std::min(piece, bytes.size());
    const auto fed = streams.feed(bytes.first(size), [&heard](StdStreams::Source source, ByteView part) {
      (source == StdStreams::Source::out ? heard.out : heard.err).append(skill_verifier::core::as_text(part));
    });
    heard.good = fed.has_value();
    bytes = bytes.subspan(size);
  }
  return heard;
}

}  // namespace

// Frames of an attached container: the same is heard however they are cut, and never more than came.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  const Heard whole = hear(bytes, size + 1);
  if (whole.out.size() + whole.err.size() > size) std::abort();
  if (!(whole == hear(bytes, 1)) || !(whole == hear(bytes, 5))) std::abort();
  return 0;
}
