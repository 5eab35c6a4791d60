#pragma once

#include <optional>
#include <string>
#include <vector>

#include "scan/collector.hpp"
#include "skill_verifier/skill/manifest.hpp"

namespace skill_verifier::scan {

/// What the manifest says, as far as checks need it.
struct ManifestFacts {
  std::optional<skill::Manifest> manifest;
  std::vector<std::string> allows;  ///< metadata.skill-verifier-allow
  std::string file;                 ///< the manifest, also one that was refused; empty where there is none
  std::string name;                 ///< what it calls the skill
};

/// The `conformance/…` checks. Reads the manifest as every reader does that matters: the specification's validator,
/// ClawHub, OpenClaw.
ManifestFacts check_conformance(const Source& source, Collector& out);

}  // namespace skill_verifier::scan
