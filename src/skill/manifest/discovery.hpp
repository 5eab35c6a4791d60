#pragma once

#include <optional>
#include <string>
#include <vector>

#include "skill/manifest/diagnose.hpp"

namespace skill_verifier::skill::manifest {

/// A test that nobody declared, with what it takes to run it where the manifest does not say.
struct DiscoveredTest {
  Command command;
  std::optional<Command> deps;
  std::string runtime;
  std::string source;
};

/// Looks, in this order, for `scripts.test` in package.json (npm's placeholder does not count), test.sh, files that
/// pytest collects (test_*.py, *_test.py), and a `test` target in a Makefile; all but the third at the package's root.
std::optional<DiscoveredTest> discover_test(const FileView& files);

}  // namespace skill_verifier::skill::manifest
