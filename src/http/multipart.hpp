#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "skill_verifier/core/result.hpp"

namespace skill_verifier::http {

struct MultipartLimits {
  std::size_t parts = 16;
  std::size_t part_header_bytes = 4096;
  std::size_t preamble_bytes = 1024;
};

/// One field of a form.
struct MultipartPart {
  std::string name;
  std::optional<std::string> filename;
};

struct MultipartEvent {
  enum class Kind { need_more, part, data, part_end, end };
  Kind kind = Kind::need_more;
  MultipartPart part;     ///< of `part`
  std::string_view data;  ///< of `data`: valid until the next call
};

/// The boundary of a `multipart/form-data` Content-Type. Errors: invalid_argument `multipart_invalid`.
Result<std::string> multipart_boundary(std::string_view content_type);

/// Takes multipart/form-data (RFC 7578) apart as it arrives, holding no more than one delimiter or one part's header of
/// it back. Only CRLF ends a line; a Content-Transfer-Encoding that would need decoding is refused. Errors of all
/// calls: invalid_argument `multipart_invalid`, too_large `multipart_too_many_parts`, `multipart_header_too_large`.
class MultipartParser {
 public:
  explicit MultipartParser(std::string_view boundary, MultipartLimits limits = {});

  /// Adds the next piece of the body. Called after `next` said need_more.
  void feed(std::string_view piece);
  Result<MultipartEvent> next();
  /// The body has ended: an error when the closing delimiter has not been seen.
  Result<void> finish() const;

 private:
  enum class State { preamble, delimiter_end, header, data, epilogue };

  Result<MultipartEvent> skip_preamble();
  Result<MultipartEvent> read_delimiter_end();
  Result<MultipartEvent> read_header();
  Result<MultipartEvent> read_data();

  std::string delimiter_;  ///< CRLF, two hyphens, boundary
  MultipartLimits limits_;
  std::string buffer_;
  std::size_t consumed_ = 0;  ///< bytes of buffer_ that have been dealt with
  std::size_t skipped_ = 0;   ///< bytes of the preamble
  std::size_t parts_ = 0;
  State state_ = State::preamble;
};

}  // namespace skill_verifier::http
