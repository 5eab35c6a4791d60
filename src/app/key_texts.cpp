#include "app/key_texts.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "skill_verifier/auth/api_key.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::app {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostName = 100;
constexpr std::size_t kMostFile = 4096;

Error invalid(std::string id, std::string message) {
  return {Errc::invalid_argument, std::move(id), std::move(message)};
}

/// A moment, or a duration from now. Errors: invalid_argument.
Result<core::Time> parse_expiry(const std::string& text, std::string_view prefix, core::Time now) {
  if (const auto time = core::parse_rfc3339(text)) return *time;
  const auto duration = parse_duration(text);
  if (!duration || duration->count() <= 0)
    return invalid("expires_invalid",
                   fmt::format("{}expires: '{}' is neither a duration like 90d nor a time like 2027-01-31T00:00:00Z",
                               prefix, core::shorten(text, 60)));
  return now + *duration;
}

Result<std::int64_t> parse_concurrency(const std::string& text, std::string_view prefix) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number >= 1 && number <= 1024) return number;
  return invalid("concurrency_invalid",
                 fmt::format("{}concurrency: '{}' is no number from 1 to 1024", prefix, core::shorten(text, 60)));
}

/// The members of `name=value name=value`. Values are in no message: one of them is a secret.
Result<std::map<std::string, std::string>> members_of(std::string_view text) {
  static const std::set<std::string, std::less<>> kKnown = {"name",    "scope", "rate",     "quota", "concurrency",
                                                            "expires", "key",   "key_file", "sha256"};
  std::map<std::string, std::string> members;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    if (word.empty()) continue;
    const std::string name(word.substr(0, word.find('=')));
    if (name.size() == word.size() || !kKnown.contains(name))
      return invalid("key_invalid",
                     "a word is none of name=, scope=, rate=, quota=, concurrency=, expires=, key=, key_file= and "
                     "sha256=");
    const std::string_view value = word.substr(name.size() + 1);
    // Another separator than a space would put the secret where it is shown: into a name or a scope.
    const bool goes_on = value.find_first_of(name == "scope" ? "=\t\r\n" : ",=\t\r\n") != std::string_view::npos;
    const bool is_path = name == "key_file";
    if ((goes_on && !is_path) || (name != "key" && value.find("svk_") != std::string_view::npos))
      return invalid("key_invalid", fmt::format("{}= holds more than its value; members are parted by spaces", name));
    if (!members.emplace(name, value).second) return invalid("key_invalid", fmt::format("{}= is given twice", name));
  }
  return members;
}

Result<void> take_token(store::KeyRow& row, std::string_view text, std::string_view member) {
  const auto token = auth::parse_token(text);
  if (!token)
    return invalid("key_invalid", fmt::format("{}: is no key of the form svk_ID_SECRET that skill-verifier keys "
                                              "generate prints",
                                              member));
  row.id = token->id;
  row.secret = {"", auth::salted_hash("", token->secret)};
  return {};
}

Result<void> take_hash(store::KeyRow& row, std::string_view text) {
  const auto colon = text.find(':');
  const std::string_view hash = text.substr(std::min(colon, text.size() - 1) + 1);
  const bool is_hash = hash.size() == 64 && hash.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  if (colon == std::string_view::npos || !auth::is_key_id(text.substr(0, colon)) || !is_hash)
    return invalid("key_invalid",
                   "sha256: is not 16 hex digits of a key's id, a colon and the 64 of its secret's SHA-256");
  row.id = text.substr(0, colon);
  row.secret = {"", std::string(hash)};
  return {};
}

Result<void> take_file(store::KeyRow& row, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMostFile, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  if (text.empty())
    return invalid("key_invalid", fmt::format("key_file of '{}': cannot be read, or is empty", row.name));
  return take_token(row, text, fmt::format("key_file of '{}'", row.name));
}

}  // namespace

Result<store::KeyRow> key_row(const KeyTexts& texts, std::string_view prefix, core::Time now) {
  store::KeyRow row;
  const bool plain = core::is_utf8(texts.name) && core::shorten(texts.name, kMostName) == texts.name;
  if (texts.name.empty() || !plain)
    return invalid("name_invalid", fmt::format("{}name: '{}' is not 1 to {} bytes of printable text", prefix,
                                               core::shorten(texts.name, 60), kMostName));
  row.name = texts.name;
  const auto scopes = auth::parse_scopes(texts.scopes);
  if (!scopes) return invalid(scopes.error().id, fmt::format("{}scope: {}", prefix, scopes.error().message));
  row.scopes = to_string(*scopes);
  for (const auto& [member, text, column] :
       {std::tuple("rate", &texts.rate, &row.rate), std::tuple("quota", &texts.quota, &row.quota)}) {
    if (text->empty()) continue;
    const auto rate = auth::parse_rate(*text);
    if (!rate) return invalid(rate.error().id, fmt::format("{}{}: {}", prefix, member, rate.error().message));
    *column = to_string(*rate);
  }
  if (!texts.concurrency.empty()) {
    SKILL_VERIFIER_TRY(row.concurrency, parse_concurrency(texts.concurrency, prefix));
  }
  row.created_at = now;
  if (!texts.expires.empty()) {
    SKILL_VERIFIER_TRY(row.expires_at, parse_expiry(texts.expires, prefix, now));
    if (*row.expires_at <= now)
      return invalid("expires_invalid", fmt::format("{}expires: that moment has passed", prefix));
  }
  return row;
}

Result<ConfiguredKey> parse_configured_key(std::string_view text) {
  SKILL_VERIFIER_TRY(auto members, members_of(text));
  KeyTexts texts;
  texts.name = members["name"];
  if (!members["scope"].empty()) texts.scopes = members["scope"];
  // Commas part the elements of a list in a variable.
  std::ranges::replace(texts.scopes, '+', ',');
  texts.rate = members["rate"];
  texts.quota = members["quota"];
  texts.concurrency = members["concurrency"];
  texts.expires = members["expires"];
  // A duration would begin anew at every start.
  if (!texts.expires.empty() && !core::parse_rfc3339(texts.expires))
    return invalid("expires_invalid",
                   fmt::format("expires: '{}' is no time like 2027-01-31T00:00:00Z", core::shorten(texts.expires, 60)));
  ConfiguredKey key;
  // A key that has expired is one that nobody can use, and no reason not to start.
  SKILL_VERIFIER_TRY(key.row, key_row(texts, "", core::Time{}));
  const std::string &token = members["key"], &file = members["key_file"], &hash = members["sha256"];
  if (int{!token.empty()} + int{!file.empty()} + int{!hash.empty()} != 1)
    return invalid("key_invalid", fmt::format("the key '{}' needs one of key=, key_file= and sha256=", key.row.name));
  key.file = file;
  if (!token.empty()) SKILL_VERIFIER_TRY_VOID(take_token(key.row, token, "key"));
  if (!hash.empty()) SKILL_VERIFIER_TRY_VOID(take_hash(key.row, hash));
  return key;
}

std::vector<store::KeyRow> configured_keys(const Config& config, std::vector<std::string>& faults) {
  std::vector<store::KeyRow> rows;
  for (const ConfiguredKey& key : config.configured_keys) {
    store::KeyRow row = key.row;
    if (!key.file.empty()) {
      const auto taken = take_file(row, key.file);
      if (!taken) faults.push_back("keys.configured: " + taken.error().message);
      if (!taken) continue;
    }
    if (std::ranges::any_of(rows, [&row](const auto& other) { return other.id == row.id; }))
      faults.push_back(fmt::format("keys.configured: the id {} is given to two keys", row.id));
    rows.push_back(std::move(row));
  }
  return rows;
}

Result<std::vector<store::KeyRow>> configured_keys(const Config& config) {
  std::vector<std::string> faults;
  auto rows = configured_keys(config, faults);
  SKILL_VERIFIER_TRY_VOID(faults_error(faults));
  return rows;
}

std::string exposure_of(const std::string& file) {
  std::error_code error;
  const auto status = fs::status(file, error);
  const auto others = status.permissions() & (fs::perms::others_read | fs::perms::others_write);
  if (error || !fs::is_regular_file(status) || others == fs::perms::none) return {};
  const bool changes = (others & fs::perms::others_write) != fs::perms::none;
  return fmt::format("can be {} by every user of this machine (mode {:04o}): chmod o= it", changes ? "changed" : "read",
                     static_cast<unsigned>(status.permissions() & fs::perms::mask));
}

std::vector<std::string> exposed_key_files(const Config& config) {
  std::vector<std::string> warnings;
  for (const ConfiguredKey& key : config.configured_keys) {
    const std::string exposure = key.file.empty() ? "" : exposure_of(key.file);
    if (!exposure.empty())
      warnings.push_back(fmt::format("keys.configured: key_file of '{}' {}", key.row.name, exposure));
  }
  return warnings;
}

std::string sha256_member(std::string_view id, std::string_view secret) {
  return fmt::format("{}:{}", id, auth::salted_hash("", secret));
}

}  // namespace skill_verifier::app
