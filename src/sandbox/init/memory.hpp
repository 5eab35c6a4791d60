#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace skill_verifier::sandbox::guest {

/// The decimal digits that a text begins with.
std::optional<std::uint64_t> leading_number(std::string_view text);

/// The number after `key` at the start of a line, as in memory.oom_control and memory.events.
std::optional<std::uint64_t> find_counter(std::string_view text, std::string_view key);

/// What the sandbox's own cgroup (version 1 or 2) counted; unknown is 0.
struct MemoryCounters {
  std::uint64_t oom_kills = 0;
  std::uint64_t peak = 0;
};
MemoryCounters read_memory_counters();

}  // namespace skill_verifier::sandbox::guest
