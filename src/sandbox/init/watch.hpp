#pragma once

#include <linux/seccomp.h>

#include <cstdint>
#include <string>
#include <vector>

#include "sandbox/init/identity.hpp"
#include "sandbox/init/posix.hpp"
#include "sandbox/init/watch_calls.hpp"
#include "sandbox/init/wire.hpp"

namespace skill_verifier::sandbox::guest {

/// What the network namespace counted of packets and connections that had nowhere to go.
struct NetworkCounters {
  bool known = false;
  std::uint64_t unroutable = 0;
};
NetworkCounters read_network_counters();
/// From the texts of /proc/net/snmp and /proc/net/snmp6; the second may be empty.
NetworkCounters parse_network_counters(std::string_view snmp, std::string_view snmp6);

/// Whether a skill may write there: its two folders, shared memory, and devices that keep nothing.
bool may_write(std::string_view path);
/// An absolute path without `.`, `..` and empty segments.
std::string normal_path(std::string_view path);
/// `203.0.113.7:443` for a peer that is not on this machine, `127.0.0.1:53, a name lookup` for the resolver's; empty
/// for any other, for what is no IP address and for what is too short to be one.
std::string remote_peer(std::string_view address);

/// Sees what a command asks the kernel for, by answering for the kernel's filter (watch_filter.hpp). It refuses
/// nothing: every call goes on as it would have, and is refused by the sandbox where the sandbox does.
class Watch {
 public:
  /// Faults: `exec_setup`.
  Status open();
  /// The child's end of the channel over which the listener comes.
  int child_channel() const { return theirs_.get(); }
  /// Call once the command has taken over, when the listener is there if it ever comes.
  void listen();
  /// Readable when a call waits for its answer; -1 where nothing can be seen.
  int fd() const { return listener_.get(); }
  /// Takes note of one call and lets it go on. `events` are poll's.
  void answer(const Identity& identity, short events);
  /// The payload of a seen frame, when nothing of the command is left.
  std::string report() const;

 private:
  struct Sighting {
    std::uint8_t kind;
    std::string target;
    std::uint32_t times;
  };
  void note(const seccomp_notif& call, const Identity& identity);
  void note_path(const seccomp_notif& call, const NamingCall& naming);
  void note_peer(const seccomp_notif& call, std::uint64_t address, std::uint64_t size);
  void add(std::uint8_t kind, std::string target);

  Fd ours_;
  Fd theirs_;
  Fd listener_;
  NetworkCounters before_;
  std::vector<char> call_;
  std::vector<char> reply_;
  std::vector<Sighting> sightings_;
  std::uint32_t more_ = 0;
  std::uint32_t unreadable_ = 0;
  bool listened_ = false;
  bool seen_ = false;  ///< the listener came
};

}  // namespace skill_verifier::sandbox::guest
