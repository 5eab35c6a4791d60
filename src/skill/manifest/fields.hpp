#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "skill/manifest/tree.hpp"

/// The types of the declaration's fields. Every reader refuses with the code named beside it, or with field_type where
/// the value is of a wrong kind; messages name the place as the author wrote it.
namespace skill_verifier::skill::manifest {

using Environment = std::vector<std::pair<std::string, std::string>>;

/// Where a value was written: `metadata.test_command` of `SKILL.md`.
struct Origin {
  std::string place;
  std::string file;
};

/// `field_type` with what was expected and what stands there.
Diagnostic wrong_type(const Node& node, const Origin& origin, std::string_view expected);

/// The text of a scalar, without control characters and at most `limit` bytes long. `code` is used for the latter two.
Parsed<std::string> read_text(const Node& node, const Origin& origin, std::string_view code, std::size_t limit);

/// Text is for /bin/sh unless it is a JSON list of strings; a list is an argv. Refusal: command_invalid.
Parsed<Command> read_command(const Node& node, const Origin& origin);
/// `[0-9]+(ms|s|m)?`, seconds without a unit, more than zero. Refusal: timeout_invalid.
Parsed<std::chrono::milliseconds> read_timeout(const Node& node, const Origin& origin);
/// A list of `K=V`, a mapping, or a text of `K=V` lines; sorted by name. Refusal: env_invalid.
Parsed<Environment> read_environment(const Node& node, const Origin& origin);
/// Refusal: network_invalid.
Parsed<Network> read_network(const Node& node, const Origin& origin);
/// A reference as Docker's grammar has it. Refusal: runtime_invalid.
Parsed<std::string> read_runtime(const Node& node, const Origin& origin);

/// Values for messages about conflicts.
std::string describe(const Command& command);
std::string describe(std::chrono::milliseconds timeout);
std::string describe(const Environment& environment);
std::string describe(Network network);
std::string describe(const std::string& text);

}  // namespace skill_verifier::skill::manifest
