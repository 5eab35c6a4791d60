#include "app/config_kinds.hpp"

namespace skill_verifier::app {
namespace {

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

Result<void> apply_runtime(Config& config, std::string_view value) {
  const auto equals = value.find('=');
  if (equals == 0 || equals == std::string_view::npos || equals + 1 == value.size())
    return bad_value(value, "pair NAME=IMAGE");
  config.sandbox.images[std::string(value.substr(0, equals))] = value.substr(equals + 1);
  return {};
}

using namespace std::chrono_literals;

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
  add("engine.seccomp_dir", [](Config& c, std::string_view value) -> Result<void> {
    c.sandbox.seccomp_dir_of_engine = value;
    return {};
  });
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
  config.sandbox.toolbox = "skill-verifier.local/toolbox:1";
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
