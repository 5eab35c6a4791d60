#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "skill_verifier/auth/api_key.hpp"
#include "skill_verifier/core/async.hpp"

namespace skill_verifier::auth {

struct KeyRingOptions {
  /// How far behind what is stored a decision may be: keys that another process makes, revokes or rotates count after
  /// this time at the latest.
  core::Duration refresh = std::chrono::seconds(1);
  std::function<std::string(std::string_view salt, std::string_view secret)> hash = salted_hash;
};

/// Refuses to configure a key whose id a stored key has that is not revoked: nothing would be seen of the stored one
/// for as long as both are there, and it would be good again, secret, scopes and all, once the other is gone. Errors:
/// conflict `key_stored` naming all of them, unavailable `store_failed`.
Result<void> check_not_stored(store::KeyStore& store, const std::vector<store::KeyRow>& configured);

/// The API keys as a service sees them. One thread.
class KeyRing {
 public:
  using KeyPtr = std::shared_ptr<const ApiKey>;

  KeyRing(core::asio::any_io_executor executor, const core::Clock& clock, std::unique_ptr<store::KeyStore> store,
          KeyRingOptions options);

  /// Whose key it is. Costs two hashes whatever is sent, so that nothing tells an unknown key from one that is revoked,
  /// expired or has another secret. Errors: rejected `key_invalid` in the same words for all of them, unavailable
  /// `keys_unavailable` when it cannot be known whether the key was revoked.
  core::awaitable<Result<KeyPtr>> authenticate(std::string credential);
  /// auth::check_not_stored with what the ring's own store holds.
  core::awaitable<Result<void>> check_not_stored(std::vector<store::KeyRow> configured);
  /// Takes keys that are in no store, in place of those that it was given before. Of a stored key with the same id
  /// nothing is seen.
  void configure(const std::vector<store::KeyRow>& rows);
  /// Null for an id that is not known (any more).
  KeyPtr find(const std::string& id) const;

  /// Reads what has changed, unless that was done within the refresh time. `authenticate` does it first; so does
  /// whoever asks `find` before the first key came. Errors: unavailable `keys_unavailable`, cancelled.
  core::awaitable<Result<void>> refresh();

 private:
  Result<KeyPtr> judge(const std::string& credential) const;

  const core::Clock& clock_;
  std::unique_ptr<store::KeyStore> store_;
  KeyRingOptions options_;
  ApiKey nobody_;  ///< hashed for those who have no key
  std::unordered_map<std::string, KeyPtr> keys_, configured_;
  std::int64_t changes_ = -1;
  std::chrono::steady_clock::time_point good_until_{};
  core::Semaphore refreshing_;
  core::WorkPool thread_{1};  ///< the store's
};

}  // namespace skill_verifier::auth
