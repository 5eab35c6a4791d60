#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/skill/manifest.hpp"

/// Which files of a package are scripts, and which of them somebody is told to start.
namespace skill_verifier::service {

struct Script {
  std::string path;
  /// `sh`, `bash`, `python3`, `node`, `perl`, `ruby`; any other name is that of a program that we cannot ask.
  std::string interpreter;
  bool operator==(const Script&) const = default;
};

/// Every script of the package, sorted by path: told by its first line, else by its name.
std::vector<Script> find_scripts(const skill::FileView& files);

/// Those scripts that SKILL.md names in a code block, a code span or the target of a link, or that are the manifest's
/// entrypoint or a `bin` of package.json; in the scripts' order.
std::vector<Script> find_entries(const skill::FileView& files, const skill::Manifest& manifest,
                                 const std::vector<Script>& scripts);

/// The words of a Markdown text that stand in code or are targets of links, split at blanks, quotes and brackets.
std::vector<std::string_view> code_words(std::string_view markdown);

}  // namespace skill_verifier::service
