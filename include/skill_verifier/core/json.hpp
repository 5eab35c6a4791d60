#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "skill_verifier/core/result.hpp"

namespace skill_verifier::core {

/// Sorted members (what is hashed) and members in the order written (what is shown to clients).
using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

struct JsonLimits {
  int depth = 64;
  std::size_t bytes = 16u << 20;
};

/// Parses one JSON text. Refuses duplicate member names, nesting deeper than the limit, malformed UTF-8 and anything
/// after the value. Errors: invalid_argument `json_invalid` (message has the byte offset), too_large `json_too_large`.
Result<Json> parse_json(std::string_view text, JsonLimits limits = {});

/// Compact text. Never throws: malformed UTF-8 is replaced by U+FFFD.
std::string dump_json(const Json& value);
std::string dump_json(const OrderedJson& value);
/// The same, indented by two spaces.
std::string dump_json_pretty(const OrderedJson& value);

/// RFC 8785 canonical form of the subset that TRUST.md §1 allows: strings, integers within ±(2^53 - 1), booleans,
/// null, arrays, objects with ASCII names. Errors: invalid_argument `json_not_canonical` naming the member.
Result<std::string> canonical_json(const Json& value);

}  // namespace skill_verifier::core
