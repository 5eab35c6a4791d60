#pragma once

#include <string_view>

#define TOML_EXCEPTIONS 0
#define TOML_MAX_NESTED_VALUES 32
#include <toml++/toml.h>

#include "skill_verifier/core/result.hpp"

namespace skill_verifier::scan {

/// A TOML document from outside: at most 4 MiB, and no key of more than 16 parts, because a table for each part is
/// inside the one before and is destroyed recursively. Errors: invalid_argument `toml_invalid` with the line, too_large
/// `toml_too_large`.
Result<toml::table> parse_toml(std::string_view text);

}  // namespace skill_verifier::scan
