#pragma once

#include <concepts>
#include <string>
#include <string_view>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::dcap {

/// Values one after the other: texts as they are, bytes as hex, integers in decimal. The module stands on OpenSSL
/// alone, so it has no formatting library.
class Text {
 public:
  Text& operator<<(std::string_view part) {
    text_ += part;
    return *this;
  }
  Text& operator<<(ByteView part) {
    text_ += core::to_hex(part);
    return *this;
  }
  Text& operator<<(std::integral auto number) {
    text_ += std::to_string(number);
    return *this;
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

template <class... Parts>
std::string text(const Parts&... parts) {
  Text out;
  (out << ... << parts);
  return out.take();
}

/// The rule `code` says no.
inline Error refusal(std::string code, std::string message) {
  return Error{Errc::invalid_argument, std::move(code), std::move(message)};
}

}  // namespace skill_verifier::dcap
