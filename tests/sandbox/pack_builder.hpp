#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace skill_verifier::testing_support {

/// Packs (skill/package.hpp) by hand, valid or not.
class PackBuilder {
 public:
  PackBuilder& file(std::string_view path, std::string_view bytes) { return entry('F', 0, path, bytes); }
  PackBuilder& executable(std::string_view path, std::string_view bytes) { return entry('F', 1, path, bytes); }
  PackBuilder& directory(std::string_view path) { return entry('D', 0, path, ""); }
  PackBuilder& entry(char tag, int executable, std::string_view path, std::string_view bytes) {
    pack_ += tag;
    pack_ += static_cast<char>(executable);
    number(path.size(), 2);
    number(bytes.size(), 8);
    pack_ += path;
    pack_ += bytes;
    return *this;
  }
  std::string end() const { return pack_ + "E"; }

 private:
  void number(std::uint64_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
      pack_ += static_cast<char>(value >> shift & 0xff);
  }

  std::string pack_ = "SVPACK1\n";
};

}  // namespace skill_verifier::testing_support
