#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sandbox/activity.hpp"
#include "sandbox/containers.hpp"
#include "sandbox/derived_images.hpp"
#include "sandbox/engine.hpp"
#include "sandbox/job_runner.hpp"
#include "sandbox/prepared_images.hpp"
#include "sandbox/retirement.hpp"
#include "sandbox/seccomp_file.hpp"
#include "sandbox/test_runner.hpp"
#include "sandbox/toolbox.hpp"
#include "sandbox/warm_pool.hpp"
#include "skill_verifier/sandbox/docker_sandbox.hpp"

/// The sandbox over a Docker Engine: its life and its runs in docker_sandbox.cpp, the images that skills may ask for in
/// allowed_images.cpp, those that test_deps change in prepare.cpp, the look at an engine's limits in start_proof.cpp.
namespace skill_verifier::sandbox {

inline constexpr std::chrono::milliseconds kShortestTimeout{1};

Error cancelled_error();
/// Somebody else took the container away: not a fault of the job.
Error as_lost(Error error);

class DockerSandbox final : public Sandbox {
 public:
  DockerSandbox(core::asio::any_io_executor executor, core::WorkPool& pool, net::Endpoint endpoint,
                DockerSandboxOptions options);

  awaitable<Result<std::vector<std::string>>> start() override;
  awaitable<Result<Image>> resolve(std::string reference, std::function<void(std::string_view)> progress) override;
  awaitable<Result<std::vector<Image>>> images() override;
  awaitable<Result<std::optional<Image>>> present(std::string reference) override;
  awaitable<Result<PrepareResult>> prepare(PrepareRequest request, OutputSink sink) override;
  awaitable<Result<RunResult>> run(RunRequest request, OutputSink sink) override;
  awaitable<Result<ExamineResult>> examine(ExamineRequest request) override;
  Profile profile() const override { return profile_; }
  EngineVersion engine_version() const override { return engine_version_; }
  awaitable<Result<void>> check() override;
  std::vector<PoolState> pools() const override { return warm_.state(); }
  void resize_pools(PoolSizes sizes) override;
  awaitable<void> stop() override;

 private:
  awaitable<Result<InitProgram>> load_init();
  awaitable<Result<ImageDetails>> inspect_or_pull(std::string name, std::string reference,
                                                  std::function<void(std::string_view)> progress);
  awaitable<Result<RunResult>> run_from(std::string image_id, RunRequest request, OutputSink sink,
                                        LruIndex::Lease lease);
  awaitable<Result<Image>> resolve_toolbox();
  awaitable<Result<ExamineResult>> examine_from(Image image, ExamineRequest request);
  WarmPool::Workshop workshop();
  WarmPool::Wanted pooled(std::string image_id, std::string name, const Limits& limits) const;
  awaitable<void> announce_runtimes();
  awaitable<void> discard(LiveContainer live);
  awaitable<Result<PrepareResult>> find_or_make_prepared(PrepareRequest request, std::string key, OutputSink sink);
  awaitable<Result<PrepareResult>> make_prepared(PrepareRequest request, std::string key, OutputSink sink);
  awaitable<Result<std::pair<std::string, LruIndex::Lease>>> keep_prepared(std::string container, std::string base_id,
                                                                           std::string key);
  awaitable<Result<std::string>> commit_prepared(std::string container, std::string key);
  awaitable<void> remove_images(std::string instance);
  awaitable<void> remove_images(std::string instance, std::string kind);
  awaitable<Result<void>> prove_limits(std::string init_tar);
  awaitable<Result<void>> examine_limits(Started& started, const ContainerSpec& spec);
  awaitable<void> remove_abandoned();
  Error not_allowed(const std::string& reference) const;
  template <class Request>
  ContainerSpec spec_of(Role role, std::string image_id, const Request& request) const;
  DiskLimits disk_limits() const;
  Conversation conversation_of(const CommandSpec& command, const Image& image, const Limits& limits) const;

  core::asio::any_io_executor executor_;
  core::WorkPool& pool_;
  DockerSandboxOptions options_;
  Engine engine_;
  SeccompFile seccomp_file_;
  Containers containers_;
  PreparedImages prepared_;
  JobRunner runner_;
  Activity activity_;
  Retirement retirement_;
  WarmPool warm_;
  TestRunner tests_;
  core::TaskGroup tasks_;
  struct Resolved {
    Image image;
    std::chrono::steady_clock::time_point until;
  };
  std::map<std::string, Resolved> resolved_;  ///< at most one for every allowed reference
  std::optional<Resolved> toolbox_;
  std::unique_ptr<DerivedImages> derived_;  ///< from `start` on, when init is known
  ImageFacts toolbox_facts_;
  Profile profile_;
  EngineVersion engine_version_;
};

template <class Request>
ContainerSpec DockerSandbox::spec_of(Role role, std::string image_id, const Request& request) const {
  ContainerSpec spec;
  spec.role = role;
  spec.image_id = std::move(image_id);
  spec.job_id = request.job_id;
  spec.request_id = request.request_id;
  spec.attempt = request.attempt;
  if constexpr (requires { request.bridge_network; }) spec.bridge_network = request.bridge_network;
  spec.limits = request.limits;
  spec.oci_runtime = options_.oci_runtime;
  spec.cgroup_parent = options_.cgroup_parent;
  return spec;
}

}  // namespace skill_verifier::sandbox
