#pragma once

#include <memory>

#include "sandbox/docker_fixture.hpp"
#include "sandbox/engine_relay.hpp"

namespace skill_verifier::test {

/// A DockerFixture whose sandbox can be put behind a relay; the fixture's own engine client stays in front of it.
class RelayedFixture : public DockerFixture {
 protected:
  /// False where the engine is not at a Unix socket.
  bool behind_relay() {
    const auto engine = endpoint();
    if (engine.kind != net::Endpoint::Kind::unix_socket) return false;
    relay_ = std::make_unique<EngineRelay>(io_, folder_ / "relay.sock", engine.host);
    stop();
    options_.docker_host = "unix://" + (folder_ / "relay.sock").string();
    options_.timeouts.remove = std::chrono::seconds(2);
    start();
    return true;
  }

  std::unique_ptr<EngineRelay> relay_;
};

}  // namespace skill_verifier::test
