#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace skill_verifier::attack {

/// Somebody who uses the service while it is attacked: asks all the time on connections of its own, and must be
/// answered every time.
class GoodClient {
 public:
  explicit GoodClient(std::uint16_t port);
  ~GoodClient() { stop(); }
  GoodClient(const GoodClient&) = delete;
  GoodClient& operator=(const GoodClient&) = delete;

  /// Ends after at least one more whole round.
  void stop();
  /// Valid after stop().
  std::size_t rounds() const { return rounds_; }
  const std::vector<std::string>& failures() const { return failures_; }

 private:
  void run();

  std::uint16_t port_;
  std::atomic<bool> stopping_ = false;
  std::size_t rounds_ = 0;
  std::vector<std::string> failures_;
  std::thread thread_;
};

}  // namespace skill_verifier::attack
