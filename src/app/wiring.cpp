#include "app/wiring.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "app/key_texts.hpp"
#include "app/program.hpp"
#include "skill_verifier/core/ids.hpp"

namespace skill_verifier::app {
namespace {

namespace fs = std::filesystem;

Error unusable(const std::string& data_dir, const std::string& why) {
  return Error{Errc::unavailable, "data_dir_unusable", "data_dir '" + core::shorten(data_dir) + "': " + why,
               "create it, or let data_dir name a directory that this user can write to"};
}

/// The label that marks what is ours on the engine. It outlives restarts, so that leftovers of earlier lives are found.
Result<std::string> stored_instance(const fs::path& data_dir) {
  const fs::path file = data_dir / "instance";
  std::string instance;
  if (std::ifstream in(file); in >> instance && !instance.empty()) return instance;
  instance = core::random_hex(8);
  std::ofstream out(file);
  out << instance << '\n';
  if (!out.flush()) return unusable(data_dir.string(), "cannot write the file 'instance'");
  return instance;
}

Result<std::unique_ptr<store::JobStore>> open_store(const Config& config) {
  if (const auto made = store::make_storage_directory(config.data_dir); !made)
    return unusable(config.data_dir, made.error().message);
  SKILL_VERIFIER_TRY(auto rules, service::outbox_rules(config.service.webhooks));
  if (config.memory_storage) return store::open_memory_store(config.data_dir, std::move(rules));
  return store::open_sqlite_store(config.data_dir, std::move(rules));
}

std::unique_ptr<attest::MeteredQuoter> make_quoter(Wiring& wiring, const Config& config) {
  if (!config.attestation_enabled) return nullptr;
  auto endpoint = attest::find_dstack_endpoint(config.dstack, std::getenv("DSTACK_SIMULATOR_ENDPOINT"));
  if (!endpoint) {
    log::info("no guest agent found: results carry no quote");
    return nullptr;
  }
  log::info("guest agent", {{"endpoint", *endpoint}});
  auto quoter = std::make_unique<attest::DstackQuoter>(wiring.io.get_executor(), std::move(*endpoint), config.dstack);
  return std::make_unique<attest::MeteredQuoter>(std::move(quoter), wiring.clock);
}

void make_appraiser(Wiring& wiring, const Config& config) {
  if (!wiring.quoter || config.pccs == "off") return;
  attest::CollateralClientOptions options;
  if (!config.pccs.empty()) options.base = config.pccs;
  auto executor = wiring.io.get_executor();
  wiring.collateral_client = std::make_unique<attest::CollateralClient>(executor, wiring.clock, options);
  auto fetch = [&client = *wiring.collateral_client](dcap::CollateralKey key) { return client.fetch(std::move(key)); };
  wiring.collateral = std::make_unique<attest::CollateralCache>(executor, wiring.clock, std::move(fetch),
                                                                attest::CollateralCacheOptions{});
  // A service of the operator's own may know platforms under a root of their own.
  wiring.appraiser =
      std::make_unique<attest::Appraiser>(wiring.pool, wiring.clock, *wiring.collateral, !config.pccs.empty());
}

auth::AuditRecord key_change(core::Time now, std::string action, const store::KeyRow& key, std::string detail) {
  auth::AuditRecord record;
  record.time = now;
  record.action = std::move(action);
  record.outcome = "accepted";
  record.key_id = key.id;
  record.detail = std::move(detail);
  return record;
}

/// The keys that the configuration makes from now on. Gives what has to be written down: which are others than before.
std::vector<auth::AuditRecord> configure_keys(Wiring& wiring, std::vector<store::KeyRow> keys) {
  wiring.keys->configure(keys);
  std::vector<auth::AuditRecord> changes;
  const core::Time now = wiring.clock.now();
  const auto contains = [](const auto& rows, const auto& row) { return std::ranges::find(rows, row) != rows.end(); };
  const auto has_id = [](const auto& rows, const std::string& id) {
    return std::ranges::any_of(rows, [&id](const auto& row) { return row.id == id; });
  };
  for (const auto& key : wiring.configured_keys)
    if (!has_id(keys, key.id)) changes.push_back(key_change(now, "key.revoke", key, "gone from the configuration"));
  for (const auto& key : keys)
    if (!contains(wiring.configured_keys, key))
      changes.push_back(key_change(now, "key.configure", key, "scopes " + key.scopes + ", name " + key.name));
  if (!keys.empty()) log::info("API keys configured", {{"keys", keys.size()}});
  wiring.configured_keys = std::move(keys);
  return changes;
}

void write_now(auth::AuditLog& audit, const std::vector<auth::AuditRecord>& records) {
  for (const auth::AuditRecord& record : records)
    if (const auto written = audit.write(record); !written)
      log::error("audit record lost", {{"message", written.error().message}, {"record", to_line(record)}});
}

/// A line for each job: whoever looks for one finds it by its id, however it went.
decltype(service::ServiceOptions::on_removed) audit_removals(auth::AuditLog& audit, const core::Clock& clock) {
  return [&audit, &clock](const std::vector<std::string>& ids, const std::string& why) {
    std::vector<auth::AuditRecord> records;
    for (const std::string& id : ids) {
      auth::AuditRecord record;
      record.time = clock.now();
      record.action = "job.delete";
      record.outcome = "accepted";
      record.job_id = id;
      record.detail = "retention: " + why;
      records.push_back(std::move(record));
    }
    return audit.record(std::move(records));
  };
}

Result<void> make_access(Wiring& wiring, Config& config) {
  SKILL_VERIFIER_TRY(auto keys, store::open_key_store(config.data_dir));
  SKILL_VERIFIER_TRY(auto configured, configured_keys(config));
  SKILL_VERIFIER_TRY_VOID(auth::check_not_stored(*keys, configured));
  auth::KeyRingOptions options;
  options.refresh = config.keys_refresh;
  wiring.keys =
      std::make_unique<auth::KeyRing>(wiring.io.get_executor(), wiring.clock, std::move(keys), std::move(options));
  config.service.owner_concurrency = [ring = wiring.keys.get(), most = config.key_concurrency](const std::string& id) {
    const auto key = ring->find(id);
    return key && key->concurrency ? *key->concurrency : most;
  };
  SKILL_VERIFIER_TRY(wiring.audit, open_audit_log(config));
  if (wiring.audit) config.service.on_removed = audit_removals(*wiring.audit, wiring.clock);
  const auto changes = configure_keys(wiring, std::move(configured));
  if (wiring.audit) write_now(*wiring.audit, changes);
  return {};
}

}  // namespace

Result<std::unique_ptr<auth::AuditLog>> open_audit_log(const Config& config) {
  if (config.audit_file == "off") return std::unique_ptr<auth::AuditLog>();
  const fs::path file =
      config.audit_file.empty() ? fs::path(config.data_dir) / "audit.jsonl" : fs::path(config.audit_file);
  return auth::AuditLog::open(file, config.audit_sync);
}

Result<std::unique_ptr<Wiring>> wire(Config config) {
  auto wiring = std::make_unique<Wiring>();
  wiring->data_dir = config.data_dir;
  SKILL_VERIFIER_TRY(wiring->store, open_store(config));
  SKILL_VERIFIER_TRY_VOID(make_access(*wiring, config));
  if (config.sandbox.instance.empty()) {
    SKILL_VERIFIER_TRY(config.sandbox.instance, stored_instance(config.data_dir));
  }
  config.service.instance = config.sandbox.instance;
  // The sandbox's own ceiling must not cut what policy allows.
  config.service.limits.max_timeout = std::max(config.service.max_test_timeout, config.service.deps_timeout);
  config.sandbox.pool_limits = config.service.limits;
  config.service.verifier = program_name();
  SKILL_VERIFIER_TRY(config.service.verifier_sha256, program_sha256());
  config.service.source_commit = source_commit();
  SKILL_VERIFIER_TRY(config.service.checks, scan::standard_profile());
  if (config.sandbox_checks) {
    SKILL_VERIFIER_TRY(config.service.sandbox_checks, scan::sandbox_profile());
    config.service.toolbox = config.sandbox.toolbox;
  }
  config.service.runtimes = config.sandbox.images;
  config.sandbox.seccomp_dir = fs::path(config.data_dir) / "seccomp";
  SKILL_VERIFIER_TRY(wiring->sandbox,
                     sandbox::make_docker_sandbox(wiring->io.get_executor(), wiring->pool, config.sandbox));
  wiring->quoter = make_quoter(*wiring, config);
  make_appraiser(*wiring, config);
  config.service.collateral = fs::path(config.data_dir) / "collateral";
  if (config.service.attestation_required && !wiring->quoter)
    return Error{Errc::unavailable, "attestation_unavailable",
                 "attestation is required and no guest agent's socket is found",
                 "mount /var/run/dstack.sock, or let attestation.dstack (DSTACK_SOCKET) name it"};
  wiring->service = std::make_unique<service::Service>(wiring->io.get_executor(), wiring->pool, wiring->clock,
                                                       *wiring->store, *wiring->sandbox, wiring->quoter.get(),
                                                       std::move(config.service), wiring->appraiser.get());
  return wiring;
}

core::awaitable<void> reload(Wiring& wiring, std::vector<store::KeyRow> keys) {
  auto changes = configure_keys(wiring, std::move(keys));
  if (!wiring.audit) co_return;
  auto reopen = [&audit = *wiring.audit] { return audit.reopen(); };
  const auto reopened = co_await core::run_on(wiring.pool, std::move(reopen));
  if (!reopened)
    log::error("audit log not opened anew", {{"code", reopened.error().id}, {"message", reopened.error().message}});
  if (!changes.empty()) co_await wiring.audit->record(std::move(changes));
}

void write_metrics(const Wiring& wiring, core::MetricsText& out) {
  wiring.store->write_metrics(out);
  if (wiring.quoter) wiring.quoter->write(out);
  if (wiring.collateral) wiring.collateral->write_metrics(out);
}

core::awaitable<Result<void>> start(Wiring& wiring) {
  auto warnings = co_await wiring.sandbox->start();
  if (!warnings) co_return std::move(warnings).error();
  for (const std::string& warning : *warnings)
    log::warn("engine", {{"what", warning}});
  // Recovered jobs have the shares of their owners.
  const auto keys = co_await wiring.keys->refresh();
  if (!keys) co_return keys.error();
  co_return co_await wiring.service->start();
}

core::awaitable<void> stop(Wiring& wiring) {
  co_await wiring.service->stop();
  if (wiring.collateral) co_await wiring.collateral->stop();
  co_await wiring.sandbox->stop();
}

}  // namespace skill_verifier::app
