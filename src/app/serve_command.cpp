#include <sys/resource.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <cstdio>

#include "app/commands.hpp"
#include "app/tls_source.hpp"
#include "app/wiring.hpp"

namespace skill_verifier::app {
namespace {

constexpr auto kHttpGrace = std::chrono::seconds(5);

/// What the coroutine leaves for main.
struct Outcome {
  int exit_code = exit_ok;
};

void print_error(const Error& error) {
  std::fprintf(stderr, "skill-verifier: %s\n", error.message.c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "  %s\n", error.hint.c_str());
}

/// The signal that ends the program. SIGHUP takes the TLS listener's certificate anew.
core::awaitable<int> last_signal(boost::asio::signal_set& signals, http::Server& server) {
  while (true) {
    const auto [error, signal] = co_await signals.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    if (error || signal != SIGHUP) co_return signal;
    const auto reloaded = co_await server.reload();
    if (!reloaded)
      log::error("certificate not reloaded", {{"code", reloaded.error().id}, {"message", reloaded.error().message}});
  }
}

core::awaitable<void> serve(Wiring& wiring, http::Server& server, std::string address, Outcome& outcome) {
  auto signals = boost::asio::signal_set(wiring.io, SIGINT, SIGTERM, SIGHUP);
  auto started = co_await start(wiring);
  if (started) started = co_await server.reload();
  if (started) started = server.start();
  if (started) {
    log::info("serving", {{"address", address}, {"port", server.port()}, {"tls_port", server.tls_port()}});
    const int signal = co_await last_signal(signals, server);
    log::info("stopping", {{"signal", signal}});
  } else {
    print_error(started.error());
    outcome.exit_code = exit_error;
  }
  // New submissions are refused from here on; requests that wait for a verdict still get it if it comes in time.
  co_await stop(wiring);
  co_await server.stop(kHttpGrace);
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
  auto config = load_config(source);
  if (!config) {
    print_error(config.error());
    return exit_config;
  }
  if (check_only) {
    std::puts("configuration is valid");
    return exit_ok;
  }
  log::configure(config->log_level, config->log_format);
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
  options.keys = all.keys.get();
  options.audit = all.audit.get();
  // Lives until the loop has run out: a connection that outlasts `stop` still refers to it.
  http::Server server(all.io.get_executor(), all.pool, *all.service, all.clock, all.store->spool(), options);
  Outcome outcome;
  core::TaskGroup tasks(all.io.get_executor());
  tasks.spawn("serve", serve(all, server, options.address, outcome));
  all.io.run();
  return outcome.exit_code;
}

}  // namespace skill_verifier::app
