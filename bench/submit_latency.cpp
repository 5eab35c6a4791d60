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
/// A file system in memory: what the service takes without a disk.
constexpr const char* kMemoryDirectory = "/dev/shm";

void require(bool done) {
  if (!done) throw std::runtime_error("cannot write into the data directory");
}

/// The least that a durable acceptance can cost on this disk: a few pages written over older ones in a log and flushed.
class DurableFloor {
 public:
  explicit DurableFloor(const fs::path& file)
      : file_(open(file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), block_(kBlock, 'x') {
    for (int i = 0; i < kBlocks; ++i)
      require(put(i));
    require(fsync(file_) == 0);
  }
  ~DurableFloor() { close(file_); }
  DurableFloor(const DurableFloor&) = delete;
  DurableFloor& operator=(const DurableFloor&) = delete;

  double milliseconds() {
    const auto begin = std::chrono::steady_clock::now();
    require(put(next_) && fdatasync(file_) == 0);
    next_ = (next_ + 1) % kBlocks;
    return milliseconds_since(begin);
  }

 private:
  static constexpr std::size_t kBlock = 16'384;
  static constexpr int kBlocks = 256;

  bool put(int index) const {
    return pwrite(file_, block_.data(), kBlock, static_cast<off_t>(kBlock) * index) == static_cast<ssize_t>(kBlock);
  }

  int file_;
  std::string block_;
  int next_ = 0;
};

auto running_containers(Setup& setup) {
  const auto all = containers(setup);
  return std::ranges::count_if(all, [](const auto& container) { return container.state == "running"; });
}

void occupy_workers(Setup& setup, ServiceProcess& service) {
  const fs::path sleeper = service.directory() / "sleeper";
  write_hello(sleeper, "sleep 280");
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

struct Latencies {
  std::size_t archive_bytes = 0;
  Summary archive;
  Summary path;
  Summary floor;
};

Latencies take(Setup& setup) {
  const int samples = setup.quick ? kQuickSamples : kSamples;
  ServiceProcess service(setup, kRunning, kRunning + 2 * (samples + kWarmUp));
  const fs::path skill = service.directory() / "hello";
  write_hello(skill);
  const auto by_path = service.path_request(skill);
  const auto by_archive = ServiceProcess::archive_request(pack_tar_gz(skill));
  DurableFloor floor(service.directory() / "floor.log");
  occupy_workers(setup, service);

  std::vector<double> archive_ms, path_ms, floor_ms;
  for (int i = -kWarmUp; i < samples; ++i) {
    const double archive = timed_submit(service, by_archive);
    const double path = timed_submit(service, by_path);
    const double least = floor.milliseconds();
    if (i < 0) continue;
    archive_ms.push_back(archive);
    path_ms.push_back(path);
    floor_ms.push_back(least);
  }
  require_busy(setup);
  // A drain would wait for the sleepers.
  service.process().end(SIGKILL);
  remove_leftovers(setup);
  return {by_archive.body.size(), summarize(archive_ms), summarize(path_ms), summarize(floor_ms)};
}

Json latencies_json(const Latencies& latencies) {
  return {{"archiveMs", to_json(latencies.archive)},
          {"skillPathMs", to_json(latencies.path)},
          {"durableFloorMs", to_json(latencies.floor)}};
}

}  // namespace

Figure measure_submit_latency(Setup& setup) {
  const Latencies disk = take(setup);
  Figure figure;
  figure.rows = {
      {"POST tar.gz to 202, 8 jobs running: median", disk.archive.median, "ms", {}, {}},
      {"POST tar.gz to 202, 8 jobs running: p99", disk.archive.p99, "ms", {}, 10.0},
      {"POST skillPath to 202, 8 jobs running: median", disk.path.median, "ms", {}, {}},
      {"POST skillPath to 202, 8 jobs running: p99", disk.path.p99, "ms", {}, 10.0},
      {"  the disk's share at least: median", disk.floor.median, "ms", {}, {}},
      {"  the disk's share at least: p99", disk.floor.p99, "ms", {}, {}},
  };
  figure.details = {{"jobsRunning", kRunning}, {"archiveBytes", disk.archive_bytes}, {"disk", latencies_json(disk)}};
  if (!fs::is_directory(kMemoryDirectory)) return figure;

  Setup without_disk = setup;
  without_disk.directory = kMemoryDirectory;
  const Latencies memory = take(without_disk);
  figure.rows.push_back({"  tar.gz with the data in memory: median", memory.archive.median, "ms", {}, {}});
  figure.rows.push_back({"  tar.gz with the data in memory: p99", memory.archive.p99, "ms", {}, {}});
  figure.details["memory"] = latencies_json(memory);
  return figure;
}

}  // namespace skill_verifier::bench
