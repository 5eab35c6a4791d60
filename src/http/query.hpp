#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "skill_verifier/core/result.hpp"

namespace skill_verifier::http {

/// Decoded `name=value` pairs in their order; a name without `=` has an empty value.
class Query {
 public:
  /// Errors: invalid_argument `query_invalid` for a broken escape, a name given twice or more than 32 pairs.
  static Result<Query> parse(std::string_view text);

  std::optional<std::string> find(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& pairs() const { return pairs_; }

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

/// A decimal number within [least, most], digits only. Errors: invalid_argument `query_invalid` naming `name`.
Result<std::uint64_t> parse_number(std::string_view name, std::string_view text, std::uint64_t least,
                                   std::uint64_t most);
/// true, 1, on, yes or false, 0, off, no. Errors: invalid_argument `query_invalid` naming `name`.
Result<bool> parse_flag(std::string_view name, std::string_view text);

}  // namespace skill_verifier::http
