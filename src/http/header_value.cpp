#include "http/header_value.hpp"

#include <algorithm>

#include "http/request_check.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::http {
namespace {

std::string to_lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return result;
}

void skip_space(std::string_view& text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
}

std::string_view take_until(std::string_view& text, std::string_view stops) {
  const auto end = std::min(text.find_first_of(stops), text.size());
  const auto taken = text.substr(0, end);
  text.remove_prefix(end);
  return taken;
}

std::optional<std::string> take_quoted(std::string_view& text) {
  text.remove_prefix(1);
  std::string result;
  while (!text.empty() && text.front() != '"') {
    if (text.size() > 1 && text[0] == '\\' && (text[1] == '"' || text[1] == '\\')) text.remove_prefix(1);
    result += text.front();
    text.remove_prefix(1);
  }
  if (text.empty()) return std::nullopt;
  text.remove_prefix(1);
  return result;
}

bool is_value(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return is_token(text);
  return is_token(text.substr(0, slash)) && is_token(text.substr(slash + 1));
}

}  // namespace

std::optional<std::string> HeaderValue::parameter(std::string_view name) const {
  for (const auto& [key, text] : parameters) {
    if (key == name) return text;
  }
  return std::nullopt;
}

Result<HeaderValue> parse_header_value(std::string_view text) {
  const Error malformed(Errc::invalid_argument, "header_value_invalid",
                        "malformed header value " + core::shorten(text));
  HeaderValue result;
  skip_space(text);
  result.value = to_lower(take_until(text, " \t;"));
  if (!is_value(result.value)) return malformed;
  skip_space(text);
  while (!text.empty()) {
    if (text.front() != ';') return malformed;
    text.remove_prefix(1);
    skip_space(text);
    if (text.empty() || text.front() == ';') continue;
    const std::string name = to_lower(take_until(text, "=; \t"));
    if (!is_token(name) || text.empty() || text.front() != '=' || result.parameter(name)) return malformed;
    text.remove_prefix(1);
    std::optional<std::string> value;
    if (!text.empty() && text.front() == '"') {
      value = take_quoted(text);
    } else if (const auto token = take_until(text, "; \t"); is_token(token)) {
      value = std::string(token);
    }
    if (!value) return malformed;
    result.parameters.emplace_back(name, std::move(*value));
    skip_space(text);
  }
  return result;
}

}  // namespace skill_verifier::http
