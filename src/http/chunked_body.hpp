#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "skill_verifier/core/result.hpp"

namespace skill_verifier::http {

/// The chunked transfer coding (RFC 9112 §7.1) taken apart, byte by byte: how the input is cut changes nothing.
/// Extensions and trailer fields are checked for their form and dropped. Stricter than the grammar: lines end with CR
/// LF only, and there is no white space around a chunk's size. What frames the data has limits of its own, whatever the
/// data's: a client could go on with it for ever without sending any.
class ChunkedBody {
 public:
  static constexpr std::size_t kMaxSizeDigits = 16;
  static constexpr std::size_t kMaxExtensions = 4096;  ///< bytes, of all chunks together
  static constexpr std::size_t kMaxTrailers = 8192;    ///< bytes, of all trailer fields together

  /// `limit`: the most bytes of data.
  explicit ChunkedBody(std::uint64_t limit) : left_(limit), limit_(limit) {}

  /// Takes bytes off the front of `input` until that is empty, `space` is full or the body is complete; gives how many
  /// bytes of data it put into `space`. After an error nothing more may be asked.
  /// Errors: invalid_argument `body_malformed`; too_large `body_too_large`, already by a chunk's announced size.
  Result<std::size_t> take(std::string_view& input, std::span<char> space);
  /// The last chunk and the trailer section were seen. What follows belongs to the next request.
  bool done() const { return state_ == State::done; }

 private:
  enum class State : std::uint8_t {
    size,
    extension,
    size_end,  ///< its line feed
    data,
    data_end,
    data_line_feed,
    trailer,  ///< the beginning of a line
    trailer_name,
    trailer_value,
    trailer_end,
    last_line_feed,
    done,
  };

  Result<void> step(char byte);
  Result<void> on_size(char byte);
  Result<void> on_extension(char byte);
  Result<void> on_trailer(char byte);
  Result<void> end_of_size();
  Result<void> expect(char byte, char wanted, State next);

  State state_ = State::size;
  std::uint64_t chunk_ = 0;  ///< announced, or what is left of it
  std::uint64_t left_;       ///< of `limit`
  std::uint64_t limit_;
  std::size_t digits_ = 0;
  std::size_t extensions_ = 0;
  std::size_t trailers_ = 0;
  bool quoted_ = false;   ///< in a quoted string of an extension
  bool escaped_ = false;  ///< after a backslash there
};

}  // namespace skill_verifier::http
