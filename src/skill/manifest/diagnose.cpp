#include "skill/manifest/diagnose.hpp"

#include <fmt/core.h>

#include <utility>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::skill {

Error to_error(const Diagnostic& refusal) {
  std::string where = refusal.file;
  if (refusal.at.line > 0) {
    where += fmt::format("{}line {}", where.empty() ? "" : " ", refusal.at.line);
    if (refusal.at.column > 0) where += fmt::format(" column {}", refusal.at.column);
  }
  Error error{Errc::rejected, refusal.code, refusal.message};
  return where.empty() ? error : core::with_context(std::move(error), where);
}

namespace manifest {

Diagnostic diagnose(std::string code, std::string message, std::string_view file, Position at) {
  return {std::move(code), std::move(message), std::string(file), at};
}

std::string shown(std::string_view value) {
  return "`" + core::shorten(value, 60) + "`";
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

}  // namespace manifest
}  // namespace skill_verifier::skill
