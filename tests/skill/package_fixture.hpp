#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "skill_verifier/skill/package.hpp"

namespace skill_verifier::skill {

/// A directory of its own for each test, removed afterwards.
class PackageTest : public ::testing::Test {
 protected:
  PackageTest();
  ~PackageTest() override;

  std::filesystem::path dir() const { return dir_; }
  std::filesystem::path pack() const { return dir_ / "out" / "a.pack"; }
  /// Writes a file beneath dir(), and the directories above it.
  void put(const std::filesystem::path& file, std::string_view bytes, bool executable = false) const;
  /// Imports bytes as an archive. Fails the test when something is left behind that should not be.
  Result<Package> import(std::string_view archive, const PackageLimits& limits = {},
                         std::string name = "skill.tar") const;
  /// The id of the refusal of `archive`; "accepted" when there is none. The message must name `entry`.
  std::string refusal(std::string_view archive, std::string_view entry = {}, const PackageLimits& limits = {}) const;

 private:
  std::filesystem::path dir_;
};

/// Path, kind and executable bit of every entry, one a line: "d scripts", "f SKILL.md", "x run.sh".
std::string listing(const Package& package);
/// "code path" of every note, one a line.
std::string notes(const Package& package);
std::string slurp(const std::filesystem::path& file);

}  // namespace skill_verifier::skill
