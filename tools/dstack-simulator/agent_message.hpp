#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace dstack_simulator {

using skill_verifier::Bytes;
using skill_verifier::Result;

/// The fields of one call, from a JSON body or from a query string. Absent fields have their default, unknown ones are
/// ignored; a field of the wrong type is an error (invalid_argument) with the agent's kind of message.
class Fields {
 public:
  /// Errors: invalid_argument for a broken body or query, unsupported for protobuf.
  static Result<Fields> parse(const AgentRequest& request);

  Result<std::string> text(const char* name) const;
  /// Hexadecimal, with or without 0x.
  Result<Bytes> bytes(const char* name) const;
  Result<bool> flag(const char* name) const;
  Result<std::optional<std::uint64_t>> number(const char* name) const;
  Result<std::vector<std::string>> texts(const char* name) const;

 private:
  nlohmann::json values_ = nlohmann::json::object();
  bool from_query_ = false;  ///< then everything is text
};

}  // namespace dstack_simulator
