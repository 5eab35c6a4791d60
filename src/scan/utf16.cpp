#include "scan/utf16.hpp"

#include <algorithm>

namespace skill_verifier::scan {
namespace {

constexpr std::size_t kPage = 4096;

/// A character has one unit for its first byte, and a second one where it takes four.
std::size_t units(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    count += static_cast<std::size_t>((byte & 0xC0) != 0x80) + static_cast<std::size_t>(byte >= 0xF0 && byte < 0xF8);
  }
  return count;
}

}  // namespace

Utf16Index::Utf16Index(std::string_view text) : text_(text) {
  if (std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) return;
  std::size_t count = 0;
  for (std::size_t at = 0; at <= text.size(); at += kPage) {
    pages_.push_back(static_cast<std::uint32_t>(count));
    count += units(text.substr(at, kPage));
  }
}

std::size_t Utf16Index::before(std::size_t offset) const {
  if (pages_.empty()) return offset;
  const std::size_t page = offset / kPage;
  return pages_[page] + units(text_.substr(page * kPage, offset - page * kPage));
}

}  // namespace skill_verifier::scan
