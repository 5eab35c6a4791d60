#include "skill/manifest/sidecar.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "skill/manifest/frontmatter.hpp"

namespace skill_verifier::skill::manifest {
namespace {

Parsed<std::optional<std::string>> find_sidecar(const FileView& files) {
  constexpr std::array<std::string_view, 6> kNames{"skill-verifier.yaml", "skill-verifier.yml", "skill-verifier.json",
                                                   "verifier.yaml",       "verifier.yml",       "verifier.json"};
  std::optional<std::string> found;
  for (const auto name : kNames) {
    if (std::ranges::find(files.paths, name) == files.paths.end()) continue;
    if (found) {
      return diagnose("manifest_ambiguous",
                      fmt::format("both {} and {} declare tests; keep one of them", shown(*found), shown(name)), name);
    }
    found = name;
  }
  return found;
}

Parsed<Node> parse(const std::string& text, const std::string& file, Diagnostics& notes) {
  auto prepared = whole_yaml(text, file, notes);
  if (!prepared) return std::move(prepared).error();
  if (file.ends_with(".json")) return parse_json_tree(prepared->yaml, file);
  return parse_yaml(prepared->yaml, file, prepared->first_line);
}

}  // namespace

Parsed<std::optional<Sidecar>> read_sidecar_file(const FileView& files, Diagnostics& notes) {
  auto file = find_sidecar(files);
  if (!file) return std::move(file).error();
  if (!*file) return std::optional<Sidecar>();
  const auto text = files.read(**file);
  if (!text) return diagnose("manifest_too_large", "the file cannot be read, or is larger than 1 MiB", **file);
  if (!(*file)->starts_with("skill-")) {
    notes.push_back(diagnose("sidecar_alias", fmt::format("read as if it were named skill-{}", **file), **file));
  }
  auto root = parse(*text, **file, notes);
  if (!root) return std::move(root).error();
  return std::optional<Sidecar>(Sidecar{std::move(**file), std::move(*root)});
}

}  // namespace skill_verifier::skill::manifest
