#include "e2e/harness.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "support/paths.hpp"

namespace skill_verifier::e2e {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::string_view kInstanceLabel = "skill-verifier.instance";

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

int code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Waits for the child through a pidfd: no polling, no sleeping.
std::optional<int> wait_child(pid_t pid, std::chrono::milliseconds limit) {
  const int handle = static_cast<int>(syscall(434 /* pidfd_open */, pid, 0));
  pollfd waiting{handle, POLLIN, 0};
  const int ready = handle < 0 ? 1 : poll(&waiting, 1, static_cast<int>(limit.count()));
  if (handle >= 0) close(handle);
  int status = 0;
  if (ready <= 0 || waitpid(pid, &status, 0) != pid) return std::nullopt;
  return code_of(status);
}

pid_t spawn(const std::vector<std::string>& argv, const std::map<std::string, std::string>& env, int out, int err) {
  std::vector<char*> arguments;
  arguments.reserve(argv.size() + 1);
  for (const std::string& argument : argv)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const pid_t pid = fork();
  if (pid != 0) return pid;
  for (const auto& [name, value] : env)
    setenv(name.c_str(), value.c_str(), 1);
  if (chdir(test::source_dir().c_str()) != 0) _exit(127);
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, 0);
  dup2(out, 1);
  dup2(err, 2);
  execvp(arguments[0], arguments.data());
  _exit(127);
}

}  // namespace

fs::path source_dir() {
  return test::source_dir();
}
fs::path program(const std::string& name) {
  return test::binary_dir() / "bin" / name;
}

TempDir::TempDir() {
  std::string pattern = (fs::temp_directory_path() / "skill-verifier-e2e-XXXXXX").string();
  if (!mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp failed");
  path_ = pattern;
}
TempDir::~TempDir() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}
fs::path TempDir::write(const std::string& name, const std::string& text, bool executable) const {
  const fs::path file = path_ / name;
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
  if (executable) fs::permissions(file, fs::perms(0755));
  return file;
}

Finished run(const std::vector<std::string>& argv, const std::map<std::string, std::string>& env,
             std::chrono::seconds limit) {
  const TempDir scratch;
  const fs::path out = scratch.path() / "out", err = scratch.path() / "err";
  Finished finished;
  {
    const int out_fd = open(out.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    const int err_fd = open(err.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    const pid_t pid = spawn(argv, env, out_fd, err_fd);
    close(out_fd);
    close(err_fd);
    auto code = wait_child(pid, limit);
    if (!code) {
      kill(pid, SIGKILL);
      code = wait_child(pid, std::chrono::seconds(10));
    }
    finished.exit_code = code.value_or(-1);
  }
  finished.out = read_file(out);
  finished.err = read_file(err);
  return finished;
}

Process::Process(const std::vector<std::string>& argv, const std::map<std::string, std::string>& env, fs::path log)
    : log_(std::move(log)) {
  const int fd = open(log_.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  pid_ = spawn(argv, env, fd, fd);
  close(fd);
}

Process::~Process() {
  if (!running()) return;
  signal(SIGKILL);
  wait(std::chrono::seconds(10));
}

void Process::signal(int number) const {
  kill(pid_, number);
}

std::optional<int> Process::wait(std::chrono::seconds limit) {
  if (!status_) status_ = wait_child(pid_, limit);
  return status_;
}

bool Process::running() {
  if (status_) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == pid_) status_ = code_of(status);
  return !status_;
}

std::string Process::log() const {
  return read_file(log_);
}

std::string Process::wait_for_line(const std::string& text, std::chrono::seconds limit) {
  const auto end = Steady::now() + limit;
  while (Steady::now() < end) {
    std::istringstream lines(log());
    for (std::string line; std::getline(lines, line);)
      if (line.find(text) != std::string::npos && !lines.eof()) return line;
    if (!running()) break;
    poll(nullptr, 0, 5);
  }
  throw std::runtime_error("no line with '" + text + "' in:\n" + log());
}

std::string docker_host() {
  const char* host = std::getenv("SKILL_VERIFIER_TEST_DOCKER_HOST");
  return host ? host : "";
}

std::string docker(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "docker");
  const Finished finished = run(arguments, {{"DOCKER_HOST", docker_host()}});
  if (finished.exit_code != 0) throw std::runtime_error("docker " + arguments[1] + ": " + finished.err);
  return finished.out;
}

std::string why_no_engine() {
  if (docker_host().empty()) return "SKILL_VERIFIER_TEST_DOCKER_HOST is not set: no Docker Engine to test against";
  const Finished finished =
      run({"docker", "image", "inspect", "skill-verifier.local/busybox:1"}, {{"DOCKER_HOST", docker_host()}});
  return finished.exit_code == 0 ? "" : "the engine has no image skill-verifier.local/busybox:1 (./dev images)";
}

Daemon::Daemon(std::string config, std::map<std::string, std::string> env)
    : data_(directory_.path() / "data"), env_(std::move(env)) {
  std::string text = "listen: {port: 0}\ndata_dir: " + data_.string() + "\nengine: {host: '" + docker_host() +
                     "', pull: false}\nskill_roots: ['" + (source_dir() / "examples").string() + "', '" +
                     fs::temp_directory_path().string() + "']\nruntimes:\n" +
                     "  'alpine:latest': skill-verifier.local/busybox:1\n"
                     "  'node:20-alpine': skill-verifier.local/toolbox:1\n"
                     "  'python:3.11-alpine': skill-verifier.local/toolbox:1\n";
  directory_.write("config.yaml", text + config);
  env_.try_emplace("DSTACK_SIMULATOR_ENDPOINT", "");
  // Most tests verify the same skill again and again, and mean it.
  env_.try_emplace("SKILL_VERIFIER_CACHE_ENABLED", "false");
  start();
}

Daemon::~Daemon() {
  if (process_ && process_->running()) stop();
}

void Daemon::start() {
  process_ = std::make_unique<Process>(
      std::vector<std::string>{program("skill-verifier").string(), "serve", "--config",
                               (directory_.path() / "config.yaml").string()},
      env_, directory_.path() / ("log." + std::to_string(Steady::now().time_since_epoch().count())));
  const std::string line = process_->wait_for_line(" serving ");
  port_ = static_cast<std::uint16_t>(std::stoi(line.substr(line.find("port=") + 5)));
}

int Daemon::stop(std::chrono::seconds limit) {
  process_->signal(SIGTERM);
  return process_->wait(limit).value_or(-1);
}

void Daemon::kill_hard() {
  process_->signal(SIGKILL);
  process_->wait(std::chrono::seconds(10));
}

std::string Daemon::instance() const {
  std::istringstream in(read_file(data_ / "instance"));
  std::string text;
  in >> text;
  return text;
}

Json Answer::json() const {
  Json parsed = Json::parse(body, nullptr, false);
  if (parsed.is_discarded())
    throw std::runtime_error("answer " + std::to_string(status) + " is no JSON: " + body.substr(0, 500));
  return parsed;
}

Answer Daemon::curl(const std::string& path, std::vector<std::string> arguments) const {
  const TempDir scratch;
  std::vector<std::string> argv = {"curl",       "-sS",
                                   "--max-time", "200",
                                   "-D",         (scratch.path() / "headers").string(),
                                   "-o",         (scratch.path() / "body").string(),
                                   "-w",         "%{http_code}"};
  for (std::string& argument : arguments)
    argv.push_back(std::move(argument));
  argv.push_back(url() + path);
  const Finished finished = run(argv, {}, std::chrono::seconds(210));
  Answer answer;
  answer.status = finished.exit_code == 0 ? std::stoi(finished.out) : 0;
  answer.headers = read_file(scratch.path() / "headers");
  answer.body = read_file(scratch.path() / "body");
  if (finished.exit_code != 0) answer.body += finished.err;
  return answer;
}

std::string Daemon::submit(const Json& request) const {
  const Answer answer = curl("/verify", {"-H", "Content-Type: application/json", "-d", request.dump()});
  if (answer.status != 202)
    throw std::runtime_error("POST /verify: " + std::to_string(answer.status) + " " + answer.body);
  return answer.json().at("jobId");
}

std::string Daemon::submit_path(const fs::path& skill) const {
  return submit(Json{{"skillPath", skill.string()}});
}

Json Daemon::wait(const std::string& id, std::chrono::seconds limit) const {
  const auto end = Steady::now() + limit;
  while (Steady::now() < end) {
    const Answer answer = curl("/verify/" + id + "?wait=20");
    if (answer.status != 200)
      throw std::runtime_error("GET /verify: " + std::to_string(answer.status) + " " + answer.body);
    Json job = answer.json();
    const std::string state = job.at("status");
    if (state != "pending" && state != "running") return job;
  }
  throw std::runtime_error("job " + id + " does not end");
}

std::vector<std::string> Daemon::containers() const {
  std::istringstream ids(
      docker({"ps", "-aq", "--no-trunc", "--filter", "label=" + std::string(kInstanceLabel) + "=" + instance()}));
  return {std::istream_iterator<std::string>(ids), std::istream_iterator<std::string>()};
}

}  // namespace skill_verifier::e2e
