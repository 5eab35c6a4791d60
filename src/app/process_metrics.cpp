#include "app/process_metrics.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>

#include "app/program.hpp"

namespace skill_verifier::app {
namespace {

namespace fs = std::filesystem;

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

/// Now that this process has begun; its own file says when.
double start_time() {
  static const double begun = [] {
    timespec uptime{};
    clock_gettime(CLOCK_BOOTTIME, &uptime);
    std::ifstream stat("/proc/self/stat");
    const std::string text{std::istreambuf_iterator<char>(stat), std::istreambuf_iterator<char>()};
    // Field 22, counted after the name, which may hold anything.
    std::size_t at = text.rfind(')');
    for (int field = 2; field < 22 && at != std::string::npos; ++field)
      at = text.find(' ', at + 1);
    if (at == std::string::npos) return 0.0;
    const double ticks = std::stod(text.substr(at + 1));
    const auto now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    return now - static_cast<double>(uptime.tv_sec) + ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
  }();
  return begun;
}

double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  double total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double open_descriptors() {
  std::error_code error;
  double count = 0;
  for (fs::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end; entry.increment(error))
    ++count;
  return count;
}

}  // namespace

void write_process_metrics(core::MetricsText& out, const fs::path& data_dir) {
  const auto gauge = [&out](std::string_view name, std::string_view help, double value) {
    out.gauge(name, help);
    out.sample({}, value);
  };
  out.gauge("skill_verifier_build_info", "1; what was built stands in the labels.");
  out.sample({{"version", program_version()}, {"commit", source_commit().value_or("unknown")}}, 1);

  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  out.counter("process_cpu_seconds_total", "Processor time of this process.");
  out.sample({}, seconds(usage.ru_utime) + seconds(usage.ru_stime));
  gauge("process_resident_memory_bytes", "Resident memory.", resident_bytes());
  gauge("process_start_time_seconds", "When this process began.", start_time());
  gauge("process_open_fds", "Open descriptors.", open_descriptors());
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  gauge("process_max_fds", "Descriptors that may be open.", static_cast<double>(limit.rlim_cur));

  std::error_code error;
  const fs::space_info space = fs::space(data_dir, error);
  if (error) return;
  gauge("skill_verifier_data_disk_free_bytes", "Free on the disk of data_dir.", static_cast<double>(space.available));
  gauge("skill_verifier_data_disk_bytes", "Size of the disk of data_dir.", static_cast<double>(space.capacity));
}

}  // namespace skill_verifier::app
