#include "skill_verifier/skill/manifest.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "skill/manifest/claims.hpp"
#include "skill/manifest/declaration.hpp"
#include "skill/manifest/discovery.hpp"
#include "skill/manifest/frontmatter.hpp"
#include "skill/manifest/sidecar.hpp"
#include "skill/manifest/spec_rules.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::skill {
namespace {

using namespace manifest;

constexpr std::size_t kMaxNameBytes = 256;
constexpr std::size_t kMaxVersionBytes = 128;
constexpr std::size_t kMaxPathBytes = 500;

/// `name: value` lines at the left edge, as OpenClaw's line parser takes them; only what identifies the skill is kept,
/// and of a name that stands twice the last. Whatever looks like the start of a block is left out.
Node recover_lines(std::string_view yaml, int first_line) {
  Node root;
  root.kind = Kind::mapping;
  for (int number = first_line; !yaml.empty(); ++number) {
    const auto end = std::min(yaml.find('\n'), yaml.size());
    const auto line = yaml.substr(0, end);
    yaml.remove_prefix(std::min(end + 1, yaml.size()));
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const auto name = line.substr(0, colon);
    if (name != "name" && name != "description" && name != "version") continue;
    auto text = trim(line.substr(colon + 1));
    if (text.empty() || text.front() == '|' || text.front() == '>') continue;
    const bool quoted =
        text.size() >= 2 && text.front() == text.back() && (text.front() == '"' || text.front() == '\'');
    if (quoted) text = text.substr(1, text.size() - 2);
    std::erase_if(root.members, [&](const Member& member) { return member.name == name; });
    Node value;
    value.kind = Kind::scalar;
    value.text = text;
    value.at = {number, static_cast<int>(colon) + 2};
    root.members.push_back({std::string(name), {number, 1}, std::move(value)});
  }
  return root;
}

/// Reads one manifest. `files` is null where there is no package around it.
class Reader {
 public:
  Reader(const FileView* files, std::string_view file, const ManifestOptions& options)
      : files_(files), options_(options), declaration_(report_.warnings) {
    manifest_.file = file;
  }

  ManifestReport read(std::string_view text) {
    manifest_.sha256 = core::sha256(core::as_bytes(text));
    if (read_all(text)) {
      report_.manifest = std::move(manifest_);
    } else {
      report_.refusal = std::move(refusal_);
      report_.refused_as = {text_of(root_, "name"), text_of(root_, "description"), text_of(root_, "version")};
      if (!report_.refused_as.version) report_.refused_as.version = text_of(metadata_, "version");
    }
    return std::move(report_);
  }

 private:
  static std::optional<std::string> text_of(const Node& mapping, std::string_view name) {
    const Node* node = mapping.find(name);
    return node && node->kind == Kind::scalar ? std::optional(node->text) : std::nullopt;
  }

  // False is a refusal throughout.
  bool read_all(std::string_view text) {
    return read_tree(text) && read_metadata_node() && read_declaration() && read_identity() && read_version() &&
           read_test();
  }

  bool refuse(Diagnostic refusal) {
    refusal_ = std::move(refusal);
    return false;
  }
  void warn(std::string code, std::string message, Position at = {}) {
    report_.warnings.push_back(diagnose(std::move(code), std::move(message), manifest_.file, at));
  }
  Origin here(std::string place) const { return {std::move(place), manifest_.file}; }
  static bool absent(const Node* node) { return !node || node->kind == Kind::null; }

  bool read_tree(std::string_view text) {
    auto block = split_frontmatter(text, manifest_.file, report_.warnings);
    if (!block) return refuse(std::move(block).error());
    auto root = parse_yaml(block->yaml, manifest_.file, block->first_line);
    if (root) {
      root_ = std::move(*root);
      return true;
    }
    if (options_.profile != Profile::lenient || !is_yaml_error(root.error().code))
      return refuse(std::move(root).error());
    manifest_.frontmatter_recovered = true;
    const Diagnostic& error = root.error();
    warn("frontmatter_recovered",
         fmt::format("only name, description and version were read, line by line, because of {}: {}", error.code,
                     error.message),
         error.at);
    root_ = recover_lines(block->yaml, block->first_line);
    return true;
  }

  /// ClawHub reads metadata given as text as JSON, so a declaration in it has readers.
  bool read_metadata_node() {
    const Node* node = root_.find("metadata");
    if (absent(node)) return true;
    if (node->kind == Kind::mapping) {
      metadata_ = *node;
      return true;
    }
    const bool text = node->kind == Kind::scalar && !node->inexact;
    auto json = text ? parse_json_tree(strip_trailing_commas(node->text), manifest_.file)
                     : Parsed<Node>(wrong_type(*node, here("metadata"), "a mapping"));
    if (!json) return refuse(wrong_type(*node, here("metadata"), "a mapping or the JSON text of one"));
    metadata_ = std::move(*json);
    return true;
  }

  bool read_declaration() {
    if (files_) {
      auto sidecar = read_sidecar_file(*files_, report_.warnings);
      if (!sidecar) return refuse(std::move(sidecar).error());
      if (*sidecar && !declaration_.read_sidecar((*sidecar)->root, (*sidecar)->file))
        return refuse(*declaration_.refusal());
    }
    // A recovered block has lost its structure, and with it the meaning of a declaration in it.
    if (manifest_.frontmatter_recovered) return true;
    if (!declaration_.read_metadata(metadata_, manifest_.file)) return refuse(*declaration_.refusal());
    if (!declaration_.read_top_level(root_, manifest_.file)) return refuse(*declaration_.refusal());
    read_claims(metadata_, manifest_, report_.warnings);
    read_entrypoint();
    return true;
  }

  bool read_identity() {
    if (const Node* name = root_.find("name"); !absent(name)) {
      auto text = read_text(*name, here("name"), "name_unusable", kMaxNameBytes);
      if (!text) return refuse(std::move(text).error());
      manifest_.name = std::move(*text);
    }
    if (options_.name) {
      if (!manifest_.name.empty() && manifest_.name != *options_.name) {
        warn("name_differs",
             fmt::format("the name is {}, submitted as {}", shown(manifest_.name), shown(*options_.name)));
      }
      manifest_.name = *options_.name;
    }
    if (manifest_.name.empty()) {
      return refuse(diagnose("name_missing", "there is no name; add a line `name: my-skill`", manifest_.file));
    }
    if (const Node* description = root_.find("description"); !absent(description)) {
      if (description->kind != Kind::scalar) return refuse(wrong_type(*description, here("description"), "text"));
      manifest_.description = description->text;
    }
    return true;
  }

  /// The caller's version, the sidecar's, the top level's, metadata.version: the first counts, the others are claims.
  bool read_version() {
    claim_version(options_.version, "submission");
    if (declaration_.version()) claim_version(declaration_.version()->value, declaration_.version()->origin.place);
    if (const Node* version = root_.find("version"); !absent(version)) {
      auto text = read_text(*version, here("version"), "version_unusable", kMaxVersionBytes);
      if (!text) return refuse(std::move(text).error());
      warn("spec_invalid",
           "top-level `version` is not in the Agent Skills specification; write metadata.version instead", version->at);
      claim_version(std::move(*text), "version");
    }
    if (const Node* version = metadata_.find("version"); !absent(version)) {
      auto text = read_text(*version, here("metadata.version"), "version_unusable", kMaxVersionBytes);
      if (!text) return refuse(std::move(text).error());
      claim_version(std::move(*text), "metadata.version");
    }
    check_spec(root_, manifest_, options_.profile, report_.warnings);
    return true;
  }

  void claim_version(std::optional<std::string> version, std::string_view place) {
    if (!version || version->empty()) return;
    if (!manifest_.version) {
      manifest_.version = std::move(version);
      version_place_ = place;
    } else if (*manifest_.version != *version) {
      warn("version_differs", fmt::format("{} is {}, but {} is {}, which is used", place, shown(*version),
                                          version_place_, shown(*manifest_.version)));
    }
  }

  bool read_test() {
    manifest_.test = declaration_.result();
    if (!declaration_.has_command() && options_.discover && files_) use_discovery();
    if (const auto& foreign = declaration_.foreign_runtime()) {
      if (manifest_.test.command && manifest_.test.declared) return refuse(*foreign);
      report_.warnings.push_back(*foreign);
    }
    return true;
  }

  void use_discovery() {
    auto found = discover_test(*files_);
    if (!found) return;
    manifest_.test.command = std::move(found->command);
    manifest_.test.source = std::move(found->source);
    manifest_.test.declared = false;
    // Somebody who names a runtime also says what it lacks.
    if (declaration_.has_runtime()) return;
    manifest_.test.runtime = std::move(found->runtime);
    if (!declaration_.has_deps()) manifest_.test.deps = std::move(found->deps);
  }

  void read_entrypoint() {
    const Node* node = root_.find("entrypoint");
    if (absent(node)) return;
    auto text = read_text(*node, here("entrypoint"), "entrypoint_invalid", kMaxPathBytes);
    const bool inside = text && !text->empty() && !text->starts_with('/') && text->find('\\') == std::string::npos &&
                        ("/" + *text + "/").find("/../") == std::string::npos;
    if (inside) {
      manifest_.entrypoint = std::move(*text);
    } else {
      warn("entrypoint_invalid", "entrypoint is no relative path within the package and is left out", node->at);
    }
  }

  const FileView* files_;
  const ManifestOptions& options_;
  ManifestReport report_;
  Manifest manifest_;
  std::optional<Diagnostic> refusal_;
  Node root_;
  Node metadata_;
  Declaration declaration_;
  std::string version_place_;
};

ManifestReport refused(std::string code, std::string message, std::string_view file) {
  ManifestReport report;
  report.refusal = diagnose(std::move(code), std::move(message), file);
  return report;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return result;
}

std::vector<std::string> manifest_candidates(const FileView& files) {
  for (const std::string_view name : {"skill.md", "skills.md"}) {
    std::vector<std::string> found;
    std::ranges::copy_if(files.paths, std::back_inserter(found),
                         [&](const std::string& path) { return lower(path) == name; });
    if (!found.empty()) return found;
  }
  return {};
}

}  // namespace

Result<Profile> parse_profile(std::string_view text) {
  for (const auto profile : {Profile::registry, Profile::spec, Profile::lenient}) {
    if (to_string(profile) == text) return profile;
  }
  return Error{Errc::invalid_argument, "profile_unknown",
               fmt::format("no profile {}; there are registry, spec and lenient", shown(text))};
}

std::string_view to_string(Profile profile) {
  switch (profile) {
    case Profile::registry:
      return "registry";
    case Profile::spec:
      return "spec";
    case Profile::lenient:
      return "lenient";
  }
  return "registry";
}

std::string_view to_string(Network network) {
  return network == Network::bridge ? "bridge" : "none";
}

std::string Manifest::skill_id(std::string_view tree_digest) const {
  if (version) return name + "@" + *version;
  return fmt::format("{}@sha256-{}", name, tree_digest.substr(0, 12));
}

ManifestReport read_manifest(const FileView& files, const ManifestOptions& options) {
  const auto candidates = manifest_candidates(files);
  if (candidates.empty()) {
    return refused("manifest_missing", "the package has no SKILL.md at its root", "SKILL.md");
  }
  if (candidates.size() > 1) {
    return refused(
        "manifest_ambiguous",
        fmt::format("both {} and {} are manifests; keep one of them", shown(candidates[0]), shown(candidates[1])),
        candidates[0]);
  }
  const auto text = files.read(candidates[0]);
  if (!text) return refused("manifest_too_large", "the file cannot be read, or is larger than 1 MiB", candidates[0]);
  return Reader(&files, candidates[0], options).read(*text);
}

ManifestReport read_manifest_text(std::string_view skill_md, std::string_view file, const ManifestOptions& options) {
  return Reader(nullptr, file, options).read(skill_md);
}

}  // namespace skill_verifier::skill
