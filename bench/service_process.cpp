#include "service_process.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <stdexcept>

#include "sandbox/container_spec.hpp"
#include "skill_verifier/core/json.hpp"
#include "stats.hpp"

namespace skill_verifier::bench {
namespace {

constexpr auto kStartLimit = std::chrono::seconds(60);
constexpr auto kSettleLimit = std::chrono::seconds(60);
constexpr auto kJobLimit = std::chrono::seconds(120);
constexpr auto kPause = std::chrono::milliseconds(5);

std::vector<std::string> our_label() {
  return {fmt::format("{}={}", sandbox::kLabelInstance, kInstance)};
}

SteadyTime deadline(core::Duration limit) {
  return std::chrono::steady_clock::now() + limit;
}

bool passed(SteadyTime time) {
  return std::chrono::steady_clock::now() > time;
}

}  // namespace

std::vector<sandbox::ContainerSummary> containers(Setup& setup) {
  return must(setup.loop.wait(setup.engine.list_containers(our_label())), "list containers");
}

void settle(Setup& setup) {
  const auto end = deadline(kSettleLimit);
  while (!containers(setup).empty()) {
    if (passed(end)) throw std::runtime_error("containers of the benchmark do not go away");
    setup.loop.wait(core::sleep_for(kPause));
  }
}

void settle_idle(Setup& setup) {
  const auto names_a_job = [](const auto& label) { return label.first == sandbox::kLabelJob && !label.second.empty(); };
  const auto at_work = [&](const auto& container) { return std::ranges::any_of(container.labels, names_a_job); };
  const auto end = deadline(kSettleLimit);
  while (std::ranges::any_of(containers(setup), at_work)) {
    if (passed(end)) throw std::runtime_error("containers of finished jobs do not go away");
    setup.loop.wait(core::sleep_for(kPause));
  }
}

void remove_leftovers(Setup& setup) {
  for (const auto& container : containers(setup))
    must(setup.loop.wait(setup.engine.remove_container(container.id)), "remove a container");
  settle(setup);
  const auto images = must(setup.loop.wait(setup.engine.list_images(our_label())), "list images");
  for (const auto& image : images)
    must(setup.loop.wait(setup.engine.remove_image(image.id, true)), "remove an image");
}

ServiceProcess::ServiceProcess(Setup& setup, int workers, int queue,
                               const std::function<void(const fs::path&)>& prepare, int pool, int pool_min)
    : setup_(setup), directory_(setup.directory) {
  if (prepare) prepare(directory() / "data");
  const fs::path config = directory() / "config.yaml";
  std::ofstream(config) << configuration(workers, queue, pool, pool_min);
  process_.emplace(std::vector<std::string>{setup.program.string(), "serve", "--config", config.string()},
                   directory() / "log");
  port_ = wait_for_port();
  net::ClientLimits limits;
  limits.request = kJobLimit;
  client_.emplace(setup.loop.executor(), net::Endpoint{net::Endpoint::Kind::tcp, "127.0.0.1", port_}, limits);
}

std::string ServiceProcess::configuration(int workers, int queue, int pool, int pool_min) const {
  return fmt::format(
      "listen: {{address: 127.0.0.1, port: 0}}\n"
      "data_dir: \"{0}/data\"\n"
      "skill_roots: [\"{0}\"]\n"
      "engine: {{host: \"{1}\", pull: false, instance: {2}}}\n"
      "runtimes: {{\"alpine:latest\": \"{3}\"{6}}}\n"
      "attestation: {{enabled: false}}\n"
      "workers: {4}\n"
      "queue: {5}\n"
      "pool: {{min: {8}, max: {7}}}\n"
      "cache: {{enabled: false}}\n",
      directory().string(), setup_.docker_host, kInstance, setup_.image, workers, queue,
      setup_.second_image.empty() ? "" : fmt::format(", \"debian:bookworm-slim\": \"{}\"", setup_.second_image), pool,
      pool_min);
}

std::uint16_t ServiceProcess::wait_for_port() {
  const auto end = deadline(kStartLimit);
  while (process_->running() && !passed(end)) {
    const std::string line = process_->log_line("serving");
    const auto at = line.find("port=");
    if (at != std::string::npos) return static_cast<std::uint16_t>(std::stoi(line.substr(at + 5)));
    setup_.loop.wait(core::sleep_for(kPause));
  }
  throw std::runtime_error("the service did not start:\n" + process_->log());
}

net::Request ServiceProcess::path_request(const fs::path& skill) const {
  net::Request request;
  request.method = "POST";
  request.target = "/verify";
  request.headers = {{"Content-Type", "application/json"}};
  request.body = core::dump_json(Json{{"skillPath", skill.string()}});
  return request;
}

net::Request ServiceProcess::archive_request(std::string tar_gz) {
  net::Request request;
  request.method = "POST";
  request.target = "/verify";
  request.headers = {{"Content-Type", "application/gzip"}};
  request.body = std::move(tar_gz);
  return request;
}

std::string ServiceProcess::submit(net::Request request) {
  const auto answer = must(setup_.loop.wait(client_->send(std::move(request))), "POST /verify");
  if (answer.status != 202) throw std::runtime_error(fmt::format("POST /verify: {} {}", answer.status, answer.body));
  return must(core::parse_json(answer.body), "POST /verify").at("jobId").get<std::string>();
}

net::Response ServiceProcess::get(const std::string& target) {
  net::Request request;
  request.target = target;
  return must(setup_.loop.wait(client_->send(std::move(request))), "GET " + target);
}

void ServiceProcess::wait_until_passed(const std::string& job) {
  const auto end = deadline(kJobLimit);
  while (!passed(end)) {
    const auto answer = get("/verify/" + job + "?wait=30");
    if (answer.status != 200) throw std::runtime_error(fmt::format("GET /verify: {} {}", answer.status, answer.body));
    const auto state = must(core::parse_json(answer.body), "GET /verify");
    const auto status = state.at("status").get<std::string>();
    if (status == "pending" || status == "running") continue;
    if (status == "completed" && state.at("result").at("result").at("passed") == true) return;
    throw std::runtime_error("a job did not pass: " + answer.body);
  }
  throw std::runtime_error("job " + job + " does not end");
}

}  // namespace skill_verifier::bench
