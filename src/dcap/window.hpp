#pragma once

#include <cstdint>
#include <string_view>

#include "dcap/checked.hpp"

namespace skill_verifier::dcap {

/// `now` in [begin, end], both included: codes `_NOT_YET_VALID` and `_EXPIRED` after `prefix`.
Checked<void> check_window(std::string_view prefix, std::string_view what, const CollateralWindow& window,
                           std::int64_t now);

}  // namespace skill_verifier::dcap
