#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "skill_verifier/core/sha2.hpp"
#include "skill_verifier/skill/package.hpp"

namespace skill_verifier::skill {

inline constexpr std::string_view kPackMagic = "SVPACK1\n";
inline constexpr std::string_view kPackEnd = "E";

/// The bytes before an entry's own (package.hpp, struct Package).
std::string encode_pack_header(const PackageEntry& entry);

/// Turns entries in pack order into a Package: offsets, sums and the tree digest.
class PackLayout {
 public:
  void add(PackageEntry entry);
  Package finish() &&;

 private:
  Package package_;
  std::uint64_t offset_ = kPackMagic.size();
  core::Sha256 tree_;
};

}  // namespace skill_verifier::skill
