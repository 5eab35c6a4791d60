#include <algorithm>

#include "app/config_kinds.hpp"
#include "app/key_texts.hpp"

/// Keys about who may do what, and how often.
namespace skill_verifier::app {
namespace {

using namespace std::chrono_literals;

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

Result<void> apply_configured_key(Config& config, std::string_view value) {
  SKILL_VERIFIER_TRY(auto key, parse_configured_key(value));
  // Those in files are not known yet.
  const auto is_it = [&key](const ConfiguredKey& other) { return other.file.empty() && other.row.id == key.row.id; };
  if (key.file.empty() && std::ranges::any_of(config.configured_keys, is_it))
    return Error{Errc::invalid_argument, "key_invalid", "the id " + key.row.id + " is given to two keys"};
  config.configured_keys.push_back(std::move(key));
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

}  // namespace

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
  add("keys.configured", apply_configured_key, Key::Shape::list);
  add("keys.refresh", duration<core::Duration>(0ms, 1min, [](Config& c) -> auto& { return c.keys_refresh; }));
  add("audit.file", text([](Config& c) -> auto& { return c.audit_file; }));
  add("audit.sync", apply_audit_sync);
}

}  // namespace skill_verifier::app
