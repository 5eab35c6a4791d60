#pragma once

#include "sandbox/init/wire.hpp"

namespace skill_verifier::sandbox::guest {

/// What the kernel says that this process, and with it everything in the sandbox, is held by: the payload of a ready
/// frame. Call it before anything of the job is there.
Payload describe_confinement();

}  // namespace skill_verifier::sandbox::guest
