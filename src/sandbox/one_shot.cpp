#include "skill_verifier/sandbox/one_shot.hpp"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <sstream>

namespace skill_verifier::sandbox {
namespace {

constexpr std::string_view kPrefix = "cli-";
constexpr std::size_t kBootDigits = 8;
constexpr std::int64_t kLongerThanAnyVerification = std::int64_t{24} * 60 * 60;
constexpr int kFieldsBeforeStart = 18;  ///< after the state

/// The text up to the next dash, which is taken off.
std::string_view take_part(std::string_view& rest) {
  const auto dash = std::min(rest.find('-'), rest.size());
  const auto part = rest.substr(0, dash);
  rest.remove_prefix(std::min(dash + 1, rest.size()));
  return part;
}

bool take_number(std::string_view& rest, std::uint64_t& number) {
  const auto part = take_part(rest);
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
  return error == std::errc() && end == part.data() + part.size();
}

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

std::string to_instance(const ProcessName& process) {
  return fmt::format("{}{}-{}-{}-{}", kPrefix, process.boot, process.name_space, process.pid, process.start);
}

std::optional<ProcessName> parse_one_shot(std::string_view instance) {
  if (!instance.starts_with(kPrefix)) return std::nullopt;
  const auto whole = instance;
  instance.remove_prefix(kPrefix.size());
  ProcessName process;
  process.boot = take_part(instance);
  if (process.boot.size() != kBootDigits || !is_hex(process.boot)) return std::nullopt;
  const bool numbers = take_number(instance, process.name_space) && take_number(instance, process.pid) &&
                       take_number(instance, process.start);
  if (!numbers || to_instance(process) != whole) return std::nullopt;
  return process;
}

ProcessName this_process() {
  ProcessName self;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> self.boot;
  self.boot.resize(kBootDigits, '0');
  struct stat info{};
  if (::stat("/proc/self/ns/pid", &info) == 0) self.name_space = info.st_ino;
  self.pid = static_cast<std::uint64_t>(::getpid());
  self.start = start_of(self.pid).value_or(0);
  return self;
}

std::optional<std::uint64_t> start_of(std::uint64_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  // proc(5): pid (name) state … starttime is the 22nd; the name may hold anything, also brackets.
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  std::string state;
  fields >> state;
  std::string skipped;
  for (int i = 0; i < kFieldsBeforeStart; ++i)
    fields >> skipped;
  std::uint64_t start = 0;
  if (!(fields >> start) || state == "Z" || state == "X") return std::nullopt;
  return start;
}

bool is_gone(const ProcessName& other, const ProcessName& self, std::int64_t age_seconds,
             const std::function<std::optional<std::uint64_t>(std::uint64_t)>& start_of) {
  const bool in_sight = other.boot == self.boot && other.name_space == self.name_space && self.start != 0;
  if (!in_sight) return age_seconds > kLongerThanAnyVerification;
  return start_of(other.pid) != std::optional(other.start);
}

}  // namespace skill_verifier::sandbox
