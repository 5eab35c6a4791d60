#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "skill_verifier/dcap/verify.hpp"

namespace skill_verifier::dcap {

/// A value, or the rule that refused it.
template <class T>
class [[nodiscard]] Checked : public tl::expected<T, Refusal> {
 public:
  using tl::expected<T, Refusal>::expected;
  Checked(Refusal refusal) : tl::expected<T, Refusal>(tl::unexpect, std::move(refusal)) {}
};

}  // namespace skill_verifier::dcap
