#include <unistd.h>

#include <boost/asio/ip/address.hpp>

#include "app/config.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/net/http_client.hpp"

namespace skill_verifier::app {
namespace {

namespace fs = std::filesystem;

using Faults = std::vector<std::string>;

void check_addresses(const Config& config, Faults& faults) {
  boost::system::error_code unparsable;
  boost::asio::ip::make_address(config.server.address, unparsable);
  if (unparsable)
    faults.push_back("listen.address: '" + core::shorten(config.server.address) +
                     "' is no IP address; 0.0.0.0 or :: listens on all");
  if (const auto endpoint = net::parse_endpoint(config.sandbox.docker_host); !endpoint)
    faults.push_back("engine.host: " + endpoint.error().message);
  if (const auto pccs = net::parse_endpoint(config.pccs); !config.pccs.empty() && config.pccs != "off" && !pccs)
    faults.push_back("attestation.pccs: " + pccs.error().message);
  if (config.dstack.endpoint.empty()) return;
  if (const auto endpoint = net::parse_endpoint(config.dstack.endpoint); !endpoint)
    faults.push_back("attestation.dstack: " + endpoint.error().message);
}

void check_tls(const Config& config, Faults& faults) {
  const TlsSource& tls = config.tls;
  if (tls.certificate.empty() != tls.key.empty())
    faults.emplace_back("tls: certificate and key are given together or not at all");
  if (tls.dstack && !tls.certificate.empty())
    faults.emplace_back("tls.dstack: contradicts tls.certificate; the key comes from one of them");
  const bool any = tls.dstack || !tls.certificate.empty();
  if (!config.server.plain && !any)
    faults.emplace_back("listen.plain: is false and TLS is off, so nobody could connect");
  boost::system::error_code unparsable;
  boost::asio::ip::make_address(config.server.tls.address, unparsable);
  if (!config.server.tls.address.empty() && unparsable)
    faults.push_back("tls.address: '" + core::shorten(config.server.tls.address) + "' is no IP address");
  for (const auto& [key, file] : {std::pair("tls.certificate", tls.certificate), std::pair("tls.key", tls.key)})
    if (!file.empty() && ::access(file.c_str(), R_OK) != 0)
      faults.push_back(std::string(key) + ": the file is not there or cannot be read");
}

void check_webhooks(const Config& config, Faults& faults) {
  if (config.service.webhooks.ports.empty()) faults.emplace_back("webhooks.ports: no port is permitted");
  if (const auto rules = service::outbox_rules(config.service.webhooks); !rules)
    faults.push_back("webhooks: " + rules.error().message);
}

void check_limits(const Config& config, Faults& faults) {
  const auto& limits = config.service.limits;
  if (limits.skill_bytes + limits.tmp_bytes > limits.memory_bytes)
    faults.emplace_back("limits: skill_size plus tmp_size must fit into memory, which tmpfs pages count against");
  if (config.service.package.expanded_bytes > limits.skill_bytes)
    faults.emplace_back("package.expanded_size: a package of that size does not fit into limits.skill_size");
  // Two streams, of which every byte may be an escaped control character, and the rest of the document.
  if (12 * limits.output_bytes + (1u << 20) > config.server.response_bytes)
    faults.emplace_back(
        "http.response_size: must be at least 12 times limits.output plus 1MiB, or the verdict of a talkative "
        "test could never be sent");
  if (config.server.spool_bytes < config.server.body_bytes)
    faults.emplace_back("http.spool_size: is under http.body_size, so a large upload could never be taken");
  if (config.server.body_bytes < config.service.package.archive_bytes)
    faults.emplace_back("package.archive_size: is over http.body_size, so such an upload would be refused first");
}

void check_files(const Config& config, Faults& faults) {
  std::error_code error;
  for (const fs::path& root : config.service.skill_roots) {
    const std::string name = "skill_roots: '" + core::shorten(root.string());
    if (!root.is_absolute())
      faults.push_back(name + "' is not an absolute path");
    else if (!fs::is_directory(root, error))
      faults.push_back(name + "' is not a directory");
  }
  const fs::path& init = config.sandbox.init;
  if (init.empty()) return;
  const std::string name = "engine.init: '" + core::shorten(init.string());
  if (!fs::is_regular_file(init, error))
    faults.push_back(name + "' is not a file");
  else if (::access(init.c_str(), X_OK) != 0)
    faults.push_back(name + "' is not executable");
}

}  // namespace

Result<void> check_config(const Config& config) {
  Faults faults;
  if (config.data_dir.empty()) faults.emplace_back("data_dir: must name a directory");
  if (config.sandbox.images.empty()) faults.emplace_back("runtimes: no image is allowed, so no skill could ever run");
  if (config.service.attestation_required && !config.attestation_enabled)
    faults.emplace_back("attestation.required: contradicts attestation.enabled: false");
  if (config.sandbox.pool.min > config.sandbox.pool.max) faults.emplace_back("pool.min: is over pool.max");
  check_addresses(config, faults);
  check_limits(config, faults);
  check_webhooks(config, faults);
  check_tls(config, faults);
  check_files(config, faults);
  return faults_error(faults);
}

}  // namespace skill_verifier::app
