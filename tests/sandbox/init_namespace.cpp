#include "sandbox/init_namespace.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>

#include "support/paths.hpp"

namespace skill_verifier::testing_support {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBusybox = "/bin/busybox";
constexpr int kPatienceMs = 30'000;
constexpr int kSetUpFailed = 99;

class SocketStream final : public ByteStream {
 public:
  explicit SocketStream(int fd) : fd_(fd) {}
  ~SocketStream() override { ::close(fd_); }

  bool write(std::string_view bytes) override {
    while (!bytes.empty()) {
      const auto count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  std::string read() override {
    pollfd ready{fd_, POLLIN, 0};
    if (::poll(&ready, 1, kPatienceMs) <= 0) return {};
    std::string bytes(64u << 10, '\0');
    const auto count = ::recv(fd_, bytes.data(), bytes.size(), 0);
    bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return bytes;
  }

 private:
  int fd_;
};

bool set_up_mounts(const char* root, const NamespacedInit::Options& options, const char* skill_options) {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  if (::chdir(root) != 0) return false;
  if (::mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) return false;
  if (::mount("/dev/null", "dev/null", nullptr, MS_BIND, nullptr) != 0) return false;
  if (!options.prepare && ::mount("tmpfs", "skill", "tmpfs", MS_NOSUID | MS_NODEV, skill_options) != 0) return false;
  if (options.cgroup_tmpfs && ::mount("tmpfs", "sys/fs/cgroup", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0777") != 0)
    return false;
  return ::chroot(".") == 0;
}

/// What a container's bounding set would leave to root.
bool limit_capabilities(bool prepare) {
  for (int capability = 0; capability <= 63; ++capability) {
    const bool kept = capability == CAP_SETUID || capability == CAP_SETGID ||
                      (prepare && (capability == CAP_CHOWN || capability == CAP_DAC_OVERRIDE ||
                                   capability == CAP_FOWNER || capability == CAP_KILL));
    if (!kept && ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EINVAL) return false;
  }
  return true;
}

[[noreturn]] void become_init(const char* root, const NamespacedInit::Options& options, const char* skill_options,
                              char* argument, int stream) {
  char name[] = "/skill-verifier-init";
  char* argv[] = {name, argument, nullptr};
  char* env[] = {nullptr};
  if (::dup2(stream, 0) == 0 && ::dup2(stream, 1) == 1 && set_up_mounts(root, options, skill_options) &&
      limit_capabilities(options.prepare)) {
    ::execve(name, argv, env);
  }
  ::_exit(kSetUpFailed);
}

}  // namespace

RootFolder::RootFolder() {
  std::string name = (fs::temp_directory_path() / "init-root-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = name;
  fs::permissions(path_, fs::perms(0755));
  for (const char* folder : {"bin", "proc", "dev", "skill", "tmp", "sys/fs/cgroup"})
    fs::create_directories(path_ / folder);
  fs::permissions(path_ / "tmp", fs::perms(01777));
  fs::copy_file(kBusybox, path_ / "bin/busybox");
  for (const char* applet :
       {"awk", "cat", "chmod", "cp",     "dd", "env", "head", "id",    "kill", "ln", "ls",     "mkdir",
        "mv",  "od",  "ps",    "printf", "rm", "seq", "sh",   "sleep", "stat", "tr", "setsid", "yes"})
    fs::create_symlink("busybox", path_ / "bin" / applet);
  fs::copy_file(test::binary_dir() / "bin" / "skill-verifier-init", path_ / "skill-verifier-init");
  fs::permissions(path_ / "skill-verifier-init", fs::perms(0755));
  const int null = ::open((path_ / "dev/null").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
  ::close(null);
}

RootFolder::~RootFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string RootFolder::missing() {
  if (::geteuid() != 0) return "needs root to make namespaces";
  if (!fs::exists(kBusybox)) return "needs the package busybox-static";
  const auto probe = static_cast<pid_t>(::syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0));
  if (probe == 0) ::_exit(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 ? 0 : 1);
  int status = 1;
  if (probe > 0) ::waitpid(probe, &status, 0);
  return status == 0 ? "" : "may not make namespaces and mounts here";
}

NamespacedInit::NamespacedInit(const RootFolder& root, Options options) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw std::runtime_error("no socket pair");
  const auto path = root.path().string();
  const bool watched = options.watched_inodes > 0;
  const auto skill = (watched ? "mode=0777,size=" : "mode=0755,uid=65534,gid=65534,size=") +
                     std::to_string(options.skill_bytes) + options.more_skill_options;
  auto inodes = "--inodes=/skill=" + std::to_string(options.watched_inodes);
  pid_ = static_cast<pid_t>(::syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | SIGCHLD, 0, 0, 0, 0));
  if (pid_ == 0) become_init(path.c_str(), options, skill.c_str(), watched ? inodes.data() : nullptr, ends[1]);
  ::close(ends[1]);
  if (pid_ < 0) throw std::runtime_error("no namespaces");
  client_ = std::make_unique<InitClient>(std::make_unique<SocketStream>(ends[0]));
}

NamespacedInit::~NamespacedInit() {
  if (status_) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

int NamespacedInit::wait() {
  int status = 0;
  ::waitpid(pid_, &status, 0);
  status_ = status;
  return status;
}

}  // namespace skill_verifier::testing_support
