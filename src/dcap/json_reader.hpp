#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "skill_verifier/core/result.hpp"

namespace skill_verifier::dcap {

/// JSON as signed documents may have it: objects without a name twice, integers without fraction or exponent that fit
/// into 64 bits, strings of well-formed Unicode, 32 levels.
class JsonValue {
 public:
  using Array = std::vector<JsonValue>;
  using Member = std::pair<std::string, JsonValue>;
  using Object = std::vector<Member>;

  JsonValue() = default;
  explicit JsonValue(bool value) : value_(value) {}
  explicit JsonValue(std::int64_t value) : value_(value) {}
  explicit JsonValue(std::string value) : value_(std::move(value)) {}
  explicit JsonValue(Array value) : value_(std::move(value)) {}
  explicit JsonValue(Object value) : value_(std::move(value)) {}

  const std::string* string() const { return std::get_if<std::string>(&value_); }
  const std::int64_t* integer() const { return std::get_if<std::int64_t>(&value_); }
  const Array* array() const { return std::get_if<Array>(&value_); }
  const Object* object() const { return std::get_if<Object>(&value_); }
  /// The object's member; null where this is no object or has none of that name.
  const JsonValue* find(std::string_view name) const;

 private:
  std::variant<std::monostate, bool, std::int64_t, std::string, Array, Object> value_;
};

/// Errors: invalid_argument `json_invalid`, saying what and at which byte.
Result<JsonValue> parse_strict_json(std::string_view text, std::size_t limit);

}  // namespace skill_verifier::dcap
