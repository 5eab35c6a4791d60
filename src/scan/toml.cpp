#include "scan/toml.hpp"

#include <fmt/core.h>
#include <re2/re2.h>

namespace skill_verifier::scan {
namespace {

constexpr std::size_t kMaxBytes = 4u << 20;

bool has_long_key(std::string_view text) {
  static const RE2 long_key(
      R"re((?:[\w-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')(?:[ \t]*\.[ \t]*(?:[\w-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')){16})re",
      RE2::Latin1);
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), long_key);
}

}  // namespace

Result<toml::table> parse_toml(std::string_view text) {
  if (text.size() > kMaxBytes) return Error{Errc::too_large, "toml_too_large", "more than 4 MiB"};
  if (has_long_key(text)) return Error{Errc::invalid_argument, "toml_invalid", "a key of more than 16 parts"};
  toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return Error{Errc::invalid_argument, "toml_invalid",
                 fmt::format("line {}: {}", error.source().begin.line, error.description())};
  }
  return std::move(parsed).table();
}

}  // namespace skill_verifier::scan
