#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "skill_verifier/core/result.hpp"
#include "skill_verifier/skill/package.hpp"

namespace skill_verifier::skill {

/// How SKILL.md is read. Every profile reads the same grammar and finds the same tests in it.
enum class Profile {
  registry,  ///< warns of what the Agent Skills specification does not permit
  spec,      ///< and of all that its reference validator refuses
  lenient,   ///< where the YAML is broken, takes name, description and version line by line, as OpenClaw does, and no
             ///< test
};
Result<Profile> parse_profile(std::string_view text);
std::string_view to_string(Profile profile);

/// 1-based; 0 = unknown. Columns count bytes.
struct Position {
  int line = 0;
  int column = 0;
};

/// A remark that does not stop the job, or (in ManifestReport::refusal) the reason why the manifest cannot be used.
struct Diagnostic {
  std::string code;     ///< stable, e.g. `crlf`, `bom`, `spec_invalid`, `name_invalid`, `manifest_conflict`
  std::string message;  ///< a sentence, naming field, shortened value, limit and remedy
  std::string file;     ///< package path of the file it is about
  Position at;
};

/// What to execute: `argv` as given to execve. Shell form is {"/bin/sh", "-c", text}.
struct Command {
  std::vector<std::string> argv;
  bool shell = false;
  bool operator==(const Command&) const = default;
};

enum class Network { none, bridge };
std::string_view to_string(Network network);

/// The effective test declaration after precedence, defaults and discovery.
struct TestDeclaration {
  std::string runtime = "alpine:latest";
  std::optional<Command> deps;
  std::optional<Command> command;  ///< absent: the verdict is *untested*
  std::chrono::milliseconds timeout{30'000};
  std::vector<std::pair<std::string, std::string>> env;
  Network network = Network::none;
  bool declared = true;  ///< false when `command` came from discovery
  std::string source;    ///< where the command came from: `metadata.test_command`, `package.json scripts.test`, …
};

struct Manifest {
  std::string name;
  std::optional<std::string> description;
  std::optional<std::string> version;  ///< source text, never coerced
  std::optional<std::string> entrypoint;
  TestDeclaration test;
  std::string file;          ///< package path of the manifest
  core::Digest256 sha256{};  ///< of the manifest's bytes
  bool frontmatter_recovered = false;
  std::vector<std::string> required_bins;  ///< claims of metadata.openclaw and its aliases
  std::vector<std::string> required_env;
  std::vector<std::vector<std::string>> any_bins;

  /// `name@version`, or `name@sha256-<first 12 hex of the tree digest>` where there is no version.
  std::string skill_id(std::string_view tree_digest) const;
};

/// What a file says of itself.
struct Identity {
  std::optional<std::string> name;
  std::optional<std::string> description;
  std::optional<std::string> version;
};

struct ManifestReport {
  std::optional<Manifest> manifest;  ///< exactly one of manifest and refusal is set
  std::optional<Diagnostic> refusal;
  Identity refused_as;  ///< of a refused manifest whose frontmatter could be read: what it says, as far as it is text
  std::vector<Diagnostic> warnings;
};

struct ManifestOptions {
  Profile profile = Profile::registry;
  bool discover = false;               ///< look for undeclared tests where none is declared
  std::optional<std::string> version;  ///< given by the caller (the registry): wins over the file's
  std::optional<std::string> name;     ///< given by the caller: wins over the file's
};

/// How the manifest reader sees a package: the list of its file paths, and bytes by path (nullopt: no such file or over
/// 1 MiB).
struct FileView {
  std::vector<std::string> paths;
  std::function<std::optional<std::string>(std::string_view path)> read;
};
FileView view_of(const Package& package);

/// Finds and reads the manifest of a package. Pure but for `files.read`.
///
/// The test declaration is gathered from these places, highest first; what stands in two of them has to be the same:
///   1. skill-verifier.yaml, .yml or .json at the root (or verifier.*): version, runtime, test_deps, test:{command,
///   timeout,
///      environment, network}, the latter also as test_command, test_timeout, test_env, test_network
///   2. metadata.{runtime, test_deps, test_command, test_timeout, test_env, test_network}, or with the prefix
///      `skill-verifier.` before these names
///   3. metadata.skill-verifier:{as in the sidecar, but for version}
///   4. test:{command, timeout, environment, network}
///   5. the names of 2 at the top level
///   6. with `discover` and no command in 1 to 5: package.json `scripts.test`, test.sh, pytest files, a Makefile's
///   `test`.
///      Runtime and deps then follow the kind of test where no runtime is declared.
///
/// Refusals: manifest_missing, manifest_ambiguous, manifest_too_large, invalid_utf8, no_frontmatter,
/// unterminated_frontmatter, frontmatter_too_large, frontmatter_empty, frontmatter_not_mapping, the yaml_* codes of
/// src/skill/manifest/tree.hpp, json_invalid, field_type, unknown_field, manifest_conflict, command_invalid,
/// timeout_invalid, env_invalid, network_invalid, runtime_invalid, name_missing, name_unusable, version_unusable.
/// Warnings: bom, crlf, dashes_in_value, spec_invalid, name_invalid, description_missing, description_too_long,
/// version_not_semver, version_differs, name_differs, entrypoint_invalid, field_null, misplaced_field, sidecar_alias,
/// claims_unreadable, runtime_invalid (where nothing is declared to be tested), frontmatter_recovered, and in profile
/// spec spec_unknown_field, spec_flow_style, spec_metadata_value, compatibility_invalid.
ManifestReport read_manifest(const FileView& files, const ManifestOptions& options);
/// The same for one SKILL.md without a package around it.
ManifestReport read_manifest_text(std::string_view skill_md, std::string_view file, const ManifestOptions& options);

/// A test that a package holds, whether or not its manifest declares it.
struct FoundTest {
  Command command;
  std::string source;       ///< `package.json scripts.test`, `test.sh`, `pytest`, `Makefile test`, `bats`
  std::string program;      ///< what it needs to be run at all, e.g. `npm`, `pytest`
  std::string mention;      ///< a command that contains this is likely the same test
  bool needs_deps = false;  ///< packages that are neither here nor in the package
};
/// Everything of `discover` (one of each kind, without a look at its runtime), and files named *.bats.
std::vector<FoundTest> find_tests(const FileView& files);

/// A refusal as an error of class `rejected` with id = code.
Error to_error(const Diagnostic& refusal);

}  // namespace skill_verifier::skill
