// What init says, as the host reads it: the engine's envelopes taken apart, then init's frames. The first byte chooses
// how the rest is cut, which must not change what is understood.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "sandbox/engine.hpp"
#include "sandbox/init_frames.hpp"

namespace {

using namespace skill_verifier;
using namespace skill_verifier::sandbox;

void check(bool holds) {
  if (!holds) std::abort();
}

struct Reading {
  std::vector<std::size_t> kinds;
  std::map<std::tuple<std::size_t, StreamId, std::size_t>, std::string> output;  ///< by command, stream and place
  bool refused = false;

  bool operator==(const Reading&) const = default;
};

void drain(init::MessageReader& reader, Reading& reading) {
  while (true) {
    const auto message = reader.next();
    if (!message) {
      check(message.error().id == "sandbox_lost" && !message.error().message.empty());
      check(!reader.next().has_value());
      reading.refused = true;
      return;
    }
    if (!*message) return;
    // One frame of output is passed on in as many pieces as it came in.
    if (const auto* output = std::get_if<init::OutputBytes>(&(*message)->body)) {
      reading.output[{(*message)->index, output->stream, reading.kinds.size()}] += output->bytes;
      continue;
    }
    reading.kinds.push_back((*message)->body.index());
    if (const auto* exit = std::get_if<init::Exit>(&(*message)->body)) {
      check(exit->out_tail.size() + exit->err_tail.size() <= init::kMaxFrame);
      check(exit->duration.count() >= 0);
    }
  }
}

Reading read(ByteView input, std::size_t piece) {
  Reading reading;
  StdStreams streams;
  init::MessageReader reader;
  const StdStreams::Sink sink = [&](StdStreams::Source source, ByteView bytes) {
    if (source != StdStreams::Source::out || reading.refused) return;
    reader.feed(bytes);
    drain(reader, reading);
  };
  while (!input.empty() && !reading.refused) {
    const auto part = input.first(std::min(piece, input.size()));
    input = input.subspan(part.size());
    const bool intact = streams.feed(part, sink).has_value();
    if (!intact) reading.refused = true;
  }
  return reading;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView input(data + 1, size - 1);
  check(read(input, 1u + data[0]) == read(input, std::max<std::size_t>(1, input.size())));
  return 0;
}
