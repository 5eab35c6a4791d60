#include "skill_verifier/core/json.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::core {
namespace {

/// Builds nothing: walks the text once to refuse what nlohmann's tree builder would let pass (depth, duplicate names).
class StrictScan : public nlohmann::json_sax<Json> {
 public:
  explicit StrictScan(int depth) : limit_(depth) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    if (names_.back().insert(name).second) return true;
    problem = fmt::format("member '{}' stands twice in one object", shorten(name));
    return false;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    problem = fmt::format("not well-formed JSON at byte {}", position);
    return false;
  }

  std::string problem;

 private:
  bool open() {
    names_.emplace_back();
    if (static_cast<int>(names_.size()) <= limit_) return true;
    problem = fmt::format("nested deeper than {} levels", limit_);
    return false;
  }
  bool close() {
    names_.pop_back();
    return true;
  }

  int limit_;
  std::vector<std::set<std::string>> names_;
};

constexpr std::int64_t kMaxSafeInteger = (std::int64_t{1} << 53) - 1;

Error not_canonical(const std::string& path, std::string_view why) {
  return Error{Errc::invalid_argument, "json_not_canonical",
               fmt::format("{} {}", path.empty() ? "the value" : "member " + shorten(path), why)};
}

void append_string(std::string& out, const std::string& text) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20)
          out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        else
          out += c;
    }
  }
  out += '"';
}

Result<void> append_canonical(std::string& out, const Json& value, const std::string& path, int depth);

Result<void> append_object(std::string& out, const Json& value, const std::string& path, int depth) {
  out += '{';
  bool first = true;
  // nlohmann's object is a std::map: bytewise order, which for ASCII names is RFC 8785's UTF-16 order.
  for (const auto& [name, member] : value.items()) {
    for (const char c : name)
      if (static_cast<unsigned char>(c) >= 0x80)
        return not_canonical(path + "/" + name, "has a name that is not ASCII");
    if (!first) out += ',';
    first = false;
    append_string(out, name);
    out += ':';
    SKILL_VERIFIER_TRY_VOID(append_canonical(out, member, path + "/" + name, depth + 1));
  }
  out += '}';
  return {};
}

Result<void> append_canonical(std::string& out, const Json& value, const std::string& path, int depth) {
  if (depth > JsonLimits{}.depth) return not_canonical(path, "is nested too deep");
  switch (value.type()) {
    case Json::value_t::null:
      out += "null";
      return {};
    case Json::value_t::boolean:
      out += value.get<bool>() ? "true" : "false";
      return {};
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned: {
      if (value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(kMaxSafeInteger))
        return not_canonical(path, "is an integer beyond ±(2^53 - 1)");
      const auto number = value.get<std::int64_t>();
      if (number < -kMaxSafeInteger || number > kMaxSafeInteger)
        return not_canonical(path, "is an integer beyond ±(2^53 - 1)");
      out += fmt::format("{}", number);
      return {};
    }
    case Json::value_t::string: {
      const auto& text = value.get_ref<const std::string&>();
      if (!is_utf8(text)) return not_canonical(path, "is not UTF-8");
      append_string(out, text);
      return {};
    }
    case Json::value_t::array: {
      out += '[';
      for (std::size_t i = 0; i < value.size(); ++i) {
        if (i > 0) out += ',';
        SKILL_VERIFIER_TRY_VOID(append_canonical(out, value[i], fmt::format("{}/{}", path, i), depth + 1));
      }
      out += ']';
      return {};
    }
    case Json::value_t::object:
      return append_object(out, value, path, depth);
    default:
      return not_canonical(path, "is neither text, integer, boolean, null, array nor object");
  }
}

}  // namespace

Result<Json> parse_json(std::string_view text, JsonLimits limits) {
  if (text.size() > limits.bytes)
    return Error{Errc::too_large, "json_too_large",
                 fmt::format("JSON text of {} bytes is over the limit of {}", text.size(), limits.bytes)};
  // nlohmann takes a NUL for the end of its input and would let anything stand after it.
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    return Error{Errc::invalid_argument, "json_invalid", fmt::format("not well-formed JSON at byte {}", nul + 1)};
  }
  StrictScan scan(limits.depth);
  if (!Json::sax_parse(text, &scan)) return Error{Errc::invalid_argument, "json_invalid", scan.problem};
  return Json::parse(text, nullptr, false);
}

std::string dump_json(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}
std::string dump_json(const OrderedJson& value) {
  return value.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}
std::string dump_json_pretty(const OrderedJson& value) {
  return value.dump(2, ' ', false, OrderedJson::error_handler_t::replace);
}

Result<std::string> canonical_json(const Json& value) {
  std::string out;
  SKILL_VERIFIER_TRY_VOID(append_canonical(out, value, "", 0));
  return out;
}

}  // namespace skill_verifier::core
