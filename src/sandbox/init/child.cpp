#include "sandbox/init/child.hpp"

#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <limits>

#include "sandbox/init/watch_filter.hpp"

namespace skill_verifier::sandbox::guest {
namespace {

constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

enum Step : int { kSession, kDescriptors, kSignals, kIdentity, kDirectory, kSteps };
constexpr const char* kStepNames[kSteps] = {"begin a session", "arrange descriptors", "reset signals",
                                            "become the job's user", "enter /skill"};

struct Pipe {
  Fd read;
  Fd write;
};

bool open_pipe(Pipe& pipe) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  pipe.read = Fd(ends[0]);
  pipe.write = Fd(ends[1]);
  // Only init's end: the command's must block like any other pipe.
  return ::fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
}

[[noreturn]] void give_up(int setup, Step step) {
  const SetupFailure failure{step, errno};
  (void)!::write(setup, &failure, sizeof failure);
  ::_exit(126);
}

/// Standard input, output and error, the setup pipe and the watch's channel, if there is one; nothing else stays open.
/// The sources are all above 2, and the channel, as the second of its pair, above 3.
bool arrange_descriptors(int out, int err, int& setup, int& channel) {
  constexpr int kSetup = 3;
  constexpr int kChannel = 4;
  if (::dup2(out, STDOUT_FILENO) < 0 || ::dup2(err, STDERR_FILENO) < 0) return false;
  if (setup != kSetup && ::dup3(setup, kSetup, O_CLOEXEC) < 0) return false;
  setup = kSetup;
  if (channel > kChannel && ::dup3(channel, kChannel, O_CLOEXEC) < 0) return false;
  if (channel >= 0) channel = kChannel;
  const Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!null || ::dup2(null.get(), STDIN_FILENO) < 0) return false;
  return close_from(channel >= 0 ? kChannel + 1 : kSetup + 1);
}

bool reset_signals() {
  // Fails for SIGKILL, SIGSTOP and the C library's own two, which cannot have been changed.
  for (int signal = 1; signal < NSIG; ++signal)
    ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  return ::sigprocmask(SIG_SETMASK, &none, nullptr) == 0;
}

void become_oom_victim() {
  // Belt and braces beside the cgroup's own choice, so where the kernel refuses the command runs all the same.
  const Fd file(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  if (file) (void)!::write(file.get(), "1000", 4);
}

std::string_view search_path(const std::vector<std::string>& env) {
  constexpr std::string_view kName = "PATH=";
  for (const auto& entry : env) {
    if (entry.starts_with(kName)) return {entry.data() + kName.size(), entry.size() - kName.size()};
  }
  return kDefaultPath;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (auto& text : texts)
    result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

/// Executes the first candidate that the kernel takes; returns errno of the most telling failure.
int execute(std::vector<std::string>& argv, std::vector<std::string>& env) {
  const auto arguments = pointers(argv);
  const auto environment = pointers(env);
  const std::string& name = argv.front();
  if (name.find('/') != std::string::npos) {
    ::execve(name.c_str(), arguments.data(), environment.data());
    return errno;
  }
  int error = ENOENT;
  std::string_view path = search_path(env);
  while (true) {
    const auto colon = std::min(path.find(':'), path.size());
    std::string candidate(path.data(), colon);
    if (!candidate.empty()) candidate += '/';  // an empty element is the current folder
    candidate += name;
    ::execve(candidate.c_str(), arguments.data(), environment.data());
    if (errno == EACCES) error = EACCES;  // there may be an executable one further on
    if (errno != EACCES && errno != ENOENT && errno != ENOTDIR) return errno;
    if (colon == path.size()) return error;
    path.remove_prefix(colon + 1);
  }
}

std::string describe(const std::string& name, int error) {
  std::string line = "skill-verifier-init: cannot execute '" + printable(name) + "': ";
  struct stat info{};
  const bool there = name.find('/') != std::string::npos && ::stat(name.c_str(), &info) == 0;
  if (error == ENOENT && there) {
    line += "the interpreter or loader that it names does not exist in this image";
  } else if (error == ENOENT && name.find('/') == std::string::npos) {
    line += "not found in PATH";
  } else if (error == EACCES && there && S_ISDIR(info.st_mode)) {
    line += "it is a folder";
  } else if (error == ENOEXEC) {
    line += "neither a program for this machine nor a script that begins with #!";
  } else {
    line += std::strerror(error);
  }
  return line + "\n";
}

[[noreturn]] void become_command(RunRequest run, const Identity& identity, int out, int err, int setup, int channel) {
  if (::setsid() < 0) give_up(setup, kSession);
  if (!arrange_descriptors(out, err, setup, channel)) give_up(setup, kDescriptors);
  if (!reset_signals()) give_up(setup, kSignals);
  become_oom_victim();
  if (!become_job(identity)) give_up(setup, kIdentity);
  ::umask(022);
  if (::chdir(init::kSkillPath) != 0) give_up(setup, kDirectory);
  if (channel >= 0) install_watch(channel);
  const int error = execute(run.argv, run.env);
  const auto line = describe(run.argv.front(), error);
  (void)!::write(STDERR_FILENO, line.data(), line.size());
  ::_exit(error == ENOENT || error == ENOTDIR ? 127 : 126);
}

}  // namespace

bool close_from(int first) {
  // Not the customary ~0U: gVisor reads the numbers as signed.
  return ::syscall(SYS_close_range, static_cast<unsigned>(first), std::numeric_limits<int>::max(), 0U) == 0;
}

Fault setup_fault(const SetupFailure& failure) {
  const bool known = failure.step >= 0 && failure.step < kSteps;
  return errno_fault("exec_setup", known ? kStepNames[failure.step] : "prepare the command", failure.error);
}

Status start_child(const RunRequest& run, const Identity& identity, int watch_channel, Child& child) {
  Pipe out;
  Pipe err;
  Pipe setup;
  if (!open_pipe(out) || !open_pipe(err) || !open_pipe(setup)) return errno_fault("exec_setup", "make pipes", errno);
  const pid_t pid = ::fork();
  if (pid < 0) return errno_fault("exec_setup", "fork", errno);
  if (pid == 0) become_command(run, identity, out.write.get(), err.write.get(), setup.write.get(), watch_channel);
  child.pid = pid;
  child.out = std::move(out.read);
  child.err = std::move(err.read);
  child.setup = std::move(setup.read);
  return {};
}

}  // namespace skill_verifier::sandbox::guest
