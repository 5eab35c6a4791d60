// Attempts on PID 1, on identity, on places, and on resources.
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "probe.hpp"

namespace probe {
namespace {

long open_close(const char* path, int flags) {
  const int fd = ::open(path, flags, 0644);
  if (fd >= 0) ::close(fd);
  return fd;
}

void search(const std::string& folder, int depth) {
  if (depth > 12 || folder == "/proc") return;
  DIR* stream = ::opendir(folder.empty() ? "/" : folder.c_str());
  if (stream == nullptr) return;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string name = static_cast<const char*>(entry->d_name);
    if (name == "." || name == "..") continue;
    const std::string path = folder + "/" + name;
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0) continue;
    if (S_ISSOCK(info.st_mode)) say("socket", path);
    if (S_ISBLK(info.st_mode)) say("block device", path);
    if (S_ISDIR(info.st_mode)) search(path, depth + 1);
  }
  ::closedir(stream);
}

}  // namespace

void init_process() {
  std::string own;
  for (int fd = 3; fd < 1024; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) own += std::to_string(fd) + " ";
  }
  say("inherited_fds", own.empty() ? "none" : own);
  report("ptrace_attach", ::ptrace(PTRACE_ATTACH, 1, nullptr, nullptr));
  report("ptrace_seize", ::ptrace(PTRACE_SEIZE, 1, nullptr, nullptr));
  for (const int signal : {SIGKILL, SIGSTOP, SIGTERM, SIGCHLD})
    report(("kill_" + std::to_string(signal)).c_str(), ::kill(1, signal));
  const long pidfd = ::syscall(SYS_pidfd_open, 1, 0);
  report("pidfd_send_signal", ::syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0));
  for (const char* file : {"mem", "environ", "maps", "auxv", "stack", "syscall", "io", "pagemap", "personality"}) {
    const std::string path = std::string("/proc/1/") + file;
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    char byte = 0;
    report(("read_" + std::string(file)).c_str(), fd < 0 ? fd : ::read(fd, &byte, 1));
  }
  for (const char* file : {"mem", "oom_score_adj", "coredump_filter", "clear_refs", "comm"})
    report(("write_" + std::string(file)).c_str(), open_close((std::string("/proc/1/") + file).c_str(), O_WRONLY));
  for (const char* folder : {"fd", "fdinfo", "map_files"})
    report(("list_" + std::string(folder)).c_str(),
           open_close((std::string("/proc/1/") + folder).c_str(), O_RDONLY | O_DIRECTORY));
  for (const char* link : {"exe", "cwd", "root"}) {
    char target[256];
    report(("link_" + std::string(link)).c_str(),
           ::readlink((std::string("/proc/1/") + link).c_str(), target, sizeof target));
  }
  // Descriptors are guessed, should the folder only not be listable.
  long reached = -1;
  for (int fd = 0; fd < 64 && reached < 0; ++fd)
    reached = open_close(("/proc/1/fd/" + std::to_string(fd)).c_str(), O_WRONLY);
  errno = EACCES;
  report("open_any_fd", reached);
}

void identities() {
  report("setuid", ::setuid(0));
  report("setresuid", ::setresuid(0, 0, 0));
  report("seteuid", ::seteuid(0));
  report("setgid", ::setgid(0));
  const gid_t groups[] = {0};
  report("setgroups", ::setgroups(1, groups));
  report("setuid_other", ::setuid(1));
}

void limit_self() {
  rlimit limit{};
  report("getrlimit", ::getrlimit(RLIMIT_NOFILE, &limit));
  limit.rlim_cur = limit.rlim_max = 100;
  report("setrlimit", ::setrlimit(RLIMIT_NOFILE, &limit));
  limit.rlim_cur = 99;
  report("prlimit", ::prlimit(0, RLIMIT_NOFILE, &limit, nullptr));
}

void read_only_places() {
  for (const char* path :
       {"/created", "/etc/created", "/bin/created", "/dev/created", "/var/created", "/skill-verifier-init",
        "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/kernel/hostname",
        "/sys/kernel/uevent_helper", "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max",
        "/proc/1/oom_score_adj"})
    say(path, open_close(path, O_WRONLY | O_CREAT) >= 0 ? "done" : "refused");
  for (const char* path : {"/skill/created", "/tmp/created"})
    report(path, open_close(path, O_WRONLY | O_CREAT));
}

void find_sockets() {
  search("", 0);
  for (const char* path : {"/var/run/docker.sock", "/run/docker.sock", "/var/run/dstack.sock", "/var/run/tappd.sock",
                           "/run/containerd/containerd.sock", "/dev/tdx_guest", "/dev/vsock", "/dev/kvm"}) {
    struct stat info{};
    if (::stat(path, &info) == 0) say("found", path);
  }
  say("search", "over");
}

int fill(const char* folder) {
  static char block[1 << 16];
  std::memset(block, 'x', sizeof block);
  std::signal(SIGXFSZ, SIG_IGN);
  unsigned long long total = 0;
  for (int file = 0; file < 64; ++file) {
    const int fd = ::open((std::string(folder) + "/fill" + std::to_string(file)).c_str(), O_CREAT | O_WRONLY, 0644);
    if (fd < 0) break;
    for (ssize_t count = 0; (count = ::write(fd, block, sizeof block)) > 0;)
      total += static_cast<unsigned long long>(count);
    if (errno == ENOSPC) break;
  }
  report("fill", -1);
  say("bytes", std::to_string(total));
  return 0;
}

int many_files(const char* folder) {
  int count = 0;
  while (count < 100'000 &&
         open_close((std::string(folder) + "/n" + std::to_string(count)).c_str(), O_CREAT | O_WRONLY) >= 0)
    ++count;
  report("many_files", -1);
  say("files", std::to_string(count));
  return 0;
}

int fork_bomb() {
  std::signal(SIGTERM, SIG_IGN);
  bool refused = false;
  while (true) {
    if (::fork() >= 0 || refused) continue;
    refused = true;
    if (::getpid() < 200) report("fork", -1);
  }
}

int memory_hog() {
  constexpr std::size_t kStep = 1u << 20;
  while (true) {
    void* memory = ::mmap(nullptr, kStep, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return 1;
    std::memset(memory, 1, kStep);
  }
}

int memory_hog_in_child() {
  const pid_t child = ::fork();
  if (child == 0) return memory_hog();
  siginfo_t info{};
  ::syscall(SYS_waitid, 0, 0, &info, 4 /* WEXITED */, nullptr);
  say("child", info.si_status == SIGKILL ? "killed" : "ended");
  return 0;
}

int flood() {
  static char block[1 << 16];
  std::memset(block, '.', sizeof block);
  const char begin[] = "begin\n";
  const char end[] = "\nend\n";
  (void)!::write(1, begin, sizeof begin - 1);
  for (int i = 0; i < 16 * 1024; ++i) {
    if (::write(1, block, sizeof block) != static_cast<ssize_t>(sizeof block)) return 1;
  }
  (void)!::write(1, end, sizeof end - 1);
  return 0;
}

int daemon_left_behind() {
  if (::fork() > 0) return 0;
  ::setsid();
  if (::fork() > 0) return 0;
  for (int signal = 1; signal < NSIG; ++signal)
    std::signal(signal, SIG_IGN);
  while (true)
    ::pause();
}

}  // namespace probe
