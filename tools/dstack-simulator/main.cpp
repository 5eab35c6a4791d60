#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "server.hpp"

namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;

/// What is hashed when no app compose is given.
constexpr const char* kAppCompose =
    R"({"manifest_version":2,"name":"simulated","runner":"docker-compose","docker_compose_file":"services: {}\n",)"
    R"("gateway_enabled":false,"kms_enabled":true,"public_logs":false,"public_sysinfo":false,"public_tcbinfo":true,)"
    R"("allowed_envs":[],"no_instance_id":false,"secure_time":true,"storage_fs":"ext4"})";

struct Options {
  fs::path socket;
  fs::path state_dir;
  fs::path app_compose;
  int quote_delay_ms = 0;
  dstack_simulator::AgentOptions agent;
};

void add_options(CLI::App& app, Options& options) {
  app.add_option("--socket", options.socket, "Unix socket to listen on")->required();
  app.add_option(
         "--state-dir", options.state_dir,
         "folder for root_ca.pem, collateral.json, measurements.json, app-compose.json, kms_root_public_key.hex")
      ->required();
  app.add_option("--app-compose", options.app_compose, "app-compose.json of the simulated app")
      ->check(CLI::ExistingFile);
  app.add_option("--quote-delay-ms", options.quote_delay_ms, "how long a quote takes; they come one after the other")
      ->check(CLI::Range(0, 600'000));
  app.add_option("--fail-quotes", options.agent.fail_quotes, "answer so many GetQuote calls with 503 first")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--zero-report-data", options.agent.zero_report_data, "quote 64 zero bytes, whatever is asked for");
}

void write_file(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

std::string read_app_compose(const fs::path& path) {
  if (path.empty()) return kAppCompose;
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

int run(Options options) {
  const skill_verifier::core::SystemClock clock;
  options.agent.app_compose = read_app_compose(options.app_compose);
  dstack_simulator::Agent agent(options.agent, clock);
  fs::create_directories(options.state_dir);
  write_file(options.state_dir / "root_ca.pem", agent.root_certificate_pem());
  write_file(options.state_dir / "collateral.json", agent.collateral());
  write_file(options.state_dir / "measurements.json", agent.measurements());
  write_file(options.state_dir / "app-compose.json", agent.app_compose());
  write_file(options.state_dir / "kms_root_public_key.hex", agent.kms_root_public_key() + "\n");

  asio::io_context io{1};
  dstack_simulator::Server server(io.get_executor(), agent,
                                  {options.socket, std::chrono::milliseconds(options.quote_delay_ms)});
  if (const auto listening = server.listen(); !listening) {
    std::fprintf(stderr, "dstack-simulator: %s\n", listening.error().message.c_str());
    return 1;
  }
  skill_verifier::core::TaskGroup group(io.get_executor());
  group.spawn("server", server.run());
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](const boost::system::error_code&, int) { group.cancel(); });
  std::printf("listening on %s\n", options.socket.c_str());
  std::fflush(stdout);
  io.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Stands in for the dstack guest agent during development. Its quotes end at a root of its own, made at start, "
      "and "
      "prove nothing.");
  Options options;
  add_options(app, options);
  CLI11_PARSE(app, argc, argv);
  try {
    return run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "dstack-simulator: %s\n", error.what());
    return 1;
  }
}
