#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "skill_verifier/auth/rate.hpp"
#include "skill_verifier/core/clock.hpp"
#include "skill_verifier/store/key_store.hpp"

namespace skill_verifier::auth {

/// What a key may do. `admin` may do everything, to everybody's jobs.
enum class Scope : std::uint8_t { read = 1, submit = 2, cancel = 4, admin = 8 };
std::string_view to_string(Scope scope);

class Scopes {
 public:
  Scopes() = default;
  void add(Scope scope) { bits_ |= static_cast<std::uint8_t>(scope); }
  bool has(Scope scope) const {
    return ((bits_ & static_cast<std::uint8_t>(scope)) | (bits_ & static_cast<std::uint8_t>(Scope::admin))) != 0;
  }
  bool empty() const { return bits_ == 0; }
  bool operator==(const Scopes&) const = default;

 private:
  std::uint8_t bits_ = 0;
};
/// Names separated by commas or spaces. Errors: invalid_argument naming the scopes that exist.
Result<Scopes> parse_scopes(std::string_view text);
/// `read,submit`, in that order.
std::string to_string(const Scopes& scopes);

/// What a client sends: `svk_` + 16 hex digits of the key's id + `_` + 64 hex digits of 256 random bits.
struct Token {
  std::string id;
  std::string secret;
};
Token new_token(std::string id);
std::string to_string(const Token& token);
/// Nothing when the text has another form.
std::optional<Token> parse_token(std::string_view text);
/// 16 lower-case hex digits.
bool is_key_id(std::string_view text);

/// SHA-256 over 16 bytes of salt and the secret, as hex. The secret has 256 random bits: there is nothing to guess, so
/// there is nothing that a slow hash would protect.
std::string salted_hash(std::string_view salt, std::string_view secret);
/// A salt of its own and the hash.
store::KeySecret store_secret(std::string_view secret);
/// The time depends on the lengths only.
bool equal_in_constant_time(std::string_view left, std::string_view right);

/// A stored key in the types that decide.
struct ApiKey {
  std::string id;
  std::string name;
  Scopes scopes;
  std::optional<Rate> rate, quota;         ///< requests, submissions; absent: what the configuration says
  std::optional<std::size_t> concurrency;  ///< jobs in sandboxes at once; absent: likewise
  std::optional<core::Time> expires_at, revoked_at;
  store::KeySecret secret;
  std::optional<store::KeySecret> previous;  ///< the one before a rotation, good until then
  std::optional<core::Time> previous_until;
};
/// Errors: internal `key_unreadable` for a row that another program wrote.
Result<ApiKey> to_api_key(const store::KeyRow& row);

}  // namespace skill_verifier::auth
