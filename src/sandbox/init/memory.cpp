#include "sandbox/init/memory.hpp"

#include <algorithm>
#include <string>

#include "sandbox/init/posix.hpp"

namespace skill_verifier::sandbox::guest {
namespace {

constexpr std::size_t kFileLimit = 4096;

}  // namespace

std::optional<std::uint64_t> leading_number(std::string_view text) {
  std::uint64_t value = 0;
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
    value = value * 10 + static_cast<std::uint64_t>(text[digits] - '0');
    ++digits;
  }
  if (digits == 0) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> find_counter(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ' ') continue;
    line.remove_prefix(key.size() + 1);
    return leading_number(line);
  }
  return std::nullopt;
}

MemoryCounters read_memory_counters() {
  struct Files {
    const char* kills;
    const char* peak;
  };
  constexpr Files kVersions[] = {
      {"/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory/memory.max_usage_in_bytes"},
      {"/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory.peak"},
  };
  MemoryCounters counters;
  for (const auto& files : kVersions) {
    const auto kills = find_counter(read_small_file(files.kills, kFileLimit), "oom_kill");
    if (!kills) continue;
    counters.oom_kills = *kills;
    counters.peak = leading_number(read_small_file(files.peak, kFileLimit)).value_or(0);
    break;
  }
  return counters;
}

}  // namespace skill_verifier::sandbox::guest
