#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "skill_verifier/core/result.hpp"

namespace skill_verifier::http {

/// `value; name=text; name="quoted text"`: Content-Type and Content-Disposition.
struct HeaderValue {
  std::string value;                                            ///< lower case
  std::vector<std::pair<std::string, std::string>> parameters;  ///< names in lower case

  std::optional<std::string> parameter(std::string_view name) const;
};

/// A backslash in a quoted text escapes only a quote and itself, because browsers put file names there unescaped.
/// Errors: invalid_argument `header_value_invalid`, also for a parameter that is given twice.
Result<HeaderValue> parse_header_value(std::string_view text);

}  // namespace skill_verifier::http
