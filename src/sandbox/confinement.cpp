#include "sandbox/confinement.hpp"

#include <fmt/core.h>

#include <utility>

namespace skill_verifier::sandbox {

std::vector<std::string> unheld_inside(const init::Confinement& seen, const ContainerSpec& spec,
                                       std::string_view engine_kernel) {
  std::vector<std::string> found;
  const auto expect = [&found](bool holds, std::string what) {
    if (!holds) found.push_back(std::move(what));
  };
  const auto has = [&seen](std::uint8_t bit) { return (seen.bits & bit) != 0; };
  const auto& limits = spec.limits;
  const auto beyond = seen.capabilities & ~capability_mask(spec.role);
  expect(beyond == 0, fmt::format("the drop of capabilities (mask {:#x} is left)", beyond));
  expect(has(init::kNoNewPrivileges), "no-new-privileges");
  const bool own_kernel = !engine_kernel.empty() && seen.kernel != engine_kernel;
  expect(has(init::kSystemCallFilter) || own_kernel, "the seccomp profile");
  expect(has(init::kReadOnlyRoot) || !is_strict(spec.role), "the read-only root");
  expect(!has(init::kNetworkAddress) || spec.bridge_network, "the absence of a network");
  expect(seen.open_files <= limits.open_files, "the limit of open files");
  expect(seen.core_bytes == 0, "the absence of core dumps");
  expect(seen.file_bytes <= limits.file_bytes, "the limit of a file's size");
  expect(seen.memory_bytes <= limits.memory_bytes, "the limit of memory");
  expect(seen.processes <= static_cast<std::uint64_t>(limits.pids), "the limit of processes");
  return found;
}

}  // namespace skill_verifier::sandbox
