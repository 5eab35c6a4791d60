#include "app/check_inputs.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "app/run_loop.hpp"
#include "app/scratch.hpp"
#include "skill_verifier/attest/collateral_client.hpp"
#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/dcap/quote.hpp"
#include "skill_verifier/net/http_client.hpp"
#include "skill_verifier/scan/record.hpp"
#include "skill_verifier/skill/package.hpp"

namespace skill_verifier::app {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kEndOf9999 = 253'402'300'799;

Result<std::string> read_stream(std::istream& in, const std::string& name, std::size_t limit) {
  std::string text;
  std::string buffer(1u << 16, '\0');
  while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0) {
    text.append(buffer, 0, static_cast<std::size_t>(in.gcount()));
    if (text.size() > limit) {
      return Error{Errc::too_large, "input_too_large",
                   fmt::format("'{}' has more than {} bytes", core::shorten(name), limit)};
    }
  }
  if (!in.eof()) return Error{Errc::not_found, "input_unreadable", "'" + core::shorten(name) + "' cannot be read"};
  return text;
}

struct Url {
  net::Endpoint endpoint;
  std::string target;
};

Result<Url> parse_url(const std::string& text) {
  const auto invalid = [&](std::string_view why) {
    return Error{Errc::invalid_argument, "url_invalid", fmt::format("URL '{}': {}", core::shorten(text), why)};
  };
  const auto authority = text.find("://") + 3;
  const auto path = text.find_first_of("/?#", authority);
  auto endpoint = net::parse_endpoint(text.substr(0, path));
  if (!endpoint) return invalid(endpoint.error().message);
  std::string target = path == std::string::npos ? "/" : text.substr(path, text.find('#') - path);
  if (!target.starts_with('/')) target.insert(target.begin(), '/');
  return Url{std::move(*endpoint), std::move(target)};
}

core::awaitable<void> get(net::HttpClient& client, std::string target, Result<net::Response>& answer) {
  net::Request request;
  request.target = std::move(target);
  request.headers = {{"Accept", "application/json"}, {"User-Agent", "skill-verifier"}};
  answer = co_await client.send(std::move(request));
}

core::awaitable<void> get_collateral(attest::CollateralClient& client, dcap::CollateralKey key,
                                     Result<attest::FetchedCollateral>& answer) {
  answer = co_await client.fetch(std::move(key));
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto end = std::min(text.find(at), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

/// The static checks, made again as the service makes them.
Result<attest::Expectations::Package::Checks> checks_of(const skill::Package& package) {
  SKILL_VERIFIER_TRY(const auto profile, scan::standard_profile());
  SKILL_VERIFIER_TRY(const auto report, scan::scan(scan::attested_source_of(package), profile));
  auto summary = scan::summary_of(report);
  attest::Expectations::Package::Checks made;
  made.profile = std::move(summary.profile);
  made.profile_sha256 = std::move(summary.digest);
  made.rows_sha256 = std::move(summary.rows_sha256);
  made.flagged = summary.flagged;
  made.passed = std::move(summary.passed);
  made.warned = std::move(summary.warned);
  made.failed = std::move(summary.failed);
  made.skipped = std::move(summary.skipped);
  made.allowed = std::move(summary.allowed);
  return made;
}

Address job_address(std::string id) {
  return Address{attest::EvidenceKind::job_document, std::move(id), std::nullopt};
}

/// A service may stand behind a prefix: the path is read from its end.
Address address_of(const std::vector<std::string>& segments) {
  for (std::size_t i = segments.size(); i-- > 1;)
    if (segments[i - 1] == "verify") return job_address(segments[i]);
  const auto count = segments.size();
  if (count > 1 && segments[count - 2] == "attestation") return job_address(segments[count - 1]);
  Address address;
  if (count > 0 && segments[count - 1] == "attestation") address.kind = attest::EvidenceKind::service_document;
  return address;
}

Result<std::string> decode(std::string_view part) {
  auto decoded = net::percent_decode(part);
  if (!decoded) return Error{Errc::invalid_argument, "url_invalid", "the URL: " + decoded.error().message};
  return decoded;
}

Result<std::optional<std::string>> nonce_of(std::string_view query) {
  std::optional<std::string> nonce;
  for (const auto& pair : split(query, '&')) {
    const auto equals = std::min(pair.find('='), pair.size());
    SKILL_VERIFIER_TRY(const auto name, decode(std::string_view(pair).substr(0, equals)));
    if (name != "nonce") continue;
    if (nonce) return Error{Errc::invalid_argument, "url_invalid", "the URL has two nonces"};
    SKILL_VERIFIER_TRY(nonce, decode(std::string_view(pair).substr(std::min(equals + 1, pair.size()))));
  }
  return nonce;
}

}  // namespace

Result<std::string> read_input(const std::string& path, std::size_t limit) {
  if (path == "-") return read_stream(std::cin, path, limit);
  std::ifstream file(path, std::ios::binary);
  std::error_code error;
  if (!file || fs::is_directory(path, error)) {
    return Error{Errc::not_found, "input_unreadable", "'" + core::shorten(path) + "' cannot be read"};
  }
  return read_stream(file, path, limit);
}

bool is_url(std::string_view input) {
  return input.starts_with("https://") || input.starts_with("http://");
}

Result<std::string> fetch(const std::string& url, std::size_t limit) {
  SKILL_VERIFIER_TRY(auto parsed, parse_url(url));
  core::asio::io_context io;
  net::ClientLimits limits;
  limits.body_bytes = limit;
  Result<net::Response> answer = Error{Errc::internal, "no answer was awaited"};
  {
    net::HttpClient client(io.get_executor(), std::move(parsed.endpoint), limits);
    core::TaskGroup tasks(io.get_executor());
    tasks.spawn("fetch", get(client, std::move(parsed.target), answer));
    run_loop(io);
  }
  if (!answer) return core::with_context(answer.error(), core::shorten(url));
  if (answer->status != 200) {
    const bool moved = answer->status >= 300 && answer->status < 400;
    return Error{Errc::unavailable, "fetch_failed", fmt::format("{} answered {}", core::shorten(url), answer->status),
                 moved ? "redirects are not followed: give the final address" : ""};
  }
  return std::move(answer->body);
}

Result<std::string> fetch_collateral(const std::string& quote, const std::string& base) {
  SKILL_VERIFIER_TRY(const auto bytes, core::parse_hex(quote));
  SKILL_VERIFIER_TRY(auto key, dcap::collateral_key(bytes));
  SKILL_VERIFIER_TRY(const auto endpoint, net::parse_endpoint(base));
  const core::SystemClock clock;
  core::asio::io_context io;
  Result<attest::FetchedCollateral> answer = Error{Errc::internal, "no answer was awaited"};
  {
    attest::CollateralClientOptions options;
    options.base = net::to_string(endpoint);
    attest::CollateralClient client(io.get_executor(), clock, std::move(options));
    core::TaskGroup tasks(io.get_executor());
    tasks.spawn("collateral", get_collateral(client, std::move(key), answer));
    run_loop(io);
  }
  if (!answer) return core::with_context(answer.error(), core::shorten(base));
  return std::move(answer->json);
}

Result<Address> parse_address(std::string_view url) {
  url = url.substr(0, url.find('#'));
  const auto scheme = url.find("://");
  const auto authority = scheme == std::string_view::npos ? 0 : scheme + 3;
  const auto question = std::min(url.find('?'), url.size());
  const auto slash = std::min(url.find('/', authority), question);
  SKILL_VERIFIER_TRY(const auto path, decode(url.substr(slash, question - slash)));
  auto address = address_of(split(path, '/'));
  SKILL_VERIFIER_TRY(address.nonce, nonce_of(url.substr(std::min(question + 1, url.size()))));
  return address;
}

Result<std::int64_t> parse_instant(const std::string& text, core::Time now) {
  using std::chrono::floor;
  using std::chrono::seconds;
  if (text == "now") return floor<seconds>(now).time_since_epoch().count();
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && stop == end && value >= 0 && value <= kEndOf9999) return value;
  auto time = core::parse_rfc3339(text);
  if (!time) time = core::parse_rfc3339(text + "Z");
  if (!time) time = core::parse_rfc3339(text + "T00:00:00Z");
  if (!time) {
    return Error{Errc::invalid_argument, "time_invalid",
                 fmt::format("'{}' is neither seconds since 1970 nor a time like 2026-01-30T12:34:56Z or 2026-01-30",
                             core::shorten(text, 40))};
  }
  return floor<seconds>(*time).time_since_epoch().count();
}

Result<attest::Expectations::Package> package_digests(const std::string& path) {
  const Scratch scratch;
  if (scratch.path().empty()) return Error{Errc::unavailable, "no temporary directory to work in"};
  const fs::path pack = fs::path(scratch.path()) / "pack";
  std::error_code error;
  const fs::path given = fs::canonical(path, error);
  if (error) return Error{Errc::not_found, "input_unreadable", "'" + core::shorten(path) + "' cannot be read"};
  auto package = fs::is_directory(given, error)
                     ? skill::import_directory(given, pack, skill::PackageLimits{})
                     : skill::import_archive(given, given.filename().string(), pack, skill::PackageLimits{});
  if (!package) return core::with_context(package.error(), core::shorten(path));
  attest::Expectations::Package known{package->tree_digest, package->archive_sha256, std::nullopt};
  SKILL_VERIFIER_TRY(known.checks, checks_of(*package));
  return known;
}

}  // namespace skill_verifier::app
