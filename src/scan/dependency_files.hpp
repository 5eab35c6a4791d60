#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/core/result.hpp"

namespace skill_verifier::scan {

/// What a manifest asks for.
struct Dependency {
  std::string name{};     ///< as the registry compares it: of Python packages in lower case with dashes
  std::string wanted{};   ///< the range or address as written
  bool pinned = false;    ///< to one version, one commit or one hash
  std::string version{};  ///< that version, where it is one
  bool local = false;     ///< from the package itself
};
struct DependencyManifest {
  std::vector<Dependency> dependencies;
  bool hashed = false;  ///< every entry names the hashes of its files, which makes the manifest its own lock file
};

/// dependencies, devDependencies and optionalDependencies of package.json.
Result<DependencyManifest> read_package_json(std::string_view text);
/// pip's requirements files, without the files that they include.
DependencyManifest read_requirements(std::string_view text);
/// project.dependencies and optional-dependencies, dependency-groups, tool.poetry's dependencies and groups.
Result<DependencyManifest> read_pyproject(std::string_view text);

/// What a lock file has resolved.
struct Lock {
  std::multimap<std::string, std::string> versions;  ///< by name
  /// The ranges that the lock file was made for, where it records them.
  std::optional<std::map<std::string, std::string>> wanted;
  /// `name@range` of every entry, in lock files that are looked up that way.
  std::optional<std::set<std::string>> entries;
};

/// package-lock.json and npm-shrinkwrap.json, lockfileVersion 1 to 3.
Result<Lock> read_package_lock(std::string_view text);
/// yarn.lock of Yarn 1 and later.
Lock read_yarn_lock(std::string_view text);
/// pnpm-lock.yaml, lockfileVersion 5 to 9.
Result<Lock> read_pnpm_lock(std::string_view text);
/// poetry.lock and uv.lock.
Result<Lock> read_python_lock(std::string_view text);

/// PEP 503: runs of `-`, `_` and `.` are one dash.
std::string python_name(std::string_view name);

}  // namespace skill_verifier::scan
