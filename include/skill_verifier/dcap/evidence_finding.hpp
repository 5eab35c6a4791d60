#pragma once

#include <string>

namespace skill_verifier::dcap {

/// Something in well-formed evidence that must not be believed. Data, not an error: the check goes on and lists all.
struct EvidenceFinding {
  std::string code;     ///< stable, `snake_case`
  std::string message;  ///< a sentence with both values, lower case, no full stop
  bool operator==(const EvidenceFinding&) const = default;
};

}  // namespace skill_verifier::dcap
