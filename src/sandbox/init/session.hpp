#pragma once

#include <cstdint>
#include <optional>

#include "sandbox/init/host_stream.hpp"
#include "sandbox/init/identity.hpp"
#include "sandbox/init/inode_watch.hpp"
#include "sandbox/init/pack_reader.hpp"
#include "sandbox/init/prepared.hpp"
#include "sandbox/init/reaper.hpp"
#include "sandbox/init/tree.hpp"
#include "sandbox/init/wire.hpp"

namespace skill_verifier::sandbox::guest {

/// One sandbox from `ready` to its end: takes the host's frames in the order that init_protocol.hpp allows.
class Session {
 public:
  Session(HostStream& host, const InodeWatch& inodes) : host_(host), inodes_(inodes) {}

  /// Answers with a fault frame when something cannot go on. Returns PID 1's exit code: 0 after finish or when the host
  /// hung up, 1 after a fault. Its exit ends whatever still runs in the sandbox.
  int serve();

 private:
  enum class Stage { hello, package, commands, done };
  struct Unpacking {
    explicit Unpacking(Fd root) : writer(std::move(root)), reader(writer) {}
    TreeWriter writer;
    PackReader reader;
  };

  Status step();
  Status on_frame();
  Status on_piece();
  Status greet();
  Status open_skill(Fd& skill) const;
  Status begin_pack();
  Status end_pack();
  Status use_prepared();
  Status package_ready(const TreeSize& size);
  Status run(bool watched);
  Status finish();
  void send(init::InitFrame type, const Payload& payload);

  HostStream& host_;
  const InodeWatch& inodes_;
  Reaper reaper_;
  Stage stage_ = Stage::hello;
  Identity identity_;
  OwnFile own_file_;
  std::optional<Unpacking> unpacking_;
  std::uint8_t commands_ = 0;
  bool host_gone_ = false;
};

}  // namespace skill_verifier::sandbox::guest
