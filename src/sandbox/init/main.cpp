#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "sandbox/init/child.hpp"
#include "sandbox/init/host_stream.hpp"
#include "sandbox/init/identity.hpp"
#include "sandbox/init/inode_watch.hpp"
#include "sandbox/init/session.hpp"

namespace {

using namespace skill_verifier::sandbox;

/// The folders of the controllers and links to them are some twenty.
constexpr std::uint64_t kCgroupInodes = 256;

void complain(std::string message) {
  message = "skill-verifier-init: " + message + "\n";
  (void)!::write(STDERR_FILENO, message.data(), message.size());
}

}  // namespace

int main(int argc, char** argv) {
  // It kills every process that it can reach, which is only right where these are the job's.
  if (::getpid() != 1) {
    complain("this is the first process of a sandbox container and not to be started by hand");
    return 2;
  }
  // Whatever a container runtime forgot to close is no business of the job's.
  (void)guest::close_from(3);
  ::umask(022);
  guest::InodeWatch inodes;
  for (int i = 1; i < argc; ++i) {
    if (inodes.add(argv[i])) continue;
    complain("an argument that is none of mine");
    return 1;
  }
  // Under cgroup v1 crun leaves a tmpfs there that anybody may write to: a few bytes, but any number of files.
  if (!inodes.empty()) inodes.add_where_tmpfs("/sys/fs/cgroup", kCgroupInodes);
  // Before there is a package: nobody's files are to blame.
  if (const auto blind = inodes.exceeded()) {
    complain(*blind);
    return 1;
  }
  guest::HostStream host;
  auto fault = guest::harden_self();
  if (!fault) fault = host.take_over();
  if (fault) {
    complain(fault->message);
    return 1;
  }
  return guest::Session(host, inodes).serve();
}
