#include <fmt/core.h>
#include <sys/vfs.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include "figure.hpp"
#include "skill_verifier/core/clock.hpp"
#include "skill_verifier/core/json.hpp"
#include "stats.hpp"

namespace skill_verifier::bench {
namespace {

struct Options {
  fs::path program;
  std::string image;
  std::string docker_host = "unix:///var/run/docker.sock";
  fs::path json;
  fs::path directory = fs::temp_directory_path();
  std::vector<std::string> only;
  std::string second_image;
  std::string server;
  fs::path plots;
  bool quick = false;
};

struct Benchmark {
  std::string name;
  std::string title;
  std::function<Figure(Setup&)> measure;
};

fs::path beside_this_program(const char* name) {
  return fs::read_symlink("/proc/self/exe").parent_path() / name;
}

std::vector<Benchmark> benchmarks() {
  const auto read_rate = [](Setup& setup) {
    return measure_read_rate(setup, beside_this_program("skill-verifier-hello"));
  };
  return {{"cold-path", "Cold path", measure_cold_path},
          {"stages", "Stages of a job", measure_stages},
          {"submit", "Submission under load", measure_submit_latency},
          {"throughput", "Submissions a second", measure_throughput},
          {"read", "Reading a finished job", read_rate},
          {"stored", "With many stored jobs", measure_stored},
          {"memory", "Memory", measure_memory},
          {"dcap", "Quote verification", measure_dcap},
          {"warm", "Warm hits", measure_warm},
          {"load", "Load", measure_load},
          {"soak", "Soak", measure_soak}};
}

std::string first_line(const fs::path& file, std::string_view prefix) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(prefix)) return line;
  return {};
}

std::string cpu_model() {
  const std::string line = first_line("/proc/cpuinfo", "model name");
  const auto colon = line.find(": ");
  return colon == std::string::npos ? "unknown" : line.substr(colon + 2);
}

/// Names of the file systems on which a durable write means something different (linux/magic.h).
std::string file_system(const fs::path& directory) {
  struct statfs facts{};
  if (statfs(directory.c_str(), &facts) != 0) return "unknown";
  switch (facts.f_type) {
    case 0xEF53:
      return "ext4";
    case 0x58465342:
      return "xfs";
    case 0x01021994:
      return "tmpfs";
    case 0x794c7630:
      return "overlay";
    default:
      return fmt::format("{:#x}", static_cast<unsigned long>(facts.f_type));
  }
}

double load_average() {
  double average = 0;
  getloadavg(&average, 1);
  return rounded(average);
}

Json machine(Setup& setup) {
  const auto info = must(setup.loop.wait(setup.engine.info()), "ask the engine");
  return {{"cores", std::thread::hardware_concurrency()},
          {"cpu", cpu_model()},
          {"kernel", info.kernel},
          {"operatingSystem", info.operating_system},
          {"engine", info.version},
          {"storageDriver", info.storage_driver},
          {"cgroup", info.cgroup_version},
          {"ociRuntime", info.default_runtime},
          {"dataFileSystem", file_system(setup.directory)},
          {"loadAverageBefore", load_average()}};
}

std::string target_text(const Row& row) {
  if (row.least && row.most) return fmt::format("{:g} to {:g}", *row.least, *row.most);
  if (row.least) return fmt::format(">= {:g}", *row.least);
  if (row.most) return fmt::format("<= {:g}", *row.most);
  return {};
}

void print(const std::string& title, const std::vector<Row>& rows) {
  fmt::print("\n{:<62} {:>10} {:<4} {:>10}\n", title, "measured", "", "target");
  for (const Row& row : rows)
    fmt::print("  {:<60} {:>10.1f} {:<4} {:>10}  {}\n", row.what, row.value, row.unit, target_text(row),
               !row.has_target() ? ""
               : row.reached()   ? "reached"
                                 : "NOT REACHED");
  std::fflush(stdout);
}

Json rows_json(const std::vector<Row>& rows) {
  Json list = Json::array();
  for (const Row& row : rows) {
    Json entry{
        {"what", row.what.substr(row.what.find_first_not_of(' '))}, {"value", rounded(row.value)}, {"unit", row.unit}};
    if (row.least) entry["least"] = *row.least;
    if (row.most) entry["most"] = *row.most;
    if (row.has_target()) entry["reached"] = row.reached();
    list.push_back(std::move(entry));
  }
  return list;
}

void write_report(const fs::path& file, const Json& report) {
  if (file.has_parent_path()) fs::create_directories(file.parent_path());
  std::ofstream out(file, std::ios::trunc);
  out << core::dump_json_pretty(report) << '\n';
  if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
}

int run(const Options& options) {
  Loop loop;
  sandbox::Engine engine(loop.executor(), must(net::parse_endpoint(options.docker_host), "docker host"));
  Setup setup{loop,
              engine,
              options.docker_host,
              options.program,
              options.image,
              options.directory,
              options.second_image,
              options.plots,
              options.quick};
  remove_leftovers(setup);

  Json report{{"time", core::to_rfc3339(core::SystemClock().now())}, {"quick", options.quick}};
  report["machine"] = machine(setup);
  int targets = 0, reached = 0;
  auto wanted = benchmarks();
  if (!options.server.empty()) {
    const auto measure = [&](Setup& with) { return measure_other_server(with, options.server); };
    wanted = {{"other-server", "Another server", measure}};
  }
  for (const auto& [name, title, measure] : wanted) {
    if (!options.only.empty() && std::ranges::find(options.only, name) == options.only.end()) continue;
    const Figure figure = measure(setup);
    print(title, figure.rows);
    if (!figure.text.empty()) fmt::print("\n{}", figure.text);
    report["figures"][name] = {{"rows", rows_json(figure.rows)}, {"details", figure.details}};
    targets += static_cast<int>(std::ranges::count_if(figure.rows, &Row::has_target));
    reached += static_cast<int>(
        std::ranges::count_if(figure.rows, [](const Row& row) { return row.has_target() && row.reached(); }));
  }
  remove_leftovers(setup);
  report["machine"]["loadAverageAfter"] = load_average();
  report["targets"] = {{"stated", targets}, {"reached", reached}};
  if (!options.json.empty()) write_report(options.json, report);
  fmt::print("\n{} of {} targets reached; {} cores, load average {} before and {} after\n", reached, targets,
             report["machine"]["cores"].dump(), report["machine"]["loadAverageBefore"].dump(),
             report["machine"]["loadAverageAfter"].dump());
  return 0;
}

void add_options(CLI::App& app, Options& options) {
  std::vector<std::string> names;
  for (const auto& benchmark : benchmarks())
    names.push_back(benchmark.name);
  app.add_option("--program", options.program, "the skill-verifier to measure, with its init beside it")
      ->required()
      ->check(CLI::ExistingFile);
  app.add_option("--image", options.image, "image with a shell, present on the engine")->required();
  app.add_option("--second-image", options.second_image, "another image, for jobs of two runtimes");
  app.add_option("--plots", options.plots, "folder for the pictures of the load figure");
  app.add_option("--server", options.server, "measure the server at this URL instead, e.g. http://127.0.0.1:3000");
  app.add_option("--docker-host", options.docker_host, "engine to use")->envname("DOCKER_HOST");
  app.add_option("--json", options.json, "file for all figures")->take_last();
  app.add_option("--directory", options.directory,
                 "where the service keeps its data (default: the temporary directory)")
      ->check(CLI::ExistingDirectory);
  app.add_option("--only", options.only, "figures to take, instead of all")->check(CLI::IsMember(names));
  app.add_flag("--quick", options.quick, "fewer samples: to see that it works, not to publish");
}

}  // namespace
}  // namespace skill_verifier::bench

int main(int argc, char** argv) {
  CLI::App app(
      "Measures skill-verifier. The exit code says whether it could be measured, not whether a target was reached.");
  skill_verifier::bench::Options options;
  try {
    skill_verifier::bench::add_options(app, options);
    CLI11_PARSE(app, argc, argv);
    options.program = std::filesystem::absolute(options.program);
    return skill_verifier::bench::run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "skill-verifier-bench: {}\n", error.what());
    return 1;
  }
}
