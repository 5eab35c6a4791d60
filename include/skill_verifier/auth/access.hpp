#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "skill_verifier/auth/api_key.hpp"
#include "skill_verifier/auth/client_address.hpp"
#include "skill_verifier/core/result.hpp"
#include "skill_verifier/store/job_store.hpp"

namespace skill_verifier::auth {

/// Who needs no key: everybody, everybody where the listener is on a loopback address, nobody.
enum class Openness { anyone, loopback, key };
/// `anyone`, `loopback`, `key`. Errors: invalid_argument.
Result<Openness> parse_openness(std::string_view text);

struct AccessPolicy {
  Openness read = Openness::anyone;  ///< an attestation that nobody can read proves nothing
  Openness list = Openness::loopback;
  Openness submit = Openness::loopback;
  Openness cancel = Openness::loopback;
};

/// What a route does. `open` is for everybody and is not counted; `admin` always needs a key.
enum class Operation { open, read, list, submit, cancel, admin };
/// The scope of a key that may do it; listing is reading.
Scope scope_of(Operation operation);

enum class Decision { allowed, needs_key, needs_scope };
/// `key`: what the caller's key may do, absent for an anonymous one.
Decision decide(const AccessPolicy& policy, bool on_loopback, Operation operation, const std::optional<Scopes>& key);

/// Who sends a request.
struct Caller {
  Address address;
  std::shared_ptr<const ApiKey> key;  ///< null: anonymous
  /// Speaks from the service's own machine and through no trusted proxy, behind which anybody may be.
  bool local = false;

  std::string owner() const { return key ? key->id : std::string(); }
  bool is_admin() const { return key && key->scopes.has(Scope::admin); }
  std::optional<Scopes> scopes() const { return key ? std::optional(key->scopes) : std::nullopt; }
  /// For lists: whose private jobs to show, absent for administrators, who see all.
  std::optional<std::string> viewer() const;
  bool may_see(const store::JobAccess& job) const;
  /// `anonymous_may`: what the policy says of callers without a key, whose jobs are nobody's.
  bool may_cancel(const store::JobAccess& job, bool anonymous_may) const;
};

}  // namespace skill_verifier::auth
