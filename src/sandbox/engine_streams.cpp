#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "sandbox/engine.hpp"

namespace skill_verifier::sandbox {
namespace {

constexpr std::size_t kTarBlock = 512;

/// A number field of a ustar header: octal digits, zero-filled, ended by a zero byte.
void put_octal(std::string& block, std::size_t at, std::size_t width, std::uint64_t value) {
  block.replace(at, width - 1, fmt::format("{:0{}o}", value, width - 1));
}

}  // namespace

Result<void> StdStreams::begin_frame() {
  const bool known = header_[0] == 1 || header_[0] == 2;
  if (!known || header_[1] != 0 || header_[2] != 0 || header_[3] != 0) {
    broken_ = true;
    return Error{Errc::unavailable, "engine_error",
                 "the attached stream holds a malformed frame header " + core::to_hex(ByteView(header_, 4))};
  }
  source_ = header_[0] == 1 ? Source::out : Source::err;
  left_ = 0;
  for (std::size_t i = 4; i < 8; ++i)
    left_ = (left_ << 8) | header_[i];
  header_size_ = 0;
  return {};
}

Result<void> StdStreams::feed(ByteView bytes, const Sink& sink) {
  if (broken_) return Error{Errc::unavailable, "engine_error", "the attached stream has lost its framing"};
  while (!bytes.empty()) {
    if (left_ > 0) {
      const std::size_t size = std::min<std::size_t>(left_, bytes.size());
      left_ -= static_cast<std::uint32_t>(size);
      sink(source_, bytes.first(size));
      bytes = bytes.subspan(size);
      continue;
    }
    const std::size_t size = std::min(sizeof header_ - header_size_, bytes.size());
    std::memcpy(header_ + header_size_, bytes.data(), size);
    header_size_ += size;
    bytes = bytes.subspan(size);
    if (header_size_ < sizeof header_) break;
    if (auto begun = begin_frame(); !begun) return begun;
  }
  return {};
}

std::string tar_of_file(std::string_view name, std::string_view content, unsigned mode) {
  // POSIX.1-1988 ustar: name, mode, uid, gid, size, mtime, checksum, type, link name, magic, version.
  std::string block(kTarBlock, '\0');
  block.replace(0, name.size(), name);
  put_octal(block, 100, 8, mode);
  put_octal(block, 108, 8, 0);
  put_octal(block, 116, 8, 0);
  put_octal(block, 124, 12, content.size());
  put_octal(block, 136, 12, 0);
  block[156] = '0';
  block.replace(257, 8, std::string_view("ustar\00000", 8));
  // The checksum counts its own field as spaces.
  block.replace(148, 8, "        ");
  unsigned sum = 0;
  for (const char c : block)
    sum += static_cast<unsigned char>(c);
  block.replace(148, 8, std::string_view(fmt::format("{:06o}", sum) + std::string("\0 ", 2)));

  std::string tar = std::move(block);
  tar.append(content);
  tar.resize((tar.size() + kTarBlock - 1) / kTarBlock * kTarBlock, '\0');
  tar.append(2 * kTarBlock, '\0');
  return tar;
}

}  // namespace skill_verifier::sandbox
