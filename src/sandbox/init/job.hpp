#pragma once

#include <cstdint>
#include <optional>

#include "sandbox/init/child.hpp"
#include "sandbox/init/host_stream.hpp"
#include "sandbox/init/inode_watch.hpp"
#include "sandbox/init/kept_output.hpp"
#include "sandbox/init/memory.hpp"
#include "sandbox/init/reaper.hpp"
#include "sandbox/init/watch.hpp"

namespace skill_verifier::sandbox::guest {

/// One command from its start to its exit frame. Neither its output nor the host's pace ever blocks init, so its time
/// limit holds.
class Job {
 public:
  /// With `watched` its seen frame goes out before its exit frame.
  Job(HostStream& host, Reaper& reaper, const Identity& identity, const InodeWatch& inodes, std::uint8_t index,
      const RunRequest& run, bool watched);

  /// Returns when nothing of the command is left and the exit frame is sent. `host_gone` = the host hung up. Faults:
  /// `exec_setup`, `protocol`, `internal`; nothing of the command is left then either.
  Status supervise(bool& host_gone);

 private:
  enum class End { none, exited, timeout, killed, host_gone };

  End wait();
  End wait_once();
  End read_host();
  bool send_output();
  bool has_too_many_files();
  bool read_pipe(Fd& pipe, KeptOutput& output);
  void read_setup();
  bool send_rest(KeptOutput& stream, init::InitFrame type);
  bool send_tail(const KeptOutput& stream);
  bool report(End end);

  HostStream& host_;
  Reaper& reaper_;
  const Identity& identity_;
  const InodeWatch& inodes_;
  const RunRequest& run_;
  std::uint8_t index_;
  KeptOutput out_;
  KeptOutput err_;
  std::vector<char> buffer_;
  MemoryCounters memory_before_;
  Child child_;
  std::optional<Watch> watch_;
  Status fault_;
  std::string note_;  ///< why init ended the command, for its standard error
  bool started_ = false;
  std::uint64_t begun_us_ = 0;
  std::uint64_t ended_us_ = 0;
};

}  // namespace skill_verifier::sandbox::guest
