#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sandbox/container_spec.hpp"
#include "sandbox/engine.hpp"
#include "sandbox/pack_builder.hpp"
#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/ids.hpp"
#include "skill_verifier/net/http_client.hpp"
#include "skill_verifier/sandbox/docker_sandbox.hpp"
#include "support/await.hpp"

namespace skill_verifier::test {

namespace fs = std::filesystem;
using testing_support::PackBuilder;

/// A DockerSandbox of its own instance on the engine at $SKILL_VERIFIER_TEST_DOCKER_HOST, with the image
/// $SKILL_VERIFIER_TEST_IMAGE as `base`. After each test nothing of the instance may be left.
class DockerFixture : public testing::Test {
 protected:
  void SetUp() override {
    const char* host = std::getenv("SKILL_VERIFIER_TEST_DOCKER_HOST");
    if (host == nullptr) GTEST_SKIP() << "SKILL_VERIFIER_TEST_DOCKER_HOST names no engine";
    options_.docker_host = host;
    const char* image = std::getenv("SKILL_VERIFIER_TEST_IMAGE");
    options_.instance = "test-" + core::random_hex(8);
    options_.init = SKILL_VERIFIER_INIT;
    options_.images["base"] = image != nullptr ? image : "skill-verifier.local/busybox:test";
    options_.pull = false;
    engine_ = std::make_unique<sandbox::Engine>(io_.get_executor(), endpoint());
    folder_ = fs::temp_directory_path() / options_.instance;
    fs::create_directories(folder_);
    options_.seccomp_dir = folder_ / "seccomp";
    start();
  }

  void TearDown() override {
    if (!sandbox_) return;
    stop();
    EXPECT_EQ(containers(), std::vector<std::string>{});
    for (const auto* kind : {sandbox::kPreparedKind, sandbox::kDerivedKind})
      remove_images(kind);
    for (const auto& id : foreign_images_)
      EXPECT_TRUE(await(io_, engine_->remove_image(id, false)).has_value());
    fs::remove_all(folder_);
  }

  net::Endpoint endpoint() const { return *net::parse_endpoint(options_.docker_host); }

  /// Only after `stop`: what still runs of an earlier sandbox refers to it.
  void start() {
    ASSERT_FALSE(running_) << "the sandbox was not stopped";
    auto made = sandbox::make_docker_sandbox(io_.get_executor(), pool_, options_);
    ASSERT_TRUE(made.has_value()) << made.error().message;
    sandbox_ = std::move(*made);
    running_ = true;
    auto started = await(io_, sandbox_->start());
    ASSERT_TRUE(started.has_value()) << started.error().message;
    EXPECT_EQ(*started, std::vector<std::string>{});
    if (base_.id.empty()) base_ = image("base");
  }
  void stop() {
    await(io_, sandbox_->stop());
    running_ = false;
  }
  /// As a new life of the program does.
  void restart() {
    stop();
    start();
  }

  sandbox::Image image(const std::string& name) {
    auto found = await(io_, sandbox_->resolve(name, {}));
    EXPECT_TRUE(found.has_value()) << found.error().message;
    return found ? *found : sandbox::Image{};
  }

  fs::path pack(const PackBuilder& content) {
    const auto path = folder_ / ("pack" + std::to_string(packs_++));
    std::ofstream(path, std::ios::binary) << content.end();
    return path;
  }

  sandbox::RunRequest request(std::vector<std::string> argv) {
    sandbox::RunRequest made;
    made.job_id = core::new_job_id();
    made.image = base_;
    made.pack = pack(PackBuilder().file("hello.txt", "hello\n").executable("run.sh", "#!/bin/sh\necho ran \"$@\"\n"));
    made.command.argv = std::move(argv);
    made.limits.memory_bytes = 64u << 20;
    return made;
  }
  sandbox::RunRequest shell(std::string script) { return request({"/bin/sh", "-c", std::move(script)}); }

  sandbox::PrepareRequest deps(std::string script) {
    sandbox::PrepareRequest made;
    made.job_id = core::new_job_id();
    made.image = base_;
    made.tree_digest = std::string(64, 'e');
    made.pack = pack(PackBuilder().file("hello.txt", "hello\n"));
    made.deps.timeout = std::chrono::minutes(5);
    made.deps.argv = {"/bin/sh", "-c", std::move(script)};
    made.limits.memory_bytes = 64u << 20;
    return made;
  }

  Result<sandbox::RunResult> run(sandbox::RunRequest what) { return await(io_, sandbox_->run(std::move(what), {})); }
  sandbox::RunResult must_run(sandbox::RunRequest what) {
    auto result = run(std::move(what));
    EXPECT_TRUE(result.has_value()) << result.error().message;
    return result ? *result : sandbox::RunResult{};
  }
  Result<sandbox::PrepareResult> prepare(sandbox::PrepareRequest what) {
    return await(io_, sandbox_->prepare(std::move(what), {}));
  }
  sandbox::PrepareResult must_prepare(sandbox::PrepareRequest what) {
    auto result = prepare(std::move(what));
    EXPECT_TRUE(result.has_value()) << result.error().message;
    return result ? *result : sandbox::PrepareResult{};
  }

  /// Containers of this instance that the engine knows.
  std::vector<std::string> containers() {
    std::vector<std::string> labels = {std::string(sandbox::kLabelInstance) + "=" + options_.instance};
    auto found = await(io_, engine_->list_containers(std::move(labels)));
    EXPECT_TRUE(found.has_value()) << found.error().message;
    std::vector<std::string> result;
    if (!found) return result;
    for (const auto& container : *found)
      result.push_back(container.state + " " + container.id);
    return result;
  }
  /// Until no container of this instance is left that `counts`.
  core::awaitable<bool> until_none(std::function<bool(const sandbox::ContainerSummary&)> counts) {
    const std::vector<std::string> labels = {std::string(sandbox::kLabelInstance) + "=" + options_.instance};
    for (int i = 0; i < 1200; ++i) {
      const auto found = co_await engine_->list_containers(labels);
      if (found && std::ranges::none_of(*found, counts)) co_return true;
      co_await core::sleep_for(std::chrono::milliseconds(50));
    }
    co_return false;
  }
  core::awaitable<bool> all_gone() {
    return until_none([](const sandbox::ContainerSummary&) { return true; });
  }
  std::vector<std::string> images(const char* kind) {
    std::vector<std::string> labels = {std::string(sandbox::kLabelInstance) + "=" + options_.instance,
                                       std::string(sandbox::kLabelImage) + "=" + kind};
    auto found = await(io_, engine_->list_images(std::move(labels)));
    EXPECT_TRUE(found.has_value()) << found.error().message;
    std::vector<std::string> result;
    if (!found) return result;
    for (const auto& image : *found)
      result.push_back(image.id);
    return result;
  }
  void remove_images(const char* kind) {
    for (const auto& id : images(kind)) {
      const auto removed = await(io_, engine_->remove_image(id, false));
      EXPECT_TRUE(removed.has_value()) << removed.error().message;
    }
  }

  /// Makes an image of one tar archive and allows it under `name`.
  void import_image(const std::string& name, const std::string& tar, const std::string& change) {
    net::HttpClient client(io_.get_executor(), endpoint());
    net::Request request;
    request.method = "POST";
    request.target = "/v1.41/images/create?fromSrc=-";
    if (!change.empty()) request.target += "&changes=" + net::percent_encode(change);
    request.headers = {{"Content-Type", "application/x-tar"}};
    request.body = tar;
    const auto answer = await(io_, client.send(std::move(request)));
    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    const auto at = answer->body.find("sha256:");
    ASSERT_NE(at, std::string::npos) << answer->body;
    const auto id = answer->body.substr(at, 71);
    foreign_images_.push_back(id);
    options_.images[name] = id;
  }

  core::asio::io_context io_{1};
  core::WorkPool pool_{2};
  sandbox::DockerSandboxOptions options_;
  std::unique_ptr<sandbox::Engine> engine_;
  std::unique_ptr<sandbox::Sandbox> sandbox_;
  sandbox::Image base_;
  bool running_ = false;
  fs::path folder_;
  std::vector<std::string> foreign_images_;
  int packs_ = 0;
};

}  // namespace skill_verifier::test
