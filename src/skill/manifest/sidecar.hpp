#pragma once

#include <optional>
#include <string>

#include "skill/manifest/tree.hpp"

namespace skill_verifier::skill::manifest {

struct Sidecar {
  std::string file;
  Node root;
};

/// Reads the declaration file beside the manifest, if there is one. Refusals: manifest_ambiguous for two of them,
/// manifest_too_large, and those of the YAML and JSON readers. Note: sidecar_alias for the short names.
Parsed<std::optional<Sidecar>> read_sidecar_file(const FileView& files, Diagnostics& notes);

}  // namespace skill_verifier::skill::manifest
