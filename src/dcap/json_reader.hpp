#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/core/result.hpp"

/// JSON as signed documents use it (RFC 8259, strict): UTF-8, integers only, no member twice.
namespace skill_verifier::dcap::json {

struct Limits {
  std::size_t bytes = 256u << 10;
  std::size_t depth = 32;
  std::size_t nodes = 32u << 10;
  std::size_t members = 64;  ///< of one object
};

enum class Kind : std::uint8_t { null, boolean, integer, string, array, object };

/// A document as one flat list of nodes; the text has to outlive it.
class Document;

class Value {
 public:
  Kind kind() const;
  std::optional<std::string_view> string() const;
  std::optional<std::int64_t> integer() const;
  bool is_array() const { return kind() == Kind::array; }
  bool is_object() const { return kind() == Kind::object; }

  /// A member of an object; nothing where this is no object or has no such member.
  std::optional<Value> operator[](std::string_view name) const;
  /// Elements of an array or members' values of an object; nothing for anything else.
  std::vector<Value> elements() const;

 private:
  friend class Document;
  Value(const Document* document, std::uint32_t index) : document_(document), index_(index) {}
  const Document* document_;
  std::uint32_t index_;
};

class Document {
 public:
  /// Errors: invalid_argument `json_invalid` with the position.
  static Result<Document> parse(std::string_view text, const Limits& limits = {});
  Value root() const { return {this, 0}; }

 private:
  friend class Value;
  friend class Parser;
  struct Node {
    Kind kind = Kind::null;
    std::uint32_t end = 0;  ///< index after the last node below this one
    std::string_view name;
    std::string_view string;
    std::int64_t integer = 0;
  };
  std::vector<Node> nodes_;
  std::deque<std::string> unescaped_;  ///< never moves what it holds
};

/// `text` with quotes and escapes.
std::string quote(std::string_view text);

}  // namespace skill_verifier::dcap::json
