#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "attack/good_client.hpp"
#include "e2e/harness.hpp"
#include "http/client.hpp"

namespace skill_verifier::attack {

using e2e::Daemon;
using e2e::Json;

/// One daemon for the tests of a suite. After every test the second client must have been served all the time, and at
/// the end the daemon must be the same process and stop as ever.
class Attacked : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (e2e::why_no_engine().empty())
      daemon_ = std::make_unique<Daemon>(
          "package: {archive_size: 3MiB}\n"
          "http: {body_size: 4MiB, header_time: 2s, body_time: 5s, body_idle: 2s, idle_time: 5s}\n");
  }
  static void TearDownTestSuite() {
    if (!daemon_) return;
    EXPECT_EQ(daemon_->stop(), 0);
    EXPECT_TRUE(daemon_->containers().empty());
    daemon_.reset();
  }
  void SetUp() override {
    SKILL_VERIFIER_NEEDS_ENGINE();
    good_ = std::make_unique<GoodClient>(daemon_->port());
  }
  void TearDown() override {
    if (!good_) return;
    good_->stop();
    EXPECT_GT(good_->rounds(), 0u);
    EXPECT_TRUE(good_->failures().empty())
        << good_->failures().size() << " requests of somebody else failed, first " << good_->failures().front();
    EXPECT_TRUE(daemon_->process().running());
  }
  static std::uint16_t port() { return daemon_->port(); }
  static std::string code_of(const test::Answer& answer) {
    const Json body = Json::parse(answer.body, nullptr, false);
    return body.is_object() ? body.value("code", "") : "";
  }
  /// Resident memory of the daemon in MiB.
  static double resident() {
    std::ifstream in("/proc/" + std::to_string(daemon_->process().pid()) + "/status");
    for (std::string line; std::getline(in, line);)
      if (line.starts_with("VmRSS:")) return std::stod(line.substr(6)) / 1024;
    return 0;
  }
  static std::size_t open_files() {
    const auto folder = "/proc/" + std::to_string(daemon_->process().pid()) + "/fd";
    return static_cast<std::size_t>(std::distance(e2e::fs::directory_iterator(folder), e2e::fs::directory_iterator()));
  }

  static inline std::unique_ptr<Daemon> daemon_;
  std::unique_ptr<GoodClient> good_;
};

}  // namespace skill_verifier::attack
