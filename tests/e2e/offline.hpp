#pragma once

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "e2e/harness.hpp"

namespace skill_verifier::e2e {

inline std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// In a network namespace of its own: not even the loopback interface is up.
inline const std::vector<std::string>& offline() {
  static const std::vector<std::string> kPrefix = {"unshare", "--map-root-user", "--net"};
  return kPrefix;
}
inline std::string why_no_namespace() {
  auto argv = offline();
  argv.emplace_back("true");
  const Finished finished = run(argv);
  return finished.exit_code == 0 ? "" : "no network namespace can be made here: " + finished.err;
}

inline Finished check_offline(std::vector<std::string> arguments) {
  auto argv = offline();
  argv.insert(argv.end(), {program("skill-verifier").string(), "check"});
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return run(argv);
}

}  // namespace skill_verifier::e2e
