#pragma once

#include "skill/manifest/tree.hpp"

namespace skill_verifier::skill::manifest {

/// Warns of what the Agent Skills specification does not permit. Every profile: name_invalid, description_missing,
/// description_too_long, version_not_semver. Profile `spec` adds what the reference validator refuses:
/// spec_unknown_field, spec_flow_style, compatibility_invalid, and spec_metadata_value (the specification's own rule:
/// text only). Whether the name equals the folder's is not known here.
void check_spec(const Node& root, const Manifest& manifest, Profile profile, Diagnostics& warnings);

}  // namespace skill_verifier::skill::manifest
