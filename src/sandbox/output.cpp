#include <fmt/core.h>

#include "skill_verifier/sandbox/sandbox.hpp"

namespace skill_verifier::sandbox {

std::string Output::text() const {
  if (!truncated) return head;
  const auto omitted = total - head.size() - tail.size();
  const std::string_view before = head.empty() || head.ends_with('\n') ? "" : "\n";
  return fmt::format("{}{}[… {} bytes omitted …]\n{}", head, before, omitted, tail);
}

std::string Output::kept() const {
  return head + tail;
}

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::exited:
      return "exited";
    case Outcome::timeout:
      return "timeout";
    case Outcome::oom:
      return "oom";
    case Outcome::killed:
      return "killed";
  }
  return "killed";
}

}  // namespace skill_verifier::sandbox
