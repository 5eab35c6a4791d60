#pragma once

#include <filesystem>

#include "skill_verifier/core/result.hpp"
#include "skill_verifier/core/sha2.hpp"

namespace skill_verifier::service {

/// Of a file's bytes. Blocking. Errors: internal `io_error`.
Result<core::Digest256> sha256_of(const std::filesystem::path& file);

}  // namespace skill_verifier::service
