#include "dcap/json_reader.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::dcap {
namespace {

constexpr int kMaxDepth = 32;
constexpr std::size_t kMaxMembers = 512;  ///< names are compared with each other
constexpr std::size_t kMaxValues = 65'536;

class JsonParser {
 public:
  explicit JsonParser(std::string_view text) : text_(text) {}

  Result<JsonValue> parse() {
    SKILL_VERIFIER_TRY(JsonValue value, parse_value(0));
    skip_space();
    if (at_ != text_.size()) return error("something follows the value");
    return value;
  }

 private:
  Error error(std::string_view what) const {
    return Error{Errc::invalid_argument, "json_invalid", fmt::format("{} at byte {}", what, at_)};
  }

  bool at_end() const { return at_ == text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }
  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  void skip_space() {
    while (!at_end() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
  }

  Result<JsonValue> parse_value(int depth) {
    if (depth >= kMaxDepth) return error("more than 32 levels");
    if (++values_ > kMaxValues) return error("too many values");
    skip_space();
    switch (peek()) {
      case '{':
        return parse_object(depth);
      case '[':
        return parse_array(depth);
      case '"': {
        SKILL_VERIFIER_TRY(std::string text, parse_string());
        return JsonValue(std::move(text));
      }
      case 't':
        if (take("true")) return JsonValue(true);
        break;
      case 'f':
        if (take("false")) return JsonValue(false);
        break;
      case 'n':
        if (take("null")) return JsonValue();
        break;
      default:
        return parse_integer();
    }
    return error("no JSON value");
  }

  Result<JsonValue> parse_object(int depth) {
    ++at_;
    JsonValue::Object members;
    skip_space();
    if (take('}')) return JsonValue(std::move(members));
    while (true) {
      skip_space();
      if (peek() != '"') return error("no member name");
      SKILL_VERIFIER_TRY(std::string name, parse_string());
      if (members.size() == kMaxMembers) return error("an object with too many members");
      if (std::ranges::find(members, name, &JsonValue::Member::first) != members.end())
        return error("a member stands twice");
      skip_space();
      if (!take(':')) return error("no colon");
      SKILL_VERIFIER_TRY(JsonValue value, parse_value(depth + 1));
      members.emplace_back(std::move(name), std::move(value));
      skip_space();
      if (take('}')) return JsonValue(std::move(members));
      if (!take(',')) return error("no comma");
    }
  }

  Result<JsonValue> parse_array(int depth) {
    ++at_;
    JsonValue::Array values;
    skip_space();
    if (take(']')) return JsonValue(std::move(values));
    while (true) {
      SKILL_VERIFIER_TRY(JsonValue value, parse_value(depth + 1));
      values.push_back(std::move(value));
      skip_space();
      if (take(']')) return JsonValue(std::move(values));
      if (!take(',')) return error("no comma");
    }
  }

  Result<JsonValue> parse_integer() {
    const bool negative = take('-');
    const std::size_t begin = at_;
    std::uint64_t value = 0;
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    for (; peek() >= '0' && peek() <= '9'; ++at_) {
      const auto digit = static_cast<std::uint64_t>(peek() - '0');
      if (value > (kMost - digit) / 10) return error("a number that is too large");
      value = value * 10 + digit;
    }
    if (at_ == begin) return error("no JSON value");
    if (text_[begin] == '0' && at_ - begin > 1) return error("a number with a leading zero");
    if (peek() == '.' || peek() == 'e' || peek() == 'E') return error("a number that is no integer");
    const auto number = static_cast<std::int64_t>(value);
    return JsonValue(negative ? -number : number);
  }

  Result<std::string> parse_string() {
    ++at_;
    std::string out;
    while (true) {
      const auto plain = std::min(text_.find_first_of("\"\\", at_), text_.size());
      const auto part = text_.substr(at_, plain - at_);
      if (std::ranges::any_of(part, [](char c) { return static_cast<unsigned char>(c) < 0x20; }))
        return error("a control character in a string");
      out += part;
      at_ = plain;
      if (at_end()) return error("a string without an end");
      if (take('"')) break;
      ++at_;
      if (auto escaped = parse_escape(out); !escaped) return escaped.error();
    }
    if (!core::is_utf8(out)) return error("a string that is not UTF-8");
    return out;
  }

  Result<void> parse_escape(std::string& out) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (at_end()) return error("a string without an end");
    const char c = text_[at_++];
    if (const auto index = kNames.find(c); index != std::string_view::npos) {
      out += kMeanings[index];
      return {};
    }
    if (c != 'u') return error("an unknown escape");
    auto unit = parse_unit();
    if (!unit) return error("a malformed \\u escape");
    std::uint32_t point = *unit;
    if (point >= 0xD800 && point < 0xDC00) {
      const bool paired = take("\\u");
      const auto low = paired ? parse_unit() : std::nullopt;
      if (!low || *low < 0xDC00 || *low > 0xDFFF) return error("half of a surrogate pair");
      point = 0x10000 + ((point - 0xD800) << 10) + (*low - 0xDC00);
    } else if (point >= 0xDC00 && point < 0xE000) {
      return error("half of a surrogate pair");
    }
    append_utf8(out, point);
    return {};
  }

  std::optional<std::uint32_t> parse_unit() {
    if (text_.size() - at_ < 4) return std::nullopt;
    std::uint32_t unit = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = text_[at_++];
      std::uint32_t digit = 0;
      if (c >= '0' && c <= '9')
        digit = static_cast<std::uint32_t>(c - '0');
      else if (c >= 'a' && c <= 'f')
        digit = static_cast<std::uint32_t>(c - 'a' + 10);
      else if (c >= 'A' && c <= 'F')
        digit = static_cast<std::uint32_t>(c - 'A' + 10);
      else
        return std::nullopt;
      unit = unit << 4 | digit;
    }
    return unit;
  }

  static void append_utf8(std::string& out, std::uint32_t point) {
    const auto byte = [&](std::uint32_t value) { out += static_cast<char>(value); };
    if (point < 0x80) {
      byte(point);
    } else if (point < 0x800) {
      byte(0xC0 | point >> 6);
      byte(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
      byte(0xE0 | point >> 12);
      byte(0x80 | (point >> 6 & 0x3F));
      byte(0x80 | (point & 0x3F));
    } else {
      byte(0xF0 | point >> 18);
      byte(0x80 | (point >> 12 & 0x3F));
      byte(0x80 | (point >> 6 & 0x3F));
      byte(0x80 | (point & 0x3F));
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t values_ = 0;
};

}  // namespace

const JsonValue* JsonValue::find(std::string_view name) const {
  const auto* members = object();
  if (members == nullptr) return nullptr;
  const auto found = std::ranges::find(*members, name, &Member::first);
  return found == members->end() ? nullptr : &found->second;
}

Result<JsonValue> parse_strict_json(std::string_view text, std::size_t limit) {
  if (text.size() > limit)
    return Error{Errc::invalid_argument, "json_invalid",
                 fmt::format("the JSON text has {} bytes, the limit is {}", text.size(), limit)};
  return JsonParser(text).parse();
}

}  // namespace skill_verifier::dcap
