#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "skill_verifier/core/clock.hpp"
#include "skill_verifier/core/result.hpp"

namespace skill_verifier::store {

using core::Time;

/// What is kept of a secret, both as hex.
struct KeySecret {
  std::string salt;
  std::string hash;

  bool operator==(const KeySecret&) const = default;
};

/// An API key as it is stored; what its texts mean is auth::ApiKey's business.
struct KeyRow {
  std::string id;  ///< 16 hex digits
  std::string name;
  std::string scopes;
  std::string rate, quota;  ///< empty: as configured
  std::optional<std::int64_t> concurrency;
  Time created_at{};
  std::optional<Time> expires_at, revoked_at;
  KeySecret secret;
  std::optional<KeySecret> previous;  ///< of before the last rotation
  std::optional<Time> previous_until;

  bool operator==(const KeyRow&) const = default;
};

/// The API keys of a data directory, in its jobs.db. May be open in several processes at once, beside a running
/// service. Every call blocks; changes are durable when it returns. One thread at a time. Errors: unavailable
/// `store_failed`, not_found `key_not_found`.
class KeyStore {
 public:
  virtual ~KeyStore() = default;
  /// Errors: also conflict `key_exists`.
  virtual Result<void> insert(const KeyRow& key) = 0;
  virtual Result<std::vector<KeyRow>> list() = 0;
  virtual Result<KeyRow> find(const std::string& id) = 0;
  /// Errors: also conflict `key_revoked` for one that is revoked already.
  virtual Result<void> revoke(const std::string& id, Time now) = 0;
  /// Puts a new secret in place of the present one, which stays good until `previous_until`. Errors: also conflict
  /// `key_revoked`.
  virtual Result<void> rotate(const std::string& id, const KeySecret& secret, Time previous_until) = 0;
  /// Grows with every change that any process makes. Cheap.
  virtual Result<std::int64_t> changes() = 0;
};

/// What becomes of a directory without a database.
enum class Absent { make, refuse };

/// Makes the directory and jobs.db where there is none, unless told not to, and brings it to this program's version
/// when no service has it open. Errors: not_found `database_missing`, unavailable `store_failed`, unsupported
/// `store_newer`, conflict `store_older` when a running service has an older one open.
Result<std::unique_ptr<KeyStore>> open_key_store(const std::filesystem::path& directory, Absent absent = Absent::make);

}  // namespace skill_verifier::store
