#include "service/sandbox_judge.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::service {
namespace {

constexpr std::size_t kMostText = 300;
constexpr int kSignalled = 128;
constexpr int kLastSignal = 64;

bool is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

int number_at(std::string_view text, std::size_t at) {
  int number = 0;
  for (; at < text.size() && is_digit(text[at]) && number < 100'000'000; ++at)
    number = number * 10 + (text[at] - '0');
  return number;
}

/// The number after `line `, else the first one between or after colons.
int line_in(std::string_view text) {
  constexpr std::string_view kWord = "line ";
  for (auto at = text.find(kWord); at != std::string_view::npos; at = text.find(kWord, at + 1)) {
    if (const int line = number_at(text, at + kWord.size()); line > 0) return line;
  }
  for (auto at = text.find(':'); at != std::string_view::npos; at = text.find(':', at + 1)) {
    auto digits = at + 1;
    while (digits < text.size() && text[digits] == ' ')
      ++digits;
    const auto end = std::min(text.find_first_not_of("0123456789", digits), text.size());
    if (end > digits && (end == text.size() || text[end] == ':' || text[end] == '\n')) return number_at(text, digits);
  }
  return 0;
}

std::string_view line_with(std::string_view text, std::string_view word) {
  const auto at = text.find(word);
  if (at == std::string_view::npos) return text.substr(0, text.find('\n'));
  const auto before = text.rfind('\n', at);
  const auto begin = before == std::string_view::npos ? 0 : before + 1;
  return text.substr(begin, std::min(text.find('\n', at), text.size()) - begin);
}

}  // namespace

std::string output_of(const sandbox::RunResult& run) {
  auto text = run.out.text();
  if (!text.empty() && !text.ends_with('\n') && run.err.total > 0) text += '\n';
  return text + run.err.text();
}

Objection objection_of(std::string_view interpreter, std::string_view output) {
  Objection objection;
  objection.line = line_in(output);
  objection.message = core::shorten(line_with(output, interpreter == "node" ? "Error:" : "rror"), kMostText);
  return objection;
}

bool lacks_something(std::string_view output) {
  constexpr std::array<std::string_view, 7> kSigns{
      "ModuleNotFoundError", "ImportError",           "Cannot find module", "ERR_MODULE_NOT_FOUND",
      "Can't locate ",       "cannot load such file", "not found"};
  return std::ranges::any_of(kSigns,
                             [&](std::string_view sign) { return output.find(sign) != std::string_view::npos; });
}

std::optional<std::string> crash_of(const sandbox::RunResult& run) {
  if (run.outcome == sandbox::Outcome::oom || run.memory_killed) return "ran out of memory";
  // PID 1 ends a command by itself for nothing else, and the host asks it for no end.
  if (run.outcome == sandbox::Outcome::killed) return "was ended: more files than it may have";
  if (run.outcome != sandbox::Outcome::exited || !run.exit_code) return std::nullopt;
  const int signal = *run.exit_code - kSignalled;
  if (signal <= 0 || signal > kLastSignal) return std::nullopt;
  const char* const name = ::sigabbrev_np(signal);
  return fmt::format("ended by signal {}{}", signal, name == nullptr ? "" : fmt::format(" (SIG{})", name));
}

std::string asked_for(const sandbox::Watched& watched, sandbox::Watched::What what) {
  std::string text;
  for (const auto& asked : watched.asked) {
    if (asked.what != what) continue;
    text += (text.empty() ? "" : ", ") + core::shorten(asked.target);
    if (asked.times > 1) text += fmt::format(" ({} times)", asked.times);
  }
  if (!text.empty() && watched.more > 0) text += fmt::format(" and {} more attempts", watched.more);
  return text;
}

}  // namespace skill_verifier::service
