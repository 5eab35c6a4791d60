#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace skill_verifier::sandbox {

/// Which process an instance label stands for that is used for one job only. A pid alone would be taken again, and
/// means something only within its boot and its pid namespace.
struct ProcessName {
  std::string boot;              ///< the first 8 hexadecimal digits of the kernel's boot id
  std::uint64_t name_space = 0;  ///< inode of the pid namespace
  std::uint64_t pid = 0;
  std::uint64_t start = 0;  ///< ticks after boot

  bool operator==(const ProcessName&) const = default;
};

/// `cli-<boot>-<namespace>-<pid>-<start>`: an instance label.
std::string to_instance(const ProcessName& process);
/// Nothing for any other label.
std::optional<ProcessName> parse_one_shot(std::string_view instance);

/// This process. What /proc does not tell is empty or 0.
ProcessName this_process();
/// When the process with this pid of our namespace began; nothing when there is none, or it is a zombie.
std::optional<std::uint64_t> start_of(std::uint64_t pid);

/// Whether nobody can be using what carries the label of `other`, as `self` sees it: the process is gone, or, where
/// that cannot be seen from here (another boot, machine or namespace), it is `age` since the thing was made, and that
/// is more than a day, which no verification lasts.
bool is_gone(const ProcessName& other, const ProcessName& self, std::int64_t age_seconds,
             const std::function<std::optional<std::uint64_t>(std::uint64_t)>& start_of);

}  // namespace skill_verifier::sandbox
