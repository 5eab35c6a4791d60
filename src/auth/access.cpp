#include "skill_verifier/auth/access.hpp"

#include <fmt/core.h>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::auth {
namespace {

Openness openness_of(const AccessPolicy& policy, Operation operation) {
  switch (operation) {
    case Operation::open:
      return Openness::anyone;
    case Operation::read:
      return policy.read;
    case Operation::list:
      return policy.list;
    case Operation::submit:
      return policy.submit;
    case Operation::cancel:
      return policy.cancel;
    case Operation::admin:
      return Openness::key;
  }
  return Openness::key;
}

}  // namespace

Result<Openness> parse_openness(std::string_view text) {
  if (text == "anyone") return Openness::anyone;
  if (text == "loopback") return Openness::loopback;
  if (text == "key") return Openness::key;
  return Error{Errc::invalid_argument, "access_invalid",
               fmt::format("'{}' is none of anyone, loopback and key", core::shorten(text, 60))};
}

Scope scope_of(Operation operation) {
  switch (operation) {
    case Operation::open:
    case Operation::read:
    case Operation::list:
      return Scope::read;
    case Operation::submit:
      return Scope::submit;
    case Operation::cancel:
      return Scope::cancel;
    case Operation::admin:
      return Scope::admin;
  }
  return Scope::admin;
}

Decision decide(const AccessPolicy& policy, bool on_loopback, Operation operation, const std::optional<Scopes>& key) {
  const Openness openness = openness_of(policy, operation);
  // A key takes nothing away from its holder that everybody has.
  if (openness == Openness::anyone || (openness == Openness::loopback && on_loopback)) return Decision::allowed;
  if (!key) return Decision::needs_key;
  return key->has(scope_of(operation)) ? Decision::allowed : Decision::needs_scope;
}

std::optional<std::string> Caller::viewer() const {
  return is_admin() ? std::nullopt : std::optional(owner());
}

bool Caller::may_see(const store::JobAccess& job) const {
  return !job.is_private || is_admin() || (key && key->id == job.owner);
}

bool Caller::may_cancel(const store::JobAccess& job, bool anonymous_may) const {
  if (is_admin()) return true;
  return job.owner.empty() ? anonymous_may : key && key->id == job.owner;
}

}  // namespace skill_verifier::auth
