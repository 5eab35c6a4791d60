#include "process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace skill_verifier::bench {
namespace {

constexpr int kEndLimitMs = 10'000;

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// Whether the process has ended before the limit.
bool wait_for_end(pid_t pid, int limit_ms) {
  const int handle = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  pollfd waiting{handle, POLLIN, 0};
  const int ready = handle < 0 ? 1 : poll(&waiting, 1, limit_ms);
  if (handle >= 0) close(handle);
  return ready > 0;
}

[[noreturn]] void become(std::vector<char*> argv, const fs::path& log) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int out = open(log.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  dup2(nothing, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  execv(argv.front(), argv.data());
  _exit(127);
}

}  // namespace

TempDir::TempDir(const fs::path& parent) {
  std::string pattern = (parent / "skill-verifier-bench-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr)
    throw std::system_error(errno, std::generic_category(), "cannot make a directory in " + parent.string());
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

Process::Process(std::vector<std::string> argv, fs::path log) : log_(std::move(log)) {
  std::vector<char*> arguments;
  for (std::string& argument : argv)
    arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  pid_ = fork();
  if (pid_ == 0) become(std::move(arguments), log_);
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
}

Process::~Process() {
  end(SIGKILL);
}

bool Process::running() {
  if (pid_ > 0 && waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
  return pid_ > 0;
}

int Process::wait() {
  int status = 0;
  if (pid_ > 0) waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void Process::end(int signal) {
  if (!running()) return;
  kill(pid_, signal);
  if (!wait_for_end(pid_, kEndLimitMs)) kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string Process::log() const {
  return read_file(log_);
}

std::string Process::log_line(const std::string& text) const {
  const std::string all = log();
  const auto begin = all.find(text);
  const auto end = all.find('\n', begin);
  if (begin == std::string::npos || end == std::string::npos) return {};
  return all.substr(begin, end - begin);
}

std::uint64_t Process::resident_bytes() const {
  return status_bytes("VmRSS:");
}

std::uint64_t Process::peak_bytes() const {
  return status_bytes("VmHWM:");
}

std::size_t Process::open_files() const {
  const fs::directory_iterator files("/proc/" + std::to_string(pid_) + "/fd");
  return static_cast<std::size_t>(std::distance(fs::begin(files), fs::end(files)));
}

std::uint64_t Process::status_bytes(const std::string& name) const {
  std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with(name)) continue;
    return std::stoull(line.substr(line.find_first_of("0123456789"))) * 1024;
  }
  throw std::runtime_error("no " + name + " the process has ended");
}

double Process::cpu_seconds() const {
  double nanoseconds = 0;
  for (const auto& thread : fs::directory_iterator("/proc/" + std::to_string(pid_) + "/task")) {
    std::istringstream schedstat(read_file(thread.path() / "schedstat"));
    double on_cpu = 0;
    if (schedstat >> on_cpu) nanoseconds += on_cpu;
  }
  return nanoseconds / 1e9;
}

}  // namespace skill_verifier::bench
