#pragma once

#include "scan/collector.hpp"

namespace skill_verifier::scan {

/// The `dependencies/…` checks: whether what package.json, requirements files and pyproject.toml declare resolves to
/// one version each, and whether the lock file beside them agrees. Nothing is fetched. Errors: those of `source.read`.
Result<void> check_dependencies(const Source& source, Collector& out);

}  // namespace skill_verifier::scan
