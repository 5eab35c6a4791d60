#include "service/skill_path.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <system_error>
#include <vector>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::service {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxPath = 4096;

/// Canonical roots; one that does not exist (yet) contains nothing.
std::vector<fs::path> canonical_roots(const ServiceOptions& options) {
  std::vector<fs::path> roots;
  for (const auto& root : options.skill_roots) {
    std::error_code error;
    auto canonical = fs::canonical(root, error);
    if (!error) roots.push_back(std::move(canonical));
  }
  return roots;
}

/// Both canonical. A root itself may be named too.
bool is_beneath(const fs::path& path, const fs::path& root) {
  const auto [root_end, unused] = std::mismatch(root.begin(), root.end(), path.begin(), path.end());
  return root_end == root.end();
}

std::vector<fs::path> candidates(const fs::path& path, const std::vector<fs::path>& roots) {
  if (path.is_absolute()) return {path};
  std::error_code error;
  std::vector<fs::path> found{fs::current_path(error) / path};
  for (const auto& root : roots) {
    found.push_back(root / path);
    found.push_back(root.parent_path() / path);
  }
  return found;
}

Error not_found(const std::string& path) {
  return {Errc::not_found, "skill_path_not_found", fmt::format("skill path '{}' does not exist", core::shorten(path)),
          "give the path of a folder beneath one of the service's skill roots"};
}

}  // namespace

Result<fs::path> resolve_skill_path(const std::string& path, const ServiceOptions& options) {
  if (options.skill_roots.empty() && !options.allow_any_path)
    return Error{Errc::rejected, "skill_path_disabled", "this service takes no skill paths",
                 "upload an archive, or configure skill_roots"};
  if (path.empty() || path.size() > kMaxPath || path.find('\0') != std::string::npos)
    return Error{Errc::invalid_argument, "skill_path_invalid",
                 fmt::format("skill path has {} bytes, allowed are 1 to {} without NUL", path.size(), kMaxPath)};
  const auto roots = canonical_roots(options);
  bool inside = options.allow_any_path;
  for (const auto& candidate : candidates(path, roots)) {
    std::error_code error;
    fs::path real = fs::weakly_canonical(candidate, error);
    if (error) continue;
    const bool beneath = std::ranges::any_of(roots, [&](const fs::path& root) { return is_beneath(real, root); });
    if (!beneath && !options.allow_any_path) continue;
    inside = true;
    if (fs::exists(real, error)) return real;
  }
  if (inside) return not_found(path);
  return Error{Errc::rejected, "skill_path_outside_roots",
               fmt::format("skill path '{}' is not beneath a skill root of this service", core::shorten(path)),
               "move the skill beneath one, or upload it as an archive"};
}

}  // namespace skill_verifier::service
