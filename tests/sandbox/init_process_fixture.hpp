#pragma once

#include <gtest/gtest.h>
#include <sched.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "sandbox/init/wire.hpp"
#include "sandbox/init_namespace.hpp"
#include "sandbox/pack_builder.hpp"

namespace skill_verifier::testing_support {

namespace fs = std::filesystem;
using sandbox::guest::Payload;
using sandbox::init::ExitReason;
using sandbox::init::HostFrame;
using sandbox::init::InitFrame;

inline constexpr int kExited0 = 0;
inline constexpr int kExited1 = 1 << 8;

/// The real skill-verifier-init in namespaces of its own.
class InitProcess : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (RootFolder::missing().empty()) root_ = new RootFolder;
  }
  static void TearDownTestSuite() {
    delete root_;
    root_ = nullptr;
  }
  void SetUp() override {
    if (root_ == nullptr) GTEST_SKIP() << RootFolder::missing();
    launch({});
  }

  void launch(NamespacedInit::Options options) { init_ = std::make_unique<NamespacedInit>(*root_, options); }
  InitClient& client() { return init_->client(); }
  /// A path as the sandbox sees it, from outside.
  fs::path inside(const char* path) const {
    return fs::path("/proc") / std::to_string(init_->pid()) / "root" / (path + 1);
  }
  /// Waits until the sandbox made a file, for as long as a machine could need.
  bool appears(const char* path) const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!fs::exists(inside(path)) && std::chrono::steady_clock::now() < end)
      ::sched_yield();
    return fs::exists(inside(path));
  }

  static inline RootFolder* root_ = nullptr;
  std::unique_ptr<NamespacedInit> init_;
};

}  // namespace skill_verifier::testing_support
