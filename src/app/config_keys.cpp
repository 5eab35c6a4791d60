#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "app/config.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::app {
namespace {

using Apply = std::function<Result<void>(Config&, std::string_view)>;

Error bad_value(std::string_view text, std::string_view expected) {
  return Error{Errc::invalid_argument, fmt::format("'{}' is no {}", core::shorten(text, 60), expected)};
}

Result<void> set_bool(bool& out, std::string_view text) {
  if (text != "true" && text != "false") return bad_value(text, "true or false");
  out = text == "true";
  return {};
}

Result<std::int64_t> parse_integer(std::string_view text, std::int64_t low, std::int64_t high) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < low || number > high)
    return bad_value(text, fmt::format("integer from {} to {}", low, high));
  return number;
}

Apply boolean(std::function<bool&(Config&)> field) {
  return [field](Config& config, std::string_view text) { return set_bool(field(config), text); };
}

template <class T>
Apply integer(std::int64_t low, std::int64_t high, std::function<T&(Config&)> field) {
  return [=](Config& config, std::string_view text) -> Result<void> {
    SKILL_VERIFIER_TRY(const std::int64_t number, parse_integer(text, low, high));
    field(config) = static_cast<T>(number);
    return {};
  };
}

template <class T>
Apply size(std::uint64_t low, std::uint64_t high, std::function<T&(Config&)> field) {
  return [=](Config& config, std::string_view text) -> Result<void> {
    SKILL_VERIFIER_TRY(const std::uint64_t bytes, parse_size(text));
    if (bytes < low || bytes > high) return bad_value(text, fmt::format("size from {} to {} bytes", low, high));
    field(config) = static_cast<T>(bytes);
    return {};
  };
}

template <class T>
Apply duration(std::chrono::milliseconds low, std::chrono::milliseconds high, std::function<T&(Config&)> field) {
  return [=](Config& config, std::string_view text) -> Result<void> {
    SKILL_VERIFIER_TRY(const std::chrono::milliseconds time, parse_duration(text));
    if (time < low || time > high)
      return bad_value(text, fmt::format("duration from {} ms to {} ms", low.count(), high.count()));
    field(config) = std::chrono::duration_cast<T>(time);
    return {};
  };
}

Apply text(std::function<std::string&(Config&)> field) {
  return [field](Config& config, std::string_view value) -> Result<void> {
    field(config) = value;
    return {};
  };
}

Result<void> apply_cpus(Config& config, std::string_view value) {
  double cpus = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), cpus);
  if (error != std::errc() || end != value.data() + value.size() || !(cpus >= 0.01) || cpus > 1024)
    return bad_value(value, "number of processors from 0.01 to 1024");
  config.service.limits.nano_cpus = static_cast<std::int64_t>(cpus * 1e9);
  return {};
}

Result<void> apply_log_level(Config& config, std::string_view value) {
  static constexpr std::pair<std::string_view, log::Level> kLevels[] = {{"debug", log::Level::debug},
                                                                        {"info", log::Level::info},
                                                                        {"warn", log::Level::warn},
                                                                        {"error", log::Level::error},
                                                                        {"off", log::Level::off}};
  for (const auto& [name, level] : kLevels) {
    if (name != value) continue;
    config.log_level = level;
    return {};
  }
  return bad_value(value, "level: debug, info, warn, error or off");
}

Result<void> apply_log_format(Config& config, std::string_view value) {
  if (value != "text" && value != "json") return bad_value(value, "format: text or json");
  config.log_format = value == "json" ? log::Format::json : log::Format::text;
  return {};
}

Result<void> apply_storage(Config& config, std::string_view value) {
  if (value != "sqlite" && value != "memory") return bad_value(value, "storage: sqlite or memory");
  config.memory_storage = value == "memory";
  return {};
}

Result<void> apply_proxy(Config& config, std::string_view value) {
  SKILL_VERIFIER_TRY(auto network, auth::parse_network(value));
  config.server.trusted_proxies.push_back(network);
  return {};
}

Result<void> apply_proxy_field(Config& config, std::string_view value) {
  if (value != "x-forwarded-for" && value != "forwarded")
    return bad_value(value, "header: x-forwarded-for or forwarded");
  config.server.proxy_field = value == "forwarded" ? auth::ProxyField::forwarded : auth::ProxyField::x_forwarded_for;
  return {};
}

Result<void> apply_audit_sync(Config& config, std::string_view value) {
  if (value != "kernel" && value != "always") return bad_value(value, "way to write: kernel or always");
  config.audit_sync = value == "always" ? auth::AuditSync::always : auth::AuditSync::kernel;
  return {};
}

Apply openness(std::function<auth::Openness&(Config&)> field) {
  return [field](Config& config, std::string_view text) -> Result<void> {
    SKILL_VERIFIER_TRY(field(config), auth::parse_openness(text));
    return {};
  };
}

Apply rate(std::function<auth::Rate&(Config&)> field) {
  return [field](Config& config, std::string_view text) -> Result<void> {
    SKILL_VERIFIER_TRY(field(config), auth::parse_rate(text));
    return {};
  };
}

Result<void> apply_flagged(Config& config, std::string_view value) {
  if (value != "report" && value != "fail") return bad_value(value, "consequence: report or fail");
  config.service.flagged_fails = value == "fail";
  return {};
}

Result<void> apply_runtime(Config& config, std::string_view value) {
  const auto equals = value.find('=');
  if (equals == 0 || equals == std::string_view::npos || equals + 1 == value.size())
    return bad_value(value, "pair NAME=IMAGE");
  config.sandbox.images[std::string(value.substr(0, equals))] = value.substr(equals + 1);
  return {};
}

using namespace std::chrono_literals;

constexpr std::uint64_t kMiB = 1u << 20;
constexpr std::uint64_t kTiB = std::uint64_t{1} << 40;
constexpr std::uint64_t kGiB = 1u << 30;

void add_service_keys(std::vector<Key>& keys) {
  using Milliseconds = std::chrono::milliseconds;
  const auto add = [&](std::string_view name, Apply apply, std::string_view environment = "",
                       Key::Shape shape = Key::Shape::scalar) {
    keys.push_back({name, shape, environment, std::move(apply)});
  };
  add("workers", integer<std::size_t>(1, 1024, [](Config& c) -> auto& { return c.service.workers; }));
  add("queue", integer<std::size_t>(0, 1'000'000, [](Config& c) -> auto& { return c.service.queue; }));
  add("package_cache", size<std::uint64_t>(0, kTiB, [](Config& c) -> auto& { return c.service.known_package_bytes; }));
  add("attempts", integer<int>(1, 10, [](Config& c) -> auto& { return c.service.attempts; }));
  add("max_starts", integer<int>(1, 1000, [](Config& c) -> auto& { return c.service.max_starts; }));
  add("retry_backoff",
      duration<core::Duration>(0ms, 10min, [](Config& c) -> auto& { return c.service.retry_backoff; }));
  add("drain", duration<core::Duration>(0ms, 1h, [](Config& c) -> auto& { return c.service.drain; }));
  add("retention",
      duration<std::chrono::seconds>(0ms, 24h * 3650, [](Config& c) -> auto& { return c.service.retention; }));
  add("retention_jobs",
      integer<std::uint64_t>(0, 1'000'000'000, [](Config& c) -> auto& { return c.service.retention_jobs; }));
  add("retention_size",
      size<std::uint64_t>(0, 64 * kTiB, [](Config& c) -> auto& { return c.service.retention_bytes; }));
  add(
      "skill_roots",
      [](Config& c, std::string_view value) -> Result<void> {
        c.service.skill_roots.emplace_back(value);
        return {};
      },
      "", Key::Shape::list);
  add("network.tests", boolean([](Config& c) -> auto& { return c.service.allow_bridge_for_tests; }));
  add("network.deps", boolean([](Config& c) -> auto& { return c.service.allow_bridge_for_deps; }));
  add("deps.allowed", boolean([](Config& c) -> auto& { return c.service.allow_deps; }));
  add("deps.timeout", duration<Milliseconds>(1s, 1h, [](Config& c) -> auto& { return c.service.deps_timeout; }));
  add("deps.cache_size",
      size<std::uint64_t>(0, 64 * kTiB, [](Config& c) -> auto& { return c.sandbox.prepared_bytes; }));
  add("deps.cache_images",
      integer<std::size_t>(0, 10'000, [](Config& c) -> auto& { return c.sandbox.prepared_images; }));
  add("cache.enabled", boolean([](Config& c) -> auto& { return c.service.cache; }));
  add("cache.max_age",
      duration<std::chrono::seconds>(1s, 24h * 365, [](Config& c) -> auto& { return c.service.cache_max_age; }));
  add("cache.failed_max_age", duration<std::chrono::seconds>(
                                  0ms, 24h * 365, [](Config& c) -> auto& { return c.service.cache_failed_max_age; }));
  add("checks.flagged", apply_flagged);
  add("attestation.enabled", boolean([](Config& c) -> auto& { return c.attestation_enabled; }));
  add("attestation.required", boolean([](Config& c) -> auto& { return c.service.attestation_required; }));
  add("attestation.dstack", text([](Config& c) -> auto& { return c.dstack.endpoint; }), "DSTACK_SOCKET");
  add("attestation.pccs", text([](Config& c) -> auto& { return c.pccs; }));
  add("attestation.timeout",
      duration<core::Duration>(100ms, 10min, [](Config& c) -> auto& { return c.dstack.timeout; }));
  add("attestation.attempts", integer<int>(1, 10, [](Config& c) -> auto& { return c.dstack.attempts; }));
}

void add_access_keys(std::vector<Key>& keys) {
  const auto add = [&](std::string_view name, Apply apply, Key::Shape shape = Key::Shape::scalar) {
    keys.push_back({name, shape, "", std::move(apply)});
  };
  add("access.read", openness([](Config& c) -> auto& { return c.server.access.read; }));
  add("access.list", openness([](Config& c) -> auto& { return c.server.access.list; }));
  add("access.submit", openness([](Config& c) -> auto& { return c.server.access.submit; }));
  add("access.cancel", openness([](Config& c) -> auto& { return c.server.access.cancel; }));
  add("rate.key", rate([](Config& c) -> auto& { return c.server.key_rate; }));
  add("rate.address", rate([](Config& c) -> auto& { return c.server.address_rate; }));
  add("quota.key", rate([](Config& c) -> auto& { return c.server.key_quota; }));
  add("quota.address", rate([](Config& c) -> auto& { return c.server.address_quota; }));
  add("concurrency.key", integer<std::size_t>(0, 1024, [](Config& c) -> auto& { return c.key_concurrency; }));
  add("concurrency.address",
      integer<std::size_t>(0, 1024, [](Config& c) -> auto& { return c.service.anonymous_concurrency; }));
  add("queue_per_client",
      integer<std::size_t>(0, 1'000'000, [](Config& c) -> auto& { return c.service.queue_per_client; }));
  add("proxies.trusted", apply_proxy, Key::Shape::list);
  add("proxies.header", apply_proxy_field);
  add("keys.refresh", duration<core::Duration>(0ms, 1min, [](Config& c) -> auto& { return c.keys_refresh; }));
  add("audit.file", text([](Config& c) -> auto& { return c.audit_file; }));
  add("audit.sync", apply_audit_sync);
}

void add_limit_keys(std::vector<Key>& keys) {
  const auto add = [&](std::string_view name, Apply apply) {
    keys.push_back({name, Key::Shape::scalar, "", std::move(apply)});
  };
  using Bytes = std::uint64_t;
  add("limits.memory",
      size<Bytes>(16 * kMiB, 4 * kTiB, [](Config& c) -> auto& { return c.service.limits.memory_bytes; }));
  add("limits.cpus", apply_cpus);
  add("limits.pids", integer<std::int64_t>(8, 65'536, [](Config& c) -> auto& { return c.service.limits.pids; }));
  add("limits.skill_size",
      size<Bytes>(kMiB, 64 * kGiB, [](Config& c) -> auto& { return c.service.limits.skill_bytes; }));
  add("limits.tmp_size", size<Bytes>(kMiB, 64 * kGiB, [](Config& c) -> auto& { return c.service.limits.tmp_bytes; }));
  add("limits.inodes", integer<Bytes>(64, 10'000'000, [](Config& c) -> auto& { return c.service.limits.inodes; }));
  add("limits.open_files",
      integer<Bytes>(16, 1'048'576, [](Config& c) -> auto& { return c.service.limits.open_files; }));
  add("limits.file_size", size<Bytes>(4096, 64 * kGiB, [](Config& c) -> auto& { return c.service.limits.file_bytes; }));
  add("limits.output", size<Bytes>(1024, 8 * kMiB, [](Config& c) -> auto& { return c.service.limits.output_bytes; }));
  add("limits.max_timeout",
      duration<std::chrono::milliseconds>(1s, 24h, [](Config& c) -> auto& { return c.service.max_test_timeout; }));
  add("package.archive_size",
      size<Bytes>(1024, 4 * kGiB, [](Config& c) -> auto& { return c.service.package.archive_bytes; }));
  add("package.expanded_size",
      size<Bytes>(1024, 64 * kGiB, [](Config& c) -> auto& { return c.service.package.expanded_bytes; }));
  add("package.file_size",
      size<Bytes>(1024, 4 * kGiB, [](Config& c) -> auto& { return c.service.package.file_bytes; }));
  add("package.files", integer<std::size_t>(1, 100'000, [](Config& c) -> auto& { return c.service.package.files; }));
  add("package.path_length",
      integer<std::size_t>(16, 4000, [](Config& c) -> auto& { return c.service.package.path_bytes; }));
  add("package.depth", integer<std::size_t>(1, 64, [](Config& c) -> auto& { return c.service.package.depth; }));
}

Result<void> apply_address_block(Config& config, std::string_view value) {
  SKILL_VERIFIER_TRY(auto block, net::parse_address_block(value));
  config.service.webhooks.addresses.allowed.push_back(block);
  return {};
}

Result<void> apply_port_range(Config& config, std::string_view value) {
  SKILL_VERIFIER_TRY(const auto range, service::parse_port_range(value));
  config.service.webhooks.ports.push_back(range);
  return {};
}

/// The text of a secret is in no message.
Result<void> apply_webhook_secret(Config& config, std::string_view value) {
  SKILL_VERIFIER_TRY_VOID(service::parse_webhook_secrets(value));
  config.service.webhooks.secrets.emplace_back(value);
  return {};
}

void add_webhook_keys(std::vector<Key>& keys) {
  const auto add = [&](std::string_view name, Apply apply, Key::Shape shape = Key::Shape::scalar) {
    keys.push_back({name, shape, "", std::move(apply)});
  };
  using Milliseconds = std::chrono::milliseconds;
  add("webhooks.submissions", boolean([](Config& c) -> auto& { return c.service.webhooks.submissions; }));
  add(
      "webhooks.endpoints",
      [](Config& c, std::string_view value) -> Result<void> {
        c.service.webhooks.endpoints.emplace_back(value);
        return {};
      },
      Key::Shape::list);
  add("webhooks.secrets", apply_webhook_secret, Key::Shape::list);
  add("webhooks.ports", apply_port_range, Key::Shape::list);
  add("webhooks.allow_addresses", apply_address_block, Key::Shape::list);
  add("webhooks.timeout",
      duration<core::Duration>(100ms, 5min, [](Config& c) -> auto& { return c.service.webhooks.timeout; }));
  add("webhooks.concurrent",
      integer<std::size_t>(1, 1024, [](Config& c) -> auto& { return c.service.webhooks.concurrent; }));
  add("webhooks.per_host",
      integer<std::size_t>(1, 1024, [](Config& c) -> auto& { return c.service.webhooks.per_host; }));
  add("webhooks.retry_first",
      duration<Milliseconds>(10ms, 1h, [](Config& c) -> auto& { return c.service.webhooks.retry.first; }));
  add("webhooks.retry_for",
      duration<Milliseconds>(0ms, 24h * 30, [](Config& c) -> auto& { return c.service.webhooks.retry.give_up; }));
  add("webhooks.keep",
      duration<std::chrono::seconds>(1s, 24h * 3650, [](Config& c) -> auto& { return c.service.webhooks.keep; }));
}

void add_server_keys(std::vector<Key>& keys) {
  using Time = core::Duration;
  const auto add = [&](std::string_view name, Apply apply, std::string_view environment = "",
                       Key::Shape shape = Key::Shape::scalar) {
    keys.push_back({name, shape, environment, std::move(apply)});
  };
  add("listen.address", text([](Config& c) -> auto& { return c.server.address; }));
  add("listen.port", integer<std::uint16_t>(0, 65'535, [](Config& c) -> auto& { return c.server.port; }), "PORT");
  add("listen.plain", boolean([](Config& c) -> auto& { return c.server.plain; }));
  add("tls.certificate", text([](Config& c) -> auto& { return c.tls.certificate; }));
  add("tls.key", text([](Config& c) -> auto& { return c.tls.key; }));
  add("tls.dstack", boolean([](Config& c) -> auto& { return c.tls.dstack; }));
  add(
      "tls.names",
      [](Config& c, std::string_view value) -> Result<void> {
        c.tls.names.emplace_back(value);
        return {};
      },
      "", Key::Shape::list);
  add("tls.address", text([](Config& c) -> auto& { return c.server.tls.address; }));
  add("tls.port", integer<std::uint16_t>(0, 65'535, [](Config& c) -> auto& { return c.server.tls.port; }));
  add("tls.handshake_time",
      duration<Time>(100ms, 5min, [](Config& c) -> auto& { return c.server.tls.handshake_time; }));
  add("data_dir", text([](Config& c) -> auto& { return c.data_dir; }));
  add("storage", apply_storage);
  add("log.level", apply_log_level);
  add("log.format", apply_log_format);
  add("http.body_size", size<std::uint64_t>(1024, 4 * kGiB, [](Config& c) -> auto& { return c.server.body_bytes; }));
  add("http.spool_size", size<std::uint64_t>(1024, 64 * kTiB, [](Config& c) -> auto& { return c.server.spool_bytes; }));
  add("http.response_size",
      size<std::uint64_t>(16 * kMiB, 64 * kGiB, [](Config& c) -> auto& { return c.server.response_bytes; }));
  add("http.header_size", size<std::size_t>(1024, kMiB, [](Config& c) -> auto& { return c.server.header_bytes; }));
  add("http.header_time", duration<Time>(100ms, 10min, [](Config& c) -> auto& { return c.server.header_time; }));
  add("http.body_time", duration<Time>(1s, 1h, [](Config& c) -> auto& { return c.server.body_time; }));
  add("http.body_idle", duration<Time>(100ms, 10min, [](Config& c) -> auto& { return c.server.body_idle; }));
  add("http.idle_time", duration<Time>(1s, 1h, [](Config& c) -> auto& { return c.server.idle_time; }));
  add("http.write_time", duration<Time>(1s, 1h, [](Config& c) -> auto& { return c.server.write_time; }));
  add("http.max_wait", duration<Time>(0ms, 10min, [](Config& c) -> auto& { return c.server.max_wait; }));
  add("http.connections", integer<std::size_t>(1, 100'000, [](Config& c) -> auto& { return c.server.connections; }));
  add("http.connections_per_address",
      integer<std::size_t>(1, 100'000, [](Config& c) -> auto& { return c.server.connections_per_address; }));
  add("http.uploads", integer<std::size_t>(1, 10'000, [](Config& c) -> auto& { return c.server.uploads; }));
  add("engine.host", text([](Config& c) -> auto& { return c.sandbox.docker_host; }), "DOCKER_HOST");
  add("engine.pull", boolean([](Config& c) -> auto& { return c.sandbox.pull; }));
  add("engine.oci_runtime", text([](Config& c) -> auto& { return c.sandbox.oci_runtime; }));
  add("engine.cgroup_parent", text([](Config& c) -> auto& { return c.sandbox.cgroup_parent; }));
  add("engine.instance", text([](Config& c) -> auto& { return c.sandbox.instance; }));
  add("engine.init", [](Config& c, std::string_view value) -> Result<void> {
    c.sandbox.init = value;
    return {};
  });
  add("engine.concurrent_starts",
      integer<std::size_t>(0, 1024, [](Config& c) -> auto& { return c.sandbox.concurrent_starts; }));
  add("pool.min", integer<std::size_t>(0, 256, [](Config& c) -> auto& { return c.sandbox.pool.min; }));
  add("pool.max", integer<std::size_t>(0, 256, [](Config& c) -> auto& { return c.sandbox.pool.max; }));
  add("pool.memory", size<std::uint64_t>(0, kTiB, [](Config& c) -> auto& { return c.sandbox.pool.memory_bytes; }));
  add("pool.max_age", duration<Time>(1s, 24h, [](Config& c) -> auto& { return c.sandbox.pool.max_age; }));
  add("pool.idle_time", duration<Time>(1s, 24h, [](Config& c) -> auto& { return c.sandbox.pool.idle; }));
  add("runtimes", apply_runtime, "", Key::Shape::map);
}

}  // namespace

Config default_config() {
  Config config;
  config.sandbox.pool.max = 4;
  config.service.cache = true;
  config.server.key_rate = {3000, 1min};
  config.server.address_rate = {600, 1min};
  config.server.address_quota = {1000, 24h};
  config.service.queue_per_client = 250;
  config.service.known_package_bytes = 64 * kMiB;
  config.sandbox.images = {
      {"alpine:latest", "alpine:latest"},
      {"alpine:3.20", "alpine:3.20"},
      {"node:20", "node:20"},
      {"node:20-alpine", "node:20-alpine"},
      {"node:22-alpine", "node:22-alpine"},
      {"python:3.11-alpine", "python:3.11-alpine"},
      {"python:3.12-alpine", "python:3.12-alpine"},
      {"debian:bookworm-slim", "debian:bookworm-slim"},
      {"debian:12-slim", "debian:12-slim"},
  };
  return config;
}

const std::vector<Key>& config_keys() {
  static const std::vector<Key> keys = [] {
    std::vector<Key> all;
    add_server_keys(all);
    add_service_keys(all);
    add_access_keys(all);
    add_limit_keys(all);
    add_webhook_keys(all);
    return all;
  }();
  return keys;
}

}  // namespace skill_verifier::app
