#include "dcap/json_reader.hpp"

#include <algorithm>
#include <charconv>

#include "dcap/text.hpp"

namespace skill_verifier::dcap::json {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&](std::uint32_t octet) { out += static_cast<char>(octet); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3f));
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

}  // namespace

class Parser {
 public:
  Parser(std::string_view text, const Limits& limits, Document& document)
      : text_(text), limits_(limits), document_(document) {}

  bool parse() {
    document_.nodes_.reserve(std::min<std::size_t>(limits_.nodes, 512));
    if (!value({}, 1)) return false;
    skip_space();
    return at_ == text_.size() || fail("there is text after the document");
  }
  Error error() const { return refusal("json_invalid", dcap::text(problem_, " at position ", at_)); }

 private:
  bool fail(std::string_view problem) {
    if (problem_.empty()) problem_ = problem;
    return false;
  }
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
  }
  bool take(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  bool value(std::string_view name, std::size_t depth) {
    if (depth > limits_.depth) return fail("values are nested too deeply");
    if (document_.nodes_.size() == limits_.nodes) return fail("there are too many values");
    skip_space();
    if (at_ == text_.size()) return fail("the text ends where a value should stand");
    const std::size_t index = document_.nodes_.size();
    document_.nodes_.push_back({});
    document_.nodes_[index].name = name;
    if (!content(index, depth)) return false;
    document_.nodes_[index].end = static_cast<std::uint32_t>(document_.nodes_.size());
    return true;
  }

  bool content(std::size_t index, std::size_t depth) {
    const auto is = [&](Kind kind) {
      document_.nodes_[index].kind = kind;
      return true;
    };
    if (take('{')) return is(Kind::object) && members(index, depth);
    if (take('[')) return is(Kind::array) && elements(depth);
    if (take('"')) {
      std::string_view parsed;
      if (!string(parsed)) return false;
      document_.nodes_[index].string = parsed;
      return is(Kind::string);
    }
    if (take("true") || take("false")) return is(Kind::boolean);
    if (take("null")) return is(Kind::null);
    return is(Kind::integer) && integer(document_.nodes_[index].integer);
  }

  bool members(std::size_t object, std::size_t depth) {
    skip_space();
    if (take('}')) return true;
    for (std::size_t count = 1;; ++count) {
      if (count > limits_.members) return fail("an object has too many members");
      std::string_view name;
      skip_space();
      if (!take('"')) return fail("a member has no name");
      if (!string(name)) return false;
      if (has_member(object, name)) return fail("a member stands there twice");
      skip_space();
      if (!take(':')) return fail("a member has no value");
      if (!value(name, depth + 1)) return false;
      skip_space();
      if (take('}')) return true;
      if (!take(',')) return fail("a comma is missing in an object");
    }
  }

  bool has_member(std::size_t object, std::string_view name) const {
    const auto& nodes = document_.nodes_;
    for (std::size_t at = object + 1; at < nodes.size(); at = nodes[at].end)
      if (nodes[at].name == name) return true;
    return false;
  }

  bool elements(std::size_t depth) {
    skip_space();
    if (take(']')) return true;
    while (value({}, depth + 1)) {
      skip_space();
      if (take(']')) return true;
      if (!take(',')) return fail("a comma is missing in an array");
    }
    return false;
  }

  bool integer(std::int64_t& out) {
    const std::size_t begin = at_;
    take('-');
    const std::size_t digits = at_;
    while (at_ < text_.size() && is_digit(text_[at_]))
      ++at_;
    if (at_ == digits) return fail("there is no value");
    if (text_[digits] == '0' && (at_ > digits + 1 || digits > begin)) return fail("an integer is not in its one form");
    if (at_ < text_.size() && (text_[at_] == '.' || text_[at_] == 'e' || text_[at_] == 'E')) {
      return fail("a number is not an integer");
    }
    const auto [end, error] = std::from_chars(text_.data() + begin, text_.data() + at_, out);
    return (error == std::errc{} && end == text_.data() + at_) || fail("an integer is too large");
  }

  /// After the opening quote. The view is into the text, or into unescaped_ where escapes had to be replaced.
  bool string(std::string_view& out) {
    const std::size_t begin = at_;
    if (!run()) return false;
    if (text_[at_] == '"') {
      out = text_.substr(begin, at_++ - begin);
      return true;
    }
    std::string copy(text_.substr(begin, at_ - begin));
    while (text_[at_] != '"') {
      if (!escape(copy)) return false;
      const std::size_t next = at_;
      if (!run()) return false;
      copy += text_.substr(next, at_ - next);
    }
    ++at_;
    out = document_.unescaped_.emplace_back(std::move(copy));
    return true;
  }

  /// Up to the next quote or backslash.
  bool run() {
    while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\') {
      if (static_cast<unsigned char>(text_[at_]) < 0x20) return fail("there is a control character in a string");
      ++at_;
    }
    return at_ < text_.size() || fail("a string has no end");
  }

  bool escape(std::string& out) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    ++at_;
    if (at_ == text_.size()) return fail("a string has no end");
    const char name = text_[at_++];
    if (name == 'u') return unicode_escape(out);
    const auto found = kNames.find(name);
    if (found == std::string_view::npos) return fail("there is no such escape");
    out += kMeanings[found];
    return true;
  }

  bool unicode_escape(std::string& out) {
    std::uint32_t code = 0;
    if (!code_unit(code)) return false;
    if (code >= 0xd800 && code < 0xe000) {
      std::uint32_t low = 0;
      if (code >= 0xdc00 || !take("\\u") || !code_unit(low)) return fail("there is half a surrogate pair");
      if (low < 0xdc00 || low >= 0xe000) return fail("there is half a surrogate pair");
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    append_utf8(out, code);
    return true;
  }

  bool code_unit(std::uint32_t& out) {
    if (text_.size() - at_ < 4) return fail("an escape is cut short");
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + at_ + 4, out, 16);
    if (error != std::errc{} || end != text_.data() + at_ + 4) return fail("an escape has no four hex digits");
    at_ += 4;
    return true;
  }

  std::string_view text_;
  const Limits& limits_;
  Document& document_;
  std::size_t at_ = 0;
  std::string_view problem_;
};

Result<Document> Document::parse(std::string_view text, const Limits& limits) {
  if (text.size() > limits.bytes) {
    return refusal("json_invalid", dcap::text("the text has ", text.size(), " bytes, the limit is ", limits.bytes));
  }
  const bool ascii = std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (!ascii && !core::is_utf8(text)) return refusal("json_invalid", "the text is not UTF-8");
  Document document;
  Parser parser(text, limits, document);
  if (!parser.parse()) return parser.error();
  return document;
}

Kind Value::kind() const {
  return document_->nodes_[index_].kind;
}

std::optional<std::string_view> Value::string() const {
  if (kind() != Kind::string) return std::nullopt;
  return document_->nodes_[index_].string;
}

std::optional<std::int64_t> Value::integer() const {
  if (kind() != Kind::integer) return std::nullopt;
  return document_->nodes_[index_].integer;
}

std::optional<Value> Value::operator[](std::string_view name) const {
  if (!is_object()) return std::nullopt;
  const auto& nodes = document_->nodes_;
  for (std::uint32_t at = index_ + 1; at < nodes[index_].end; at = nodes[at].end)
    if (nodes[at].name == name) return Value(document_, at);
  return std::nullopt;
}

std::vector<Value> Value::elements() const {
  std::vector<Value> all;
  if (!is_array() && !is_object()) return all;
  const auto& nodes = document_->nodes_;
  for (std::uint32_t at = index_ + 1; at < nodes[index_].end; at = nodes[at].end)
    all.push_back(Value(document_, at));
  return all;
}

std::string quote(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (octet < 0x20) {
      out += "\\u00";
      out += kDigits[octet >> 4];
      out += kDigits[octet & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace skill_verifier::dcap::json
