#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sandbox/container_spec.hpp"
#include "sandbox/init_frames.hpp"

namespace skill_verifier::sandbox {

/// Everything that a container of this spec should be held by and, as its init saw from inside, is not, each a phrase
/// for a person; empty when it holds. An engine may say that it gave what it did not.
/// `engine_kernel` is the release that the engine runs on. A sandbox on a kernel of its own (gVisor, Kata) need not
/// have the system call filter: its kernel is what stands between. What init could not see is not asked for.
std::vector<std::string> unheld_inside(const init::Confinement& seen, const ContainerSpec& spec,
                                       std::string_view engine_kernel);

}  // namespace skill_verifier::sandbox
