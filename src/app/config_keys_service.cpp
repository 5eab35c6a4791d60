#include "app/config_kinds.hpp"

/// Keys about jobs: what they may do, what is checked, who is told.
namespace skill_verifier::app {
namespace {

using namespace std::chrono_literals;

Result<void> apply_cpus(Config& config, std::string_view value) {
  double cpus = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), cpus);
  if (error != std::errc() || end != value.data() + value.size() || !(cpus >= 0.01) || cpus > 1024)
    return bad_value(value, "number of processors from 0.01 to 1024");
  config.service.limits.nano_cpus = static_cast<std::int64_t>(cpus * 1e9);
  return {};
}

Result<void> apply_flagged(Config& config, std::string_view value) {
  if (value != "report" && value != "fail") return bad_value(value, "consequence: report or fail");
  config.service.flagged_fails = value == "fail";
  return {};
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

}  // namespace

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
  add("checks.sandbox", boolean([](Config& c) -> auto& { return c.sandbox_checks; }));
  add("checks.sandbox_time",
      duration<core::Duration>(10s, 1h, [](Config& c) -> auto& { return c.service.sandbox_checks_limit; }));
  add("checks.toolbox", text([](Config& c) -> auto& { return c.sandbox.toolbox; }));
  add("attestation.enabled", boolean([](Config& c) -> auto& { return c.attestation_enabled; }));
  add("attestation.required", boolean([](Config& c) -> auto& { return c.service.attestation_required; }));
  add("attestation.dstack", text([](Config& c) -> auto& { return c.dstack.endpoint; }), "DSTACK_SOCKET");
  add("attestation.pccs", text([](Config& c) -> auto& { return c.pccs; }));
  add("attestation.timeout",
      duration<core::Duration>(100ms, 10min, [](Config& c) -> auto& { return c.dstack.timeout; }));
  add("attestation.attempts", integer<int>(1, 10, [](Config& c) -> auto& { return c.dstack.attempts; }));
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

}  // namespace skill_verifier::app
