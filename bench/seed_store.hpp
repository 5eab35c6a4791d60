#pragma once

#include <cstddef>
#include <filesystem>

namespace skill_verifier::bench {

/// Makes a store in `data` (a service's data_dir) with that many finished jobs, each with a result, a statement and a
/// log of usual size.
void seed_store(const std::filesystem::path& data, std::size_t jobs);

}  // namespace skill_verifier::bench
