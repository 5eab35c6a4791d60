#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "app/commands.hpp"
#include "app/key_texts.hpp"
#include "app/process_metrics.hpp"
#include "app/reload.hpp"
#include "app/run_loop.hpp"
#include "app/service_manager.hpp"
#include "app/tls_source.hpp"
#include "app/wiring.hpp"

namespace skill_verifier::app {
namespace {

constexpr int kMostArenas = 2;
constexpr auto kHttpGrace = std::chrono::seconds(5);
constexpr auto kReloadGrace = std::chrono::seconds(1);

/// What the coroutine leaves for main.
struct Outcome {
  int exit_code = exit_ok;
};

void print_error(const Error& error) {
  std::fprintf(stderr, "skill-verifier: %s\n", error.message.c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "  %s\n", error.hint.c_str());
}

/// What a signal needs.
struct Running {
  Wiring& wiring;
  http::Server& server;
  Reloader& reloader;
  ReloadState& reloads;
  ServiceManager& manager;
};

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names)
    text += (text.empty() ? "" : ",") + name;
  return text;
}

/// Files may lie on a slow disk, or on another machine: nobody who is being served waits for them.
core::awaitable<Result<Reload>> read_anew(Running& running) {
  auto read = [reloader = running.reloader] { return reloader.read(); };
  SKILL_VERIFIER_CO_TRY(auto reload, co_await core::run_on(running.wiring.pool, std::move(read)));
  SKILL_VERIFIER_CO_TRY_VOID(co_await running.wiring.keys->check_not_stored(reload.keys));
  co_return reload;
}

void warn_of(const std::vector<std::string>& exposed) {
  for (const std::string& what : exposed)
    log::warn("API key exposed", {{"what", what}});
}

void log_reload(const Reload& reload, const Result<void>& certificate) {
  for (const std::string& key : reload.needs_restart)
    log::warn("configuration key needs a restart", {{"key", key}});
  warn_of(reload.exposed);
  const std::string applied = joined(reload.applied), needs_restart = joined(reload.needs_restart);
  if (certificate) {
    log::info("configuration reloaded", {{"applied", applied}, {"needs_restart", needs_restart}});
    return;
  }
  log::error("configuration reloaded, certificate not: the one before it goes on",
             {{"applied", applied},
              {"needs_restart", needs_restart},
              {"code", certificate.error().id},
              {"message", certificate.error().message}});
}

/// Gives the state for the service manager. Nothing is changed once the program has `ended`.
core::awaitable<std::string_view> reload(Running& running, const bool& ended) {
  auto read = co_await read_anew(running);
  if (ended) co_return "stopping";
  if (!read) {
    running.reloads.tried(false, running.wiring.clock.now());
    const Error& why = read.error();
    const std::string message = why.hint.empty() ? why.message : why.message + "; " + why.hint;
    log::error("configuration not reloaded", {{"code", why.id}, {"message", message}});
    co_return "serving; the last reload was refused";
  }
  running.reloader.took_on(*read);
  const Config& config = read->config;
  // What was done is said also where the level, old or new, would hide it.
  log::configure(std::min(config.log_level, log::Level::info), config.log_format);
  running.server.reconfigure(config.server);
  running.wiring.service->reconfigure(config.service);
  running.wiring.sandbox->resize_pools(config.sandbox.pool);
  co_await app::reload(running.wiring, std::move(read->keys));
  const auto certificate = co_await running.server.reload();
  running.reloads.tried(certificate.has_value(), running.wiring.clock.now());
  log_reload(*read, certificate);
  log::configure(config.log_level, config.log_format);
  co_return certificate ? "serving" : "serving; the last reload kept the earlier certificate";
}

/// Answers SIGHUP beside everything else: one reading at a time, and one more if it was asked for meanwhile.
class Reloading {
 public:
  explicit Reloading(Running& running) : running_(running), tasks_(running.wiring.io.get_executor()) {}

  void ask() {
    asked_ = true;
    if (!std::exchange(busy_, true)) tasks_.spawn("reload", answer());
  }
  /// Nothing is read or changed from now on, but what has begun to change.
  void close() { ended_ = true; }
  /// After `close`. False where a file still does not answer.
  core::awaitable<bool> wait() { co_return co_await tasks_.wait(kReloadGrace); }

 private:
  core::awaitable<void> answer() {
    while (asked_ && !ended_) {
      asked_ = false;
      running_.manager.reloading();
      const auto state = co_await reload(running_, ended_);
      if (!ended_) running_.manager.ready(state);
    }
    busy_ = false;
  }

  Running& running_;
  core::TaskGroup tasks_;
  bool asked_ = false;
  bool busy_ = false;
  bool ended_ = false;
};

core::awaitable<void> serve(Running running, std::string address, Outcome& outcome, core::TaskGroup& watchdog) {
  auto& [wiring, server, reloader, reloads, manager] = running;
  auto signals = boost::asio::signal_set(wiring.io, SIGINT, SIGTERM, SIGHUP);
  Reloading reloading(running);
  auto started = co_await start(wiring);
  if (started) started = co_await server.reload();
  if (started) started = server.start();
  if (started) {
    log::info("serving", {{"address", address}, {"port", server.port()}, {"tls_port", server.tls_port()}});
    manager.ready("serving");
    while (true) {
      const auto [error, signal] = co_await signals.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
      if (!error && signal == SIGHUP) {
        reloading.ask();
        continue;
      }
      log::info("stopping", {{"signal", signal}});
      break;
    }
  } else {
    print_error(started.error());
    outcome.exit_code = exit_error;
  }
  reloading.close();
  manager.stopping();
  // New submissions are refused from here on; requests that wait for a verdict still get it if it comes in time.
  co_await stop(wiring);
  co_await server.stop(kHttpGrace);
  watchdog.cancel();
  const bool idle = co_await reloading.wait();
  if (!idle) {
    // Its thread cannot be woken; all that has to be kept is on the disk.
    log::warn("stopped while a reload waited for a file");
    std::_Exit(outcome.exit_code);
  }
  log::info("stopped");
}

/// Every connection and container stream is a descriptor; the usual soft limit of 1024 is too low for both.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int serve_command(const ConfigSource& source, bool check_only) {
  // A dozen threads that seldom allocate would each keep free memory of their own.
  mallopt(M_ARENA_MAX, kMostArenas);
  auto settings = load_settings(source);
  auto config = settings ? configure_service(*settings) : Result<Config>(settings.error());
  if (!config) {
    print_error(config.error());
    return exit_config;
  }
  const auto exposed = exposed_key_files(*config);
  if (check_only) {
    for (const std::string& what : exposed)
      std::fprintf(stderr, "skill-verifier: warning: %s\n", what.c_str());
    std::puts("configuration is valid");
    return exit_ok;
  }
  log::configure(config->log_level, config->log_format);
  warn_of(exposed);
  raise_descriptor_limit();
  std::signal(SIGPIPE, SIG_IGN);
  http::ServerOptions options = config->server;
  const Config given = *config;
  auto wiring = wire(std::move(*config));
  if (!wiring) {
    print_error(wiring.error());
    return exit_error;
  }
  Wiring& all = **wiring;
  options.tls.identity = tls_identity(all.io.get_executor(), all.pool, given);
  ReloadState reloads;
  options.metrics.emplace_back([&reloads](core::MetricsText& out) { reloads.write(out); });
  options.metrics.emplace_back([&all](core::MetricsText& out) { write_metrics(all, out); });
  options.file_metrics.emplace_back([dir = all.data_dir](core::MetricsText& out) { write_process_metrics(out, dir); });
  options.keys = all.keys.get();
  options.audit = all.audit.get();
  // Lives until the loop has run out: a connection that outlasts `stop` still refers to it.
  http::Server server(all.io.get_executor(), all.pool, *all.service, all.clock, all.store->spool(), options);
  Outcome outcome;
  core::TaskGroup tasks(all.io.get_executor());
  Reloader reloader(source, std::move(*settings));
  ServiceManager manager([](const char* name) -> const char* { return std::getenv(name); });
  core::TaskGroup watchdog(all.io.get_executor());
  watchdog.spawn("watchdog", manager.keep_alive());
  tasks.spawn("serve", serve(Running{all, server, reloader, reloads, manager}, options.address, outcome, watchdog));
  run_loop(all.io);
  return outcome.exit_code;
}

}  // namespace skill_verifier::app
