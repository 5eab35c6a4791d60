#pragma once

#include "skill/manifest/tree.hpp"

namespace skill_verifier::skill::manifest {

/// Reads `requires.{bins,anyBins,env}` of metadata.openclaw and its older names clawdbot, clawdis and moltbot (a
/// mapping or JSON text) into the manifest: what the skill says that it needs. What cannot be read is warned of
/// (`claims_unreadable`) and left out, since nothing of ours depends on it.
void read_claims(const Node& metadata, Manifest& manifest, Diagnostics& warnings);

}  // namespace skill_verifier::skill::manifest
