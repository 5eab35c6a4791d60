#pragma once

#include <memory>
#include <string>

#include "sandbox/init_session.hpp"

namespace skill_verifier::sandbox {

/// A container that runs, with the conversation over its attached stream. The session has begun: it must be ended
/// before it is destroyed, and the container is its holder's to remove.
struct LiveContainer {
  std::string id;
  std::unique_ptr<InitSession> session;
};

}  // namespace skill_verifier::sandbox
