#include "scan/dependencies.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <set>
#include <span>

#include "scan/dependency_files.hpp"
#include "scan/matcher.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::scan {
namespace {

/// Manifests that are looked at, and the size up to which one of them or a lock file is read.
constexpr std::size_t kMaxManifests = 50;
constexpr std::uint64_t kMaxManifest = 1u << 20;
constexpr std::uint64_t kMaxLock = 10u << 20;
/// Rows that say where in the file; finding the place costs a pass over it.
constexpr int kMaxPlaced = 60;
constexpr std::size_t kShown = 60;

enum class Kind { npm, requirements, pyproject };

std::string_view name_of(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}
std::string_view folder_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash + 1);
}

std::optional<Kind> kind_of_manifest(std::string_view path) {
  if (path.starts_with("node_modules/") || path.find("/node_modules/") != std::string_view::npos) return std::nullopt;
  const std::string_view name = name_of(path);
  if (name == "package.json") return Kind::npm;
  if (name == "pyproject.toml") return Kind::pyproject;
  if (name.starts_with("requirements") && name.ends_with(".txt")) return Kind::requirements;
  return std::nullopt;
}

Result<DependencyManifest> read_manifest_of(Kind kind, std::string_view text) {
  if (kind == Kind::npm) return read_package_json(text);
  if (kind == Kind::pyproject) return read_pyproject(text);
  return read_requirements(text);
}

Result<Lock> read_lock(std::string_view name, std::string_view text) {
  if (name == "yarn.lock") return read_yarn_lock(text);
  if (name == "pnpm-lock.yaml") return read_pnpm_lock(text);
  if (name.ends_with(".json")) return read_package_lock(text);
  return read_python_lock(text);
}

/// npm prefers the shrinkwrap, then its own lock file.
std::span<const std::string_view> lock_names(Kind kind) {
  static constexpr std::array<std::string_view, 4> npm{"npm-shrinkwrap.json", "package-lock.json", "pnpm-lock.yaml",
                                                       "yarn.lock"};
  static constexpr std::array<std::string_view, 2> python{"uv.lock", "poetry.lock"};
  if (kind == Kind::npm) return npm;
  return python;
}

class Checker {
 public:
  Checker(const Source& source, Collector& out) : source_(source), out_(out) {}

  Result<void> run() {
    std::size_t manifests = 0;
    for (const SourceFile& file : source_.files) {
      const auto kind = kind_of_manifest(file.path);
      if (!kind) continue;
      if (++manifests > kMaxManifests) break;
      if (file.size > kMaxManifest) {
        out_.add("dependencies/unreadable", file.path, "more than 1 MiB");
        continue;
      }
      SKILL_VERIFIER_TRY(const std::string bytes, source_.read(file));
      SKILL_VERIFIER_TRY_VOID(manifest(*kind, file.path, bytes));
    }
    return {};
  }

 private:
  Result<void> manifest(Kind kind, const std::string& path, const std::string& bytes) {
    const auto read = read_manifest_of(kind, bytes);
    if (!read) {
      out_.add("dependencies/unreadable", path, read.error().message);
      return {};
    }
    if (read->dependencies.empty()) return {};
    const FileText text{path, bytes, line_starts(bytes)};
    SKILL_VERIFIER_TRY(const Found* lock, lock_for(kind, path));
    const bool locked = read->hashed || (lock != nullptr && lock->usable);
    for (const Dependency& one : read->dependencies)
      if (!one.pinned && !locked) at("dependencies/unpinned", text, one, shown(one));
    if (lock != nullptr && lock->usable) {
      compare(kind, text, *read, *lock);
    } else if (!read->hashed && lock == nullptr) {
      out_.add("dependencies/no-lock", path, fmt::format("{} declared", read->dependencies.size()));
    }
    return {};
  }

  struct Found {
    std::string path;
    Lock lock;
    bool usable = false;
  };

  /// The lock file of the manifest's folder or of one above it; null where there is none.
  Result<const Found*> lock_for(Kind kind, std::string_view path) {
    std::string_view folder = folder_of(path);
    for (;;) {
      for (const std::string_view name : lock_names(kind)) {
        const std::string wanted = std::string(folder) + std::string(name);
        const auto file = std::ranges::find(source_.files, wanted, &SourceFile::path);
        if (file == source_.files.end()) continue;
        if (last_.path != wanted) SKILL_VERIFIER_TRY_VOID(read(*file, name));
        return &last_;
      }
      if (folder.empty()) return nullptr;
      folder = folder_of(folder.substr(0, folder.size() - 1));
    }
  }

  Result<void> read(const SourceFile& file, std::string_view name) {
    last_ = {.path = file.path, .lock = {}};
    if (file.size > kMaxLock) {
      out_.add("dependencies/unreadable", file.path, "more than 10 MiB");
      return {};
    }
    SKILL_VERIFIER_TRY(const std::string bytes, source_.read(file));
    auto lock = read_lock(name, bytes);
    if (!lock) {
      out_.add("dependencies/unreadable", file.path, lock.error().message);
      return {};
    }
    last_.lock = std::move(*lock);
    last_.usable = true;
    return {};
  }

  void compare(Kind kind, const FileText& text, const DependencyManifest& manifest, const Found& found) {
    const Lock& lock = found.lock;
    for (const Dependency& one : manifest.dependencies) {
      if (const std::string why = disagreement(one, lock); !why.empty())
        at("dependencies/lock-mismatch", text, one, fmt::format("{}: {}", found.path, why));
    }
    // Only beside its own lock file: one further up serves other manifests as well.
    if (!lock.wanted || kind != Kind::npm || folder_of(found.path) != folder_of(text.path)) return;
    std::set<std::string_view> declared;
    for (const Dependency& one : manifest.dependencies)
      declared.insert(one.name);
    for (const auto& [name, wanted] : *lock.wanted) {
      if (!declared.contains(name))
        out_.add(
            "dependencies/lock-mismatch", found.path,
            fmt::format("it was made for `{}`, which {} does not declare", core::shorten(name, kShown), text.path));
    }
  }

  static std::string disagreement(const Dependency& one, const Lock& lock) {
    if (one.local) return {};
    if (lock.entries) {
      const bool there = lock.entries->contains(one.name + "@" + one.wanted) ||
                         lock.entries->contains(one.name + "@npm:" + one.wanted);
      return there ? std::string() : "it has no entry for " + shown(one);
    }
    const auto [begin, end] = lock.versions.equal_range(one.name);
    if (begin == end) return "it does not have `" + core::shorten(one.name, kShown) + "`";
    if (lock.wanted) {
      const auto wanted = lock.wanted->find(one.name);
      if (wanted != lock.wanted->end() && wanted->second != one.wanted)
        return fmt::format("it was made for `{}` {}", core::shorten(one.name, kShown),
                           core::shorten(wanted->second, kShown));
    }
    const bool same = one.version.empty() || std::any_of(begin, end, [&](const auto& entry) {
                        return entry.second.empty() || entry.second == one.version;
                      });
    return same ? std::string()
                : fmt::format("it has `{}` {}", core::shorten(one.name, kShown), core::shorten(begin->second, kShown));
  }

  static std::string shown(const Dependency& one) {
    const std::string wanted = one.wanted.empty() ? "any version" : core::shorten(one.wanted, kShown);
    return fmt::format("`{}` {}", core::shorten(one.name, kShown), wanted);
  }

  /// At the name as it is written, where it can be found: in quotes first, because a name may be part of another.
  void at(std::string_view check, const FileText& text, const Dependency& one, std::string note) {
    const auto alike = [](char a, char b) {
      const auto plain = [](char c) {
        return c == '_' || c == '.' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      };
      return plain(a) == plain(b);
    };
    for (const std::string& written : {"\"" + one.name + "\"", one.name}) {
      if (++placed_ > kMaxPlaced) break;
      const auto found = std::ranges::search(text.raw, written, alike);
      if (found.empty()) continue;
      const auto begin = static_cast<std::uint32_t>(found.begin() - text.raw.begin());
      out_.add(check, text, begin, begin + static_cast<std::uint32_t>(written.size()), std::move(note));
      return;
    }
    out_.add(check, text.path, std::move(note));
  }

  const Source& source_;
  Collector& out_;
  Found last_;
  int placed_ = 0;
};

}  // namespace

Result<void> check_dependencies(const Source& source, Collector& out) {
  if (source.loose) {
    out.skip("dependencies/", "a file without a skill around it");
    return {};
  }
  return Checker(source, out).run();
}

}  // namespace skill_verifier::scan
