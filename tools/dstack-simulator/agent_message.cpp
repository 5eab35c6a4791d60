#include "agent_message.hpp"

#include <fmt/core.h>

#include <charconv>

#include "skill_verifier/core/json.hpp"
#include "skill_verifier/net/http_client.hpp"

namespace dstack_simulator {
namespace {

namespace core = skill_verifier::core;
using nlohmann::json;
using skill_verifier::Errc;
using skill_verifier::Error;

Error field_error(const char* name, std::string_view why) {
  return Error{Errc::invalid_argument, fmt::format("Failed to decode request: {}: {}", name, why)};
}

std::string_view query_of(std::string_view target) {
  const auto mark = target.find('?');
  return mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
}

Result<json> parse_query(std::string_view query) {
  auto values = json::object();
  while (!query.empty()) {
    const auto end = query.find('&');
    const auto pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    const auto equals = pair.find('=');
    const auto name = skill_verifier::net::percent_decode(pair.substr(0, equals));
    const auto raw = equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
    const auto value = skill_verifier::net::percent_decode(raw);
    if (!name || !value) return Error{Errc::invalid_argument, "Failed to decode request: broken query"};
    values[*name].push_back(*value);
  }
  return values;
}

bool has_json_flag(std::string_view query) {
  const auto values = parse_query(query);
  return values && values->contains("json");
}

}  // namespace

Result<Fields> Fields::parse(const AgentRequest& request) {
  Fields fields;
  if (request.method == "GET") {
    auto values = parse_query(query_of(request.target));
    if (!values) return values.error();
    fields.values_ = std::move(*values);
    fields.from_query_ = true;
    return fields;
  }
  const auto type = request.content_type.substr(0, request.content_type.find(';'));
  if (type != "application/json" && !has_json_flag(query_of(request.target))) {
    return Error{Errc::unsupported, "Failed to decode request: protobuf is not simulated, send application/json"};
  }
  if (request.body.empty()) return fields;
  auto body = core::parse_json(request.body);
  if (!body) return Error{Errc::invalid_argument, "Failed to decode request: " + body.error().message};
  if (!body->is_object()) return Error{Errc::invalid_argument, "Failed to decode request: not an object"};
  fields.values_ = std::move(*body);
  return fields;
}

Result<std::string> Fields::text(const char* name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return std::string();
  const auto& value = from_query_ ? found->back() : *found;
  if (!value.is_string()) return field_error(name, "expected a string");
  return value.get<std::string>();
}

Result<Bytes> Fields::bytes(const char* name) const {
  const auto hex = text(name);
  if (!hex) return hex.error();
  auto bytes = core::parse_hex(*hex);
  if (!bytes) return field_error(name, bytes.error().message);
  return bytes;
}

Result<bool> Fields::flag(const char* name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return false;
  if (found->is_boolean()) return found->get<bool>();
  const auto word = text(name);
  if (from_query_ && word && (*word == "true" || *word == "false")) return *word == "true";
  return field_error(name, "expected a boolean");
}

Result<std::optional<std::uint64_t>> Fields::number(const char* name) const {
  const auto found = values_.find(name);
  if (found == values_.end() || found->is_null()) return std::optional<std::uint64_t>();
  if (found->is_number_unsigned()) return std::optional(found->get<std::uint64_t>());
  const auto digits = text(name);
  std::uint64_t value = 0;
  if (from_query_ && digits) {
    const auto [end, error] = std::from_chars(digits->data(), digits->data() + digits->size(), value);
    if (error == std::errc{} && end == digits->data() + digits->size()) return std::optional(value);
  }
  return field_error(name, "expected an unsigned integer");
}

Result<std::vector<std::string>> Fields::texts(const char* name) const {
  std::vector<std::string> texts;
  const auto found = values_.find(name);
  if (found == values_.end()) return texts;
  if (!found->is_array()) return field_error(name, "expected a list");
  for (const auto& item : *found) {
    if (!item.is_string()) return field_error(name, "expected a list of strings");
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

}  // namespace dstack_simulator
