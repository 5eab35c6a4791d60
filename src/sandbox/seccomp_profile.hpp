#pragma once

#include <string_view>

namespace skill_verifier::sandbox {

/// The system calls that a sandbox may use, in Docker's JSON form for `SecurityOpt: ["seccomp=…"]`. Everything else
/// answers EPERM, system calls newer than those named answer ENOSYS (the runtime's doing), 32-bit ones end the process.
/// The same for test and prepare containers: what root may do there is decided by capabilities.
std::string_view seccomp_profile();

}  // namespace skill_verifier::sandbox
