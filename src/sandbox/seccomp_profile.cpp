#include "sandbox/seccomp_profile.hpp"

namespace skill_verifier::sandbox {

std::string_view seccomp_profile() {
  static constexpr std::string_view kProfile =
#include "seccomp_profile.json.inc"
      ;
  return kProfile;
}

}  // namespace skill_verifier::sandbox
