#include <utility>

#include "skill_verifier/skill/manifest.hpp"
#include "skill_verifier/skill/package.hpp"

namespace skill_verifier::skill {

FileView view_of(const Package& package) {
  constexpr std::uint64_t kMaxBytes = 1u << 20;
  FileView view;
  for (const auto& entry : package.entries) {
    if (!entry.directory) view.paths.push_back(entry.path);
  }
  view.read = [package](std::string_view path) -> std::optional<std::string> {
    auto bytes = read_file(package, path, kMaxBytes);
    if (!bytes) return std::nullopt;
    return std::move(*bytes);
  };
  return view;
}

}  // namespace skill_verifier::skill
