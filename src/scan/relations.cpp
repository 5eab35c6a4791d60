#include "scan/relations.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include "scan/url.hpp"

namespace skill_verifier::scan {
namespace {

constexpr std::size_t kAboutASite = 3;
constexpr std::size_t kShortestName = 3;
constexpr std::size_t kMaxUses = 64;

std::string letters_of(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0)
      out.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  }
  return out;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// Words that publishers put around a name: `get-bun`, `ollama-ai`.
bool says_nothing(std::string_view word) {
  constexpr std::array<std::string_view, 16> words{"get", "try", "use", "go", "my",  "the",  "app", "cli",
                                                   "ai",  "hq",  "dev", "io", "lab", "labs", "api", "docs"};
  return std::ranges::find(words, word) != words.end();
}

std::string meaningful(std::string_view project) {
  std::string out;
  for (std::size_t at = 0; at <= project.size();) {
    const auto end = std::min(project.find_first_of("-_.", at), project.size());
    const std::string word = letters_of(project.substr(at, end - at));
    if (!says_nothing(word)) out += word;
    at = end + 1;
  }
  return out;
}

bool is_local(std::string_view host) {
  static const RE2 local(
      R"((?i)^(?:localhost|127\..*|0\.0\.0\.0|10\..*|192\.168\..*|172\.(?:1[6-9]|2[0-9]|3[01])\..*|169\.254\..*|\[.*|.*[^a-z0-9.-].*|[^.]*|.*\.(?:local|internal|lan)|(?:.*\.)?example\.(?:com|org|net)|.*your.*)$)");
  return RE2::FullMatch(re2::StringPiece(host), local);
}

/// Hosts whose first path segments are accounts of others: `github.com/owner/project`.
bool has_accounts(std::string_view host) {
  constexpr std::array<std::string_view, 9> hosts{"github.com",
                                                  "www.github.com",
                                                  "raw.githubusercontent.com",
                                                  "gist.github.com",
                                                  "gist.githubusercontent.com",
                                                  "gitlab.com",
                                                  "bitbucket.org",
                                                  "codeberg.org",
                                                  "huggingface.co"};
  return std::ranges::find(hosts, host) != hosts.end();
}

/// Addresses of chats and scripts that take what is sent to them, for whoever made them.
bool is_drop(std::string_view url) {
  static const RE2 drop(
      R"((?i)https://(?:(?:canary\.|ptb\.)?discord(?:app)?\.com/api/webhooks/[0-9]|api\.telegram\.org/bot[0-9]|hooks\.slack\.com/services/T[A-Z0-9]|script\.google\.com/macros/s/A).*)");
  return RE2::FullMatch(re2::StringPiece(url), drop);
}

std::string segment(std::string_view url, int number) {
  auto at = url.find("://");
  at = at == std::string_view::npos ? url.size() : url.find('/', at + 3);
  for (; number > 0 && at != std::string_view::npos; --number)
    at = url.find('/', at + 1);
  if (at == std::string_view::npos || at >= url.size()) return {};
  std::string_view found = url.substr(at + 1);
  found = found.substr(0, found.find_first_of("/?#"));
  if (found.ends_with(".git")) found.remove_suffix(4);
  return std::string(found);
}

}  // namespace

Relations::Relations(const detail::Rules& rules, std::string_view name, std::string_view manifest)
    : rules_(rules), judges_(true), name_(letters_of(name)) {
  static const RE2 home(
      R"re((?i)\b(?:homepage|home|repository|repo|source|website|url|docs|documentation|github|author)["']?\s*:\s*["']?(https?://[^\s"',}]+))re");
  const auto end = manifest.starts_with("---") ? manifest.find("\n---", 3) : std::string_view::npos;
  const std::string_view head = end == std::string_view::npos ? std::string_view{} : manifest.substr(0, end);
  re2::StringPiece rest(head);
  for (std::string url; RE2::FindAndConsume(&rest, home, &url);) {
    const std::string address = normalise_url(url);
    const std::string host(host_of(address));
    declared_.insert(has_accounts(host) ? "account:" + lower(segment(address, 0)) : site_of(host));
  }
  const std::vector<std::uint32_t> nowhere(manifest.size(), 0);
  for_each_url({manifest, nowhere.data()}, [&](const std::string& url, MappedView) {
    auto& seen = uses_[site_of(host_of(url))];
    if (seen.size() < kMaxUses) seen.insert(url);
  });
}

std::string Relations::site_of(std::string_view host) const {
  static const RE2 below_country(R"((?i).*\.(?:co|com|org|net|gov|ac|edu)\.[a-z]{2})");
  const auto labels = listed(host, "free-hosts") || listed(host, "account-domains") ||
                              RE2::FullMatch(re2::StringPiece(host), below_country)
                          ? 3
                          : 2;
  auto at = host.size();
  for (int i = 0; i < labels && at != std::string_view::npos && at > 0; ++i)
    at = host.rfind('.', at - 1);
  return std::string(at == std::string_view::npos || at == 0 ? host : host.substr(at + 1));
}

bool Relations::listed(std::string_view host, std::string_view list) const {
  return std::ranges::any_of(rules_.list(list), [&](const std::string& known) {
    return host.ends_with(known) &&
           (host.size() == known.size() || host[host.size() - known.size() - 1] == '.' || known.front() == '.');
  });
}

bool Relations::named_like_skill(std::string_view project) const {
  const std::string word = meaningful(project);
  if (word.size() < kShortestName || name_.empty()) return false;
  return name_.find(word) != std::string::npos || word == name_;
}

bool Relations::is(Host kind, std::string_view url) const {
  if (kind == Host::any) return true;
  const std::string host(host_of(url));
  const auto& known = rules_.list("known-hosts");
  if ((!judges_ && kind != Host::stranger) || is_local(host)) return false;
  if (is_drop(url)) return true;
  if (std::ranges::find(known, host) != known.end()) return false;
  const std::string site = site_of(host);
  if (declared_.contains(site)) return false;
  // What costs nothing and is thrown away is nobody's by its name alone.
  const auto uses = uses_.find(site);
  const bool about = uses != uses_.end() && uses->second.size() >= kAboutASite;
  const bool named = named_like_skill(site.substr(0, site.find('.')));
  if (listed(host, "free-hosts")) return !about || !named;
  if (listed(host, "known-hosts")) return false;
  if (listed(host, "cheap-domains")) return !about || !named;
  if (kind == Host::throwaway) return false;
  if (has_accounts(host)) {
    const std::string owner = lower(segment(url, 0));
    const auto& accounts = rules_.list("known-accounts");
    return std::ranges::find(accounts, owner) == accounts.end() && !declared_.contains("account:" + owner) &&
           !named_like_skill(owner) && !named_like_skill(segment(url, 1));
  }
  return !about && !named;
}

bool Relations::names(Host kind, std::string_view text) const {
  if (kind == Host::any) return true;
  bool found = false, any = false;
  const std::vector<std::uint32_t> nowhere(text.size(), 0);
  for_each_url({text, nowhere.data()}, [&](const std::string& url, MappedView) {
    any = true;
    found = found || is(kind, url);
  });
  if (any) return found;
  static const RE2 bare(R"re((?i)(?:^|[\s"'=(])((?:[a-z0-9-]+\.)+[a-z]{2,18}(?:/[^\s"'|)]*|(?:[\s"'|)]|$))))re");
  static const RE2 file(R"((?i)^[^/]*\.(?:sh|py|js|rb|pl|txt|md|json|ya?ml|zip|gz|tgz|exe|log|html?)[\s"'|)]?$)");
  re2::StringPiece rest(text);
  for (std::string address; !found && RE2::FindAndConsume(&rest, bare, &address);) {
    if (!RE2::FullMatch(address, file)) found = is(kind, normalise_url("https://" + address));
  }
  return found;
}

}  // namespace skill_verifier::scan
