#pragma once

#include <fmt/core.h>

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

/// One line an event, `key=value` or one JSON object: `log::info("job started", {{"job", id}, {"attempt", 2}})`.
/// Levels: error = somebody must act, warn = degraded, info = state change, debug = off by default. Every line about a
/// job carries `job`, every line about a request `request`. Never bodies, tokens, environment values or whole quotes.
/// Until `configure` is called everything goes to standard error as text.
namespace skill_verifier::core::log {

enum class Level { debug, info, warn, error, off };
enum class Format { text, json };

struct Field {
  Field(std::string_view key, std::string_view value) : key(key), value(value), quoted(true) {}
  Field(std::string_view key, const std::string& value) : Field(key, std::string_view(value)) {}
  Field(std::string_view key, const char* value) : Field(key, std::string_view(value)) {}
  Field(std::string_view key, bool value) : key(key), value(value ? "true" : "false"), quoted(false) {}
  template <class T>
    requires(std::integral<T> && !std::same_as<T, bool>) || std::floating_point<T>
  Field(std::string_view key, T value) : key(key), value(fmt::format("{}", value)), quoted(false) {}

  std::string_view key;
  std::string value;
  bool quoted;  ///< in JSON: a string, not a number or boolean
};
using Fields = std::initializer_list<Field>;

void configure(Level level, Format format);
void debug(std::string_view event, Fields fields = {});
void info(std::string_view event, Fields fields = {});
void warn(std::string_view event, Fields fields = {});
void error(std::string_view event, Fields fields = {});

}  // namespace skill_verifier::core::log

namespace skill_verifier {
namespace log = core::log;
}
