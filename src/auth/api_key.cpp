#include "skill_verifier/auth/api_key.hpp"

#include <fmt/core.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/ids.hpp"
#include "skill_verifier/core/sha2.hpp"

namespace skill_verifier::auth {
namespace {

constexpr std::array<Scope, 4> kScopes = {Scope::read, Scope::submit, Scope::cancel, Scope::admin};
constexpr std::string_view kPrefix = "svk_";
constexpr std::size_t kIdDigits = 16;
constexpr std::size_t kSecretDigits = 64;
constexpr std::size_t kSaltBytes = 16;

bool is_hex(std::string_view text, std::size_t digits) {
  return text.size() == digits &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Result<std::optional<Rate>> stored_rate(const std::string& text) {
  if (text.empty()) return std::optional<Rate>();
  SKILL_VERIFIER_TRY(const Rate rate, parse_rate(text));
  return std::optional(rate);
}

}  // namespace

std::string_view to_string(Scope scope) {
  switch (scope) {
    case Scope::read:
      return "read";
    case Scope::submit:
      return "submit";
    case Scope::cancel:
      return "cancel";
    case Scope::admin:
      return "admin";
  }
  return "";
}

Result<Scopes> parse_scopes(std::string_view text) {
  Scopes scopes;
  while (!text.empty()) {
    const auto end = text.find_first_of(", ");
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (word.empty()) continue;
    const auto known = std::ranges::find_if(kScopes, [&word](Scope scope) { return to_string(scope) == word; });
    if (known == kScopes.end())
      return Error{Errc::invalid_argument, "scope_invalid",
                   fmt::format("'{}' is no scope; there are read, submit, cancel and admin", core::shorten(word, 60))};
    scopes.add(*known);
  }
  if (scopes.empty())
    return Error{Errc::invalid_argument, "scope_invalid",
                 "a key needs at least one scope: read, submit, cancel or admin"};
  return scopes;
}

std::string to_string(const Scopes& scopes) {
  if (scopes.has(Scope::admin)) return "admin";
  std::string text;
  for (const Scope scope : kScopes) {
    if (!scopes.has(scope)) continue;
    if (!text.empty()) text += ',';
    text += to_string(scope);
  }
  return text;
}

Token new_token(std::string id) {
  return {std::move(id), core::random_hex(kSecretDigits / 2)};
}

std::string to_string(const Token& token) {
  return fmt::format("{}{}_{}", kPrefix, token.id, token.secret);
}

bool is_key_id(std::string_view text) {
  return is_hex(text, kIdDigits);
}

std::optional<Token> parse_token(std::string_view text) {
  if (text.size() != kPrefix.size() + kIdDigits + 1 + kSecretDigits || !text.starts_with(kPrefix)) return std::nullopt;
  text.remove_prefix(kPrefix.size());
  const std::string_view id = text.substr(0, kIdDigits), secret = text.substr(kIdDigits + 1);
  if (!is_key_id(id) || text[kIdDigits] != '_' || !is_hex(secret, kSecretDigits)) return std::nullopt;
  return Token{std::string(id), std::string(secret)};
}

std::string salted_hash(std::string_view salt, std::string_view secret) {
  core::Sha256 hash;
  hash.update(core::as_bytes(salt));
  hash.update(core::as_bytes(secret));
  return core::to_hex(hash.finish());
}

store::KeySecret store_secret(std::string_view secret) {
  const std::string salt = core::random_hex(kSaltBytes);
  return {salt, salted_hash(salt, secret)};
}

bool equal_in_constant_time(std::string_view left, std::string_view right) {
  return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

Result<ApiKey> to_api_key(const store::KeyRow& row) {
  ApiKey key;
  key.id = row.id;
  key.name = row.name;
  const auto scopes = parse_scopes(row.scopes);
  const auto rate = stored_rate(row.rate), quota = stored_rate(row.quota);
  if (!scopes || !rate || !quota)
    return Error{Errc::internal, "key_unreadable", fmt::format("key {} is stored in a form that is not ours", row.id)};
  key.scopes = *scopes;
  key.rate = *rate;
  key.quota = *quota;
  if (row.concurrency) key.concurrency = static_cast<std::size_t>(*row.concurrency);
  key.expires_at = row.expires_at;
  key.revoked_at = row.revoked_at;
  key.secret = row.secret;
  key.previous = row.previous;
  key.previous_until = row.previous_until;
  return key;
}

}  // namespace skill_verifier::auth
