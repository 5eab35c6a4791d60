#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "app/config.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::app {
namespace {

/// Splits `512MiB` into 512 and `MiB`.
std::pair<Result<std::uint64_t>, std::string_view> split_unit(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data()) return {Error{Errc::invalid_argument, "not a number"}, text};
  return {number, text.substr(static_cast<std::size_t>(end - text.data()))};
}

template <std::size_t N>
Result<std::uint64_t> scaled(std::string_view text, const std::pair<std::string_view, std::uint64_t> (&units)[N],
                             std::string_view expected) {
  const auto [number, unit] = split_unit(text);
  if (number) {
    for (const auto& [name, factor] : units) {
      if (name != unit) continue;
      if (*number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / factor) break;
      return *number * factor;
    }
  }
  return Error{Errc::invalid_argument, fmt::format("'{}' is no {}", core::shorten(text, 40), expected)};
}

}  // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  static constexpr std::pair<std::string_view, std::uint64_t> kUnits[] = {
      {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  if (text == "0") return std::chrono::milliseconds(0);
  SKILL_VERIFIER_TRY(const std::uint64_t count, scaled(text, kUnits, "duration like 500ms, 30s, 5m, 2h or 7d"));
  return std::chrono::milliseconds(count);
}

Result<std::uint64_t> parse_size(std::string_view text) {
  static constexpr std::pair<std::string_view, std::uint64_t> kUnits[] = {
      {"", 1}, {"B", 1}, {"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30}, {"TiB", std::uint64_t{1} << 40}};
  return scaled(text, kUnits, "size like 512MiB, 64KiB or 1000 (bytes)");
}

}  // namespace skill_verifier::app
