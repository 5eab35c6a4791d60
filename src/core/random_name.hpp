#pragma once

#include <cstddef>
#include <string>

namespace skill_verifier::core {

/// As random_hex, for names, of which every request takes several: at most 32 bytes, drawn ahead by the kilobyte. Not
/// for secrets, which must be nowhere before they are needed.
std::string random_name(std::size_t bytes);

}  // namespace skill_verifier::core
