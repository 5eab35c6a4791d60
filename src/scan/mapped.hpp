#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

namespace skill_verifier::scan {

/// A piece of a normalised text that knows from which byte of the file each of its bytes came.
struct MappedView {
  std::string_view text;
  const std::uint32_t* origin = nullptr;

  bool empty() const { return text.empty(); }
  std::size_t size() const { return text.size(); }
  MappedView substr(std::size_t at, std::size_t count = std::string_view::npos) const {
    return {text.substr(at, count), origin + at};
  }
};

/// The owner of such a text.
struct Mapped {
  std::string text;
  std::vector<std::uint32_t> origin;

  void push(char c, std::uint32_t at) {
    text.push_back(c);
    origin.push_back(at);
  }
  void append(MappedView view) {
    text.append(view.text);
    origin.insert(origin.end(), view.origin, view.origin + view.size());
  }
  /// Text as it stands in the file from that byte on.
  void append_from(std::string_view raw, std::uint32_t at) {
    text.append(raw);
    const std::size_t before = origin.size();
    origin.resize(before + raw.size());
    std::iota(origin.begin() + static_cast<std::ptrdiff_t>(before), origin.end(), at);
  }
  /// Text that does not stand in the file: all of it points at one byte.
  void append(std::string_view inserted, std::uint32_t at) {
    text.append(inserted);
    origin.insert(origin.end(), inserted.size(), at);
  }
  MappedView view() const { return {text, origin.data()}; }
  operator MappedView() const { return view(); }
};

}  // namespace skill_verifier::scan
