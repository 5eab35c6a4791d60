#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "skill_verifier/skill/manifest.hpp"

namespace skill_verifier::skill::manifest {

/// A value, or the finding for which the manifest is refused. Refusals are findings, not failures of ours, so they
/// travel as Diagnostic and never as Error.
template <class T>
class [[nodiscard]] Parsed : public tl::expected<T, Diagnostic> {
 public:
  using tl::expected<T, Diagnostic>::expected;
  Parsed(Diagnostic refusal) : tl::expected<T, Diagnostic>(tl::unexpect, std::move(refusal)) {}
};

using Diagnostics = std::vector<Diagnostic>;

Diagnostic diagnose(std::string code, std::string message, std::string_view file, Position at = {});

/// An outside value for a message: in backquotes, shortened, control characters escaped.
std::string shown(std::string_view value);

std::string_view trim(std::string_view text);

}  // namespace skill_verifier::skill::manifest
