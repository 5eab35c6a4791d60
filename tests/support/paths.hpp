#pragma once

#include <filesystem>

// Compiled once, so that no other translation unit depends on where the checkout lies (a compiler cache then serves
// every checkout of the same tree).
namespace skill_verifier::test {

/// The project's root, absolute.
std::filesystem::path source_dir();
/// The root of the build that this program belongs to; programs are in its folder bin.
std::filesystem::path binary_dir();
/// Real quotes, collateral and manifests beside the checkout; may be absent.
std::filesystem::path shared_fixtures();

}  // namespace skill_verifier::test
