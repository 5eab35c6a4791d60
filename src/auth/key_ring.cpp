#include "skill_verifier/auth/key_ring.hpp"

#include <fmt/core.h>

#include <utility>

#include "skill_verifier/core/log.hpp"

namespace skill_verifier::auth {
namespace {

struct Loaded {
  std::int64_t changes = 0;
  std::optional<std::vector<store::KeyRow>> rows;  ///< absent: nothing has changed
};

/// The counter first: what changes between the two calls is read twice, never missed.
Result<Loaded> load(store::KeyStore& store, std::int64_t known) {
  Loaded loaded;
  SKILL_VERIFIER_TRY(loaded.changes, store.changes());
  if (loaded.changes == known) return loaded;
  SKILL_VERIFIER_TRY(loaded.rows, store.list());
  return loaded;
}

std::unordered_map<std::string, KeyRing::KeyPtr> read(const std::vector<store::KeyRow>& rows) {
  std::unordered_map<std::string, KeyRing::KeyPtr> keys;
  for (const auto& row : rows) {
    auto key = to_api_key(row);
    if (key) {
      keys.emplace(row.id, std::make_shared<const ApiKey>(std::move(*key)));
    } else {
      log::error("API key left out", {{"key", row.id}, {"message", key.error().message}});
    }
  }
  return keys;
}

}  // namespace

Result<void> check_not_stored(store::KeyStore& store, const std::vector<store::KeyRow>& configured) {
  std::string names, ids;
  for (const auto& row : configured) {
    const auto stored = store.find(row.id);
    if (!stored && stored.error().code == Errc::not_found) continue;
    if (!stored) return stored.error();
    if (stored->revoked_at) continue;
    names += fmt::format("{}{} ('{}')", names.empty() ? "" : ", ", row.id, row.name);
    ids += ' ' + row.id;
  }
  if (ids.empty()) return {};
  return Error{Errc::conflict, "key_stored",
               fmt::format("keys.configured makes keys with the ids of stored keys: {}", names),
               fmt::format("end each stored one with skill-verifier keys revoke ID, ID being{}, or give the "
                           "configured one another id: skill-verifier keys generate",
                           ids)};
}

KeyRing::KeyRing(core::asio::any_io_executor executor, const core::Clock& clock, std::unique_ptr<store::KeyStore> store,
                 KeyRingOptions options)
    : clock_(clock), store_(std::move(store)), options_(std::move(options)), refreshing_(std::move(executor), 1) {
  nobody_.secret = store_secret(new_token({}).secret);
}

core::awaitable<Result<KeyRing::KeyPtr>> KeyRing::authenticate(std::string credential) {
  const auto refreshed = co_await refresh();
  if (!refreshed) co_return refreshed.error();
  co_return judge(credential);
}

core::awaitable<Result<void>> KeyRing::check_not_stored(std::vector<store::KeyRow> configured) {
  auto work = [store = store_.get(), rows = std::move(configured)] { return auth::check_not_stored(*store, rows); };
  co_return co_await core::run_on(thread_, std::move(work));
}

void KeyRing::configure(const std::vector<store::KeyRow>& rows) {
  configured_ = read(rows);
}

KeyRing::KeyPtr KeyRing::find(const std::string& id) const {
  if (const auto configured = configured_.find(id); configured != configured_.end()) return configured->second;
  const auto found = keys_.find(id);
  return found == keys_.end() ? nullptr : found->second;
}

core::awaitable<Result<void>> KeyRing::refresh() {
  if (std::chrono::steady_clock::now() < good_until_) co_return Result<void>();
  const auto turn = co_await refreshing_.acquire();
  if (!turn) co_return Error{Errc::cancelled, "the client has gone"};
  const auto now = std::chrono::steady_clock::now();
  if (now < good_until_) co_return Result<void>();
  auto work = [store = store_.get(), known = changes_] { return load(*store, known); };
  auto loaded = co_await core::run_on(thread_, std::move(work));
  if (!loaded) {
    log::error("API keys cannot be read", {{"code", loaded.error().id}, {"message", loaded.error().message}});
    co_return Error{Errc::unavailable, "keys_unavailable", "the API keys cannot be read", "try again later"};
  }
  if (loaded->rows) {
    keys_ = read(*loaded->rows);
    log::info("API keys read", {{"keys", keys_.size()}});
  }
  changes_ = loaded->changes;
  good_until_ = now + options_.refresh;
  co_return Result<void>();
}

Result<KeyRing::KeyPtr> KeyRing::judge(const std::string& credential) const {
  const auto token = parse_token(credential);
  KeyPtr found = token ? find(token->id) : nullptr;
  const ApiKey& key = found ? *found : nobody_;
  const store::KeySecret& before = key.previous ? *key.previous : nobody_.secret;
  const std::string& secret = token ? token->secret : nobody_.secret.hash;
  const bool is_present = equal_in_constant_time(options_.hash(key.secret.salt, secret), key.secret.hash);
  const bool was_before = equal_in_constant_time(options_.hash(before.salt, secret), before.hash);
  const core::Time now = clock_.now();
  const bool still_good = key.previous_until && now < *key.previous_until;
  const bool expired = key.expires_at && now >= *key.expires_at;
  const bool matches = is_present || (was_before && still_good);
  if (found && matches && !key.revoked_at && !expired) return found;
  const std::string_view why = !token           ? "malformed"
                               : !found         ? "unknown"
                               : !matches       ? "wrong secret"
                               : key.revoked_at ? "revoked"
                                                : "expired";
  log::debug("API key refused", {{"key", token ? token->id : std::string()}, {"why", why}});
  return Error{Errc::rejected, "key_invalid", "the API key is unknown, expired or revoked",
               "ask the operator for a key, or leave it out where none is needed"};
}

}  // namespace skill_verifier::auth
