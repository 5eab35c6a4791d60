#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace skill_verifier::core {

/// Lower-case hex of `bytes` bytes from the system's random generator.
std::string random_hex(std::size_t bytes);
/// 32 lower-case hex digits.
std::string new_job_id();
/// 16 lower-case hex digits.
std::string new_request_id();
bool is_job_id(std::string_view text);

}  // namespace skill_verifier::core
