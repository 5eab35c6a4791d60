#include "http/query.hpp"

#include <algorithm>
#include <charconv>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/net/http_client.hpp"

namespace skill_verifier::http {
namespace {

constexpr std::size_t kMaxPairs = 32;

Error invalid(std::string message) {
  return Error(Errc::invalid_argument, "query_invalid", std::move(message));
}

Result<std::string> decode(std::string_view text) {
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  auto decoded = net::percent_decode(spaced);
  if (!decoded) return invalid("malformed percent-encoding in " + core::shorten(text));
  return std::move(*decoded);
}

}  // namespace

Result<Query> Query::parse(std::string_view text) {
  Query query;
  while (!text.empty()) {
    const auto end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    const auto equals = std::min(pair.find('='), pair.size());
    SKILL_VERIFIER_TRY(std::string name, decode(pair.substr(0, equals)));
    SKILL_VERIFIER_TRY(std::string value, decode(pair.substr(std::min(equals + 1, pair.size()))));
    if (query.find(name)) return invalid("query parameter " + core::shorten(name) + " is given twice");
    if (query.pairs_.size() == kMaxPairs)
      return invalid("more than " + std::to_string(kMaxPairs) + " query parameters");
    query.pairs_.emplace_back(std::move(name), std::move(value));
  }
  return query;
}

std::optional<std::string> Query::find(std::string_view name) const {
  for (const auto& [key, value] : pairs_) {
    if (key == name) return value;
  }
  return std::nullopt;
}

Result<std::uint64_t> parse_number(std::string_view name, std::string_view text, std::uint64_t least,
                                   std::uint64_t most) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < least || number > most)
    return invalid(std::string(name) + " is " + core::shorten(text) + ", must be a number from " +
                   std::to_string(least) + " to " + std::to_string(most));
  return number;
}

Result<bool> parse_flag(std::string_view name, std::string_view text) {
  if (text == "true" || text == "1" || text == "on" || text == "yes") return true;
  if (text == "false" || text == "0" || text == "off" || text == "no") return false;
  return invalid(std::string(name) + " is " + core::shorten(text) + ", must be true or false");
}

}  // namespace skill_verifier::http
