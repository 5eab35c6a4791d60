// The two parsers of skill-verifier-init over the same bytes: as the host's stream, and as a pack. The first byte
// chooses how the rest is cut.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sandbox/init/pack_reader.hpp"
#include "sandbox/init/wire.hpp"

namespace {

using namespace skill_verifier::sandbox;

class CheckingSink final : public guest::PackSink {
 public:
  guest::Status directory(std::string_view path) override {
    check(!open_ && guest::is_safe_path(path));
    return {};
  }
  guest::Status begin_file(std::string_view path, bool, std::uint64_t size) override {
    check(!open_ && guest::is_safe_path(path));
    open_ = true;
    left_ = size;
    return {};
  }
  guest::Status file_bytes(std::string_view bytes) override {
    check(open_ && !bytes.empty() && bytes.size() <= left_);
    left_ -= bytes.size();
    return {};
  }
  guest::Status end_file() override {
    check(open_ && left_ == 0);
    open_ = false;
    return {};
  }

 private:
  static void check(bool holds) {
    if (!holds) std::abort();
  }
  bool open_ = false;
  std::uint64_t left_ = 0;
};

void read_pack(std::string_view bytes, std::size_t step) {
  CheckingSink sink;
  guest::PackReader reader(sink);
  while (!bytes.empty()) {
    const auto count = std::min(step, bytes.size());
    if (reader.add(bytes.substr(0, count))) return;
    bytes.remove_prefix(count);
  }
  (void)reader.finish();
}

void read_frames(std::string_view bytes, std::size_t step) {
  guest::FrameParser parser;
  while (!bytes.empty()) {
    auto piece = bytes.substr(0, std::min(step, bytes.size()));
    bytes.remove_prefix(piece.size());
    for (auto event = parser.next(piece); event != guest::FrameParser::Event::need_more; event = parser.next(piece)) {
      if (event == guest::FrameParser::Event::invalid) return;
      guest::Hello hello;
      guest::RunRequest run;
      (void)guest::parse_hello(parser.payload(), hello);
      (void)guest::parse_run(parser.payload(), run);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = std::size_t{data[0]} + 1;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  read_pack(bytes, step);
  read_frames(bytes, step);
  return 0;
}
