#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/skill/manifest.hpp"

namespace skill_verifier::skill::manifest {

using Files = std::map<std::string, std::string, std::less<>>;

inline FileView view(Files files) {
  FileView result;
  for (const auto& [path, text] : files)
    result.paths.push_back(path);
  result.read = [files = std::move(files)](std::string_view path) -> std::optional<std::string> {
    const auto found = files.find(path);
    return found == files.end() ? std::nullopt : std::optional(found->second);
  };
  return result;
}

inline std::string skill_md(std::string_view frontmatter) {
  return "---\n" + std::string(frontmatter) + "---\n# x\n";
}

inline ManifestReport read(std::string_view frontmatter, const ManifestOptions& options = {}) {
  return read_manifest_text(skill_md(frontmatter), "SKILL.md", options);
}

/// The same with a sidecar beside it.
inline ManifestReport read_with(std::string_view frontmatter, const std::string& name, const std::string& sidecar) {
  return read_manifest(view({{"SKILL.md", skill_md(frontmatter)}, {name, sidecar}}), {});
}

/// "ok", or the code of the refusal.
inline std::string outcome(const ManifestReport& report) {
  if (report.manifest.has_value() == report.refusal.has_value()) return "both or neither";
  return report.refusal ? report.refusal->code : "ok";
}

inline std::vector<std::string> warning_codes(const ManifestReport& report) {
  std::vector<std::string> codes;
  for (const auto& warning : report.warnings)
    codes.push_back(warning.code);
  return codes;
}

inline bool warned(const ManifestReport& report, std::string_view code) {
  return std::ranges::any_of(report.warnings, [&](const Diagnostic& warning) { return warning.code == code; });
}

inline Command shell(std::string text) {
  return {.argv = {"/bin/sh", "-c", std::move(text)}, .shell = true};
}
inline Command exec(std::vector<std::string> argv) {
  return {.argv = std::move(argv), .shell = false};
}

}  // namespace skill_verifier::skill::manifest
