#pragma once

#include <filesystem>
#include <string>

#include "skill_verifier/service/service.hpp"

namespace skill_verifier::service {

/// The existing file or directory that a client's `skillPath` names, canonical (no link is left in it) and beneath one
/// of the roots. A relative path is looked for beneath the working directory, then in each root and beside it. Whether
/// something exists outside the roots is not told. Blocking. Errors: as Service::submit says for `skill_path_*`.
Result<std::filesystem::path> resolve_skill_path(const std::string& path, const ServiceOptions& options);

}  // namespace skill_verifier::service
