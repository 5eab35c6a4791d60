#include "sandbox/limits_check.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <sys/utsname.h>

#include <algorithm>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::sandbox {

std::vector<std::string> unheld_limits(const EngineInfo& info, const EngineTraits& traits,
                                       const std::string& oci_runtime, const std::string& architecture) {
  std::vector<std::string> found;
  if (info.cgroup_driver == "none") found.emplace_back("it has no cgroup driver, so it ignores every limit");
  if (info.has_security_option("rootless") && info.cgroup_version == "1")
    found.emplace_back("it runs without root on cgroup v1, so it ignores every limit");
  if (!info.memory_limit) found.emplace_back("it does not limit memory");
  // Without swap accounting a job could use the host's swap on top of its memory.
  if (!info.swap_limit) found.emplace_back("it does not limit swap");
  if (!info.pids_limit) found.emplace_back("it does not limit the number of processes");
  if (!info.cpu_quota) found.emplace_back("it does not limit CPU time (CFS quota)");
  if (!info.has_security_option("seccomp")) found.emplace_back("it does not filter system calls (seccomp)");
  if (!oci_runtime.empty() && !traits.runtime_per_container) {
    if (oci_runtime != info.default_runtime)
      found.push_back(fmt::format("it runs everything under {}, not under {}", core::shorten(info.default_runtime),
                                  core::shorten(oci_runtime)));
  } else if (!oci_runtime.empty() && std::ranges::find(info.runtimes, oci_runtime) == info.runtimes.end()) {
    found.push_back(
        fmt::format("it has no runtime {}, it has {}", core::shorten(oci_runtime), fmt::join(info.runtimes, ", ")));
  }
  if (!info.architecture.empty() && info.architecture != architecture) {
    found.push_back(
        fmt::format("it runs {} programs, our init is built for {}", core::shorten(info.architecture), architecture));
  }
  return found;
}

Result<void> check_limits(const EngineInfo& info, const EngineTraits& traits, const std::string& oci_runtime) {
  utsname machine{};
  ::uname(&machine);
  const auto found = unheld_limits(info, traits, oci_runtime, machine.machine);
  if (found.empty()) return {};
  return Error{Errc::unsupported, "engine_unsuitable",
               fmt::format("{} {} would not hold a sandbox's limits: {}", traits.name, core::shorten(info.version, 40),
                           fmt::join(found, "; ")),
               "use an engine with cgroup v2, or with cgroup v1 as root, and with seccomp"};
}

}  // namespace skill_verifier::sandbox
