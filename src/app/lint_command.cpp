#include "skill_verifier/skill/lint.hpp"

#include <cstdio>
#include <iostream>
#include <string>

#include "app/commands.hpp"

namespace skill_verifier::app {

int lint_command(const LintOptions& options) {
  const auto profile = skill::parse_profile(options.profile);
  if (!profile) {
    std::fprintf(stderr, "skill-verifier: --profile: %s\n", profile.error().message.c_str());
    return exit_usage;
  }
  bool all_good = true;
  const auto lint_one = [&](const std::string& path) {
    const skill::LintResult result = skill::lint_path(path, *profile);
    all_good = all_good && result.ok();
    std::cout << (options.json ? skill::to_json(result) : skill::to_text(result)) << "\n";
  };
  for (const std::string& path : options.paths) {
    if (path != "-") {
      lint_one(path);
      continue;
    }
    for (std::string line; std::getline(std::cin, line);)
      if (!line.empty()) lint_one(line);
  }
  std::cout.flush();
  return all_good ? exit_ok : exit_failed;
}

}  // namespace skill_verifier::app
