#pragma once

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.hpp"
#include "skill_verifier/core/bytes.hpp"

/// How the texts of configuration keys become values. The keys themselves are in config_keys.cpp and, by what they are
/// about, config_keys_….cpp beside it.
namespace skill_verifier::app {

using Apply = std::function<Result<void>(Config&, std::string_view)>;

constexpr std::uint64_t kMiB = 1u << 20;
constexpr std::uint64_t kTiB = std::uint64_t{1} << 40;
constexpr std::uint64_t kGiB = 1u << 30;

inline Error bad_value(std::string_view text, std::string_view expected) {
  return Error{Errc::invalid_argument, fmt::format("'{}' is no {}", core::shorten(text, 60), expected)};
}

inline Result<void> set_bool(bool& out, std::string_view text) {
  if (text != "true" && text != "false") return bad_value(text, "true or false");
  out = text == "true";
  return {};
}

inline Result<std::int64_t> parse_integer(std::string_view text, std::int64_t low, std::int64_t high) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < low || number > high)
    return bad_value(text, fmt::format("integer from {} to {}", low, high));
  return number;
}

inline Apply boolean(std::function<bool&(Config&)> field) {
  return [field](Config& config, std::string_view text) { return set_bool(field(config), text); };
}

template <class T>
Apply integer(std::int64_t low, std::int64_t high, std::function<T&(Config&)> field) {
  return [=](Config& config, std::string_view text) -> Result<void> {
    SKILL_VERIFIER_TRY(const std::int64_t number, parse_integer(text, low, high));
    field(config) = static_cast<T>(number);
    return {};
  };
}

template <class T>
Apply size(std::uint64_t low, std::uint64_t high, std::function<T&(Config&)> field) {
  return [=](Config& config, std::string_view text) -> Result<void> {
    SKILL_VERIFIER_TRY(const std::uint64_t bytes, parse_size(text));
    if (bytes < low || bytes > high) return bad_value(text, fmt::format("size from {} to {} bytes", low, high));
    field(config) = static_cast<T>(bytes);
    return {};
  };
}

template <class T>
Apply duration(std::chrono::milliseconds low, std::chrono::milliseconds high, std::function<T&(Config&)> field) {
  return [=](Config& config, std::string_view text) -> Result<void> {
    SKILL_VERIFIER_TRY(const std::chrono::milliseconds time, parse_duration(text));
    if (time < low || time > high)
      return bad_value(text, fmt::format("duration from {} ms to {} ms", low.count(), high.count()));
    field(config) = std::chrono::duration_cast<T>(time);
    return {};
  };
}

inline Apply text(std::function<std::string&(Config&)> field) {
  return [field](Config& config, std::string_view value) -> Result<void> {
    field(config) = value;
    return {};
  };
}

// Each adds the keys of its file.
void add_service_keys(std::vector<Key>& keys);
void add_limit_keys(std::vector<Key>& keys);
void add_webhook_keys(std::vector<Key>& keys);
void add_access_keys(std::vector<Key>& keys);

}  // namespace skill_verifier::app
