#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "figure.hpp"
#include "skill.hpp"
#include "stats.hpp"

namespace skill_verifier::bench {
namespace {

constexpr int kRunning = 8;
constexpr int kSamples = 400;
constexpr int kQuickSamples = 60;
constexpr int kWarmUp = 10;
constexpr auto kPause = std::chrono::milliseconds(20);
constexpr auto kStartLimit = std::chrono::seconds(60);

/// What the disk alone takes to make one small write durable.
class DiskProbe {
 public:
  explicit DiskProbe(const fs::path& file)
      : file_(open(file.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600)), block_(4096, 'x') {
    if (file_ < 0) throw std::runtime_error("cannot write into the data directory");
  }
  ~DiskProbe() { close(file_); }
  DiskProbe(const DiskProbe&) = delete;
  DiskProbe& operator=(const DiskProbe&) = delete;

  double milliseconds() const {
    const auto begin = std::chrono::steady_clock::now();
    const auto written = write(file_, block_.data(), block_.size());
    if (written != static_cast<ssize_t>(block_.size()) || fdatasync(file_) != 0)
      throw std::runtime_error("cannot write into the data directory");
    return milliseconds_since(begin);
  }

 private:
  int file_;
  std::string block_;
};

auto running_containers(Setup& setup) {
  const auto all = containers(setup);
  return std::ranges::count_if(all, [](const auto& container) { return container.state == "running"; });
}

void occupy_workers(Setup& setup, ServiceProcess& service) {
  const fs::path sleeper = service.directory() / "sleeper";
  write_skill(sleeper, "sleep 280");
  for (int i = 0; i < kRunning; ++i)
    service.submit(service.path_request(sleeper));
  const auto end = std::chrono::steady_clock::now() + kStartLimit;
  while (running_containers(setup) < kRunning) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("the sleeping jobs do not start");
    setup.loop.wait(core::sleep_for(kPause));
  }
}

double timed_submit(ServiceProcess& service, const net::Request& request) {
  const auto begin = std::chrono::steady_clock::now();
  service.submit(request);
  return milliseconds_since(begin);
}

void require_busy(Setup& setup) {
  const auto running = running_containers(setup);
  if (running == kRunning) return;
  throw std::runtime_error(fmt::format("{} jobs were running at the end, {} at the begin", running, kRunning));
}

}  // namespace

Figure measure_submit_latency(Setup& setup) {
  const int samples = setup.quick ? kQuickSamples : kSamples;
  ServiceProcess service(setup, kRunning, kRunning + 2 * (samples + kWarmUp));
  const fs::path skill = service.directory() / "hello";
  write_skill(skill, kGreetingScript);
  const auto by_path = service.path_request(skill);
  const auto by_archive = ServiceProcess::archive_request(pack_tar_gz(skill));
  const DiskProbe disk(service.directory() / "probe");
  occupy_workers(setup, service);

  std::vector<double> path_ms, archive_ms, disk_ms;
  for (int i = -kWarmUp; i < samples; ++i) {
    const double archive = timed_submit(service, by_archive);
    const double path = timed_submit(service, by_path);
    const double floor = disk.milliseconds();
    if (i < 0) continue;
    archive_ms.push_back(archive);
    path_ms.push_back(path);
    disk_ms.push_back(floor);
  }
  require_busy(setup);
  // A drain would wait for the sleepers.
  service.process().end(SIGKILL);
  remove_leftovers(setup);

  const auto archive = summarize(archive_ms), path = summarize(path_ms), floor = summarize(disk_ms);
  Figure figure;
  figure.rows = {
      {"POST tar.gz to 202, 8 jobs running: median", archive.median, "ms", {}, {}},
      {"POST tar.gz to 202, 8 jobs running: p99", archive.p99, "ms", {}, 10.0},
      {"POST skillPath to 202, 8 jobs running: median", path.median, "ms", {}, {}},
      {"POST skillPath to 202, 8 jobs running: p99", path.p99, "ms", {}, 10.0},
      {"  one 4 KiB write made durable by the same disk: median", floor.median, "ms", {}, {}},
      {"  one 4 KiB write made durable by the same disk: p99", floor.p99, "ms", {}, {}},
  };
  figure.details = {{"jobsRunning", kRunning},
                    {"archiveBytes", by_archive.body.size()},
                    {"archiveMs", to_json(archive)},
                    {"skillPathMs", to_json(path)},
                    {"durableWriteMs", to_json(floor)}};
  return figure;
}

}  // namespace skill_verifier::bench
