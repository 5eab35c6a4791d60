#include "app/check_inputs.hpp"

#include <fmt/core.h>

#include <boost/asio/io_context.hpp>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "skill_verifier/attest/collateral_client.hpp"
#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/dcap/quote.hpp"
#include "skill_verifier/net/http_client.hpp"
#include "skill_verifier/skill/package.hpp"

namespace skill_verifier::app {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kEndOf9999 = 253'402'300'799;
constexpr std::string_view kAttestation = "/attestation";

/// A folder that is gone when its user is.
class Scratch {
 public:
  Scratch() {
    std::error_code error;
    path_ = (fs::temp_directory_path(error) / "skill-verifier-check-XXXXXX").string();
    if (error || mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

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
    io.run();
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
    io.run();
  }
  if (!answer) return core::with_context(answer.error(), core::shorten(base));
  return std::move(answer->json);
}

std::optional<std::string> job_id_of(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  if (url.ends_with(kAttestation)) {
    url.remove_suffix(kAttestation.size());
    const auto slash = url.rfind('/');
    if (slash == std::string_view::npos || !url.substr(0, slash).ends_with("/verify")) return std::nullopt;
    return std::string(url.substr(slash + 1));
  }
  const auto slash = url.rfind('/');
  if (slash == std::string_view::npos || !url.substr(0, slash).ends_with(kAttestation)) return std::nullopt;
  return std::string(url.substr(slash + 1));
}

Result<std::int64_t> parse_instant(const std::string& text, core::Time now) {
  using std::chrono::floor;
  using std::chrono::seconds;
  if (text == "now") return floor<seconds>(now).time_since_epoch().count();
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && stop == end && value >= 0 && value <= kEndOf9999) return value;
  const auto time = core::parse_rfc3339(text);
  if (!time) {
    return Error{Errc::invalid_argument, "time_invalid",
                 fmt::format("'{}' is neither seconds since 1970 nor a time like 2026-01-30T12:34:56Z",
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
  return attest::Expectations::Package{package->tree_digest, package->archive_sha256};
}

}  // namespace skill_verifier::app
