#include "service/live_log.hpp"

#include <fmt/core.h>

namespace skill_verifier::service {
namespace {

/// Output is limited per stream already; this bounds what several attempts and talkative pulls add up to.
constexpr std::size_t kMaxText = 5u << 20;
constexpr std::string_view kFullMark = "\n== log limit reached, the rest is left out\n";

}  // namespace

void LiveLog::write(std::string_view bytes) {
  if (full_ || closed_ || bytes.empty()) return;
  if (text_.size() + bytes.size() + kFullMark.size() > kMaxText) {
    text_ += bytes.substr(0, kMaxText - kFullMark.size() - text_.size());
    text_ += kFullMark;
    full_ = true;
  } else {
    text_ += bytes;
  }
  grown_.notify_all();
}

void LiveLog::start_line() {
  if (!text_.empty() && text_.back() != '\n') write("\n");
}

void LiveLog::heading(std::string_view text) {
  start_line();
  write(fmt::format("== {}\n", text));
}

void LiveLog::line(std::string_view text) {
  start_line();
  write(fmt::format("{}\n", text));
}

void LiveLog::write_tail(std::string_view stream, const sandbox::Output& output) {
  if (!output.truncated) return;
  heading(fmt::format("{}: {} bytes left out", stream, output.total - output.head.size() - output.tail.size()));
  write(output.tail);
}

void LiveLog::mark(store::JobState state, int attempt, core::Time at) {
  journal_.add(state, attempt, at, text_.size());
  grown_.notify_all();
}

void LiveLog::close() {
  start_line();
  closed_ = true;
  grown_.notify_all();
}

core::awaitable<void> LiveLog::wait_beyond(std::size_t offset, core::Duration limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!closed_ && text_.size() <= offset) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= core::Duration::zero()) co_return;
    const bool woken = co_await grown_.wait(left);
    if (!woken) co_return;
  }
}

}  // namespace skill_verifier::service
