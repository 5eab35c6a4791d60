#pragma once

#include <csignal>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "loop.hpp"
#include "process.hpp"
#include "sandbox/engine.hpp"
#include "skill_verifier/net/http_client.hpp"

namespace skill_verifier::bench {

using Json = nlohmann::ordered_json;

/// Label of everything that a run leaves on the engine. Always the same, so that a run that was interrupted is tidied
/// up by the next.
inline constexpr const char* kInstance = "skill-verifier-bench";

struct Setup {
  Loop& loop;
  sandbox::Engine& engine;
  std::string docker_host;
  fs::path program;
  std::string image;
  fs::path directory;        ///< for data and skills
  std::string second_image;  ///< for jobs of another runtime; may be empty
  fs::path plots;            ///< where load writes its pictures; empty: none
  bool quick = false;
};

/// Containers that carry the label of a benchmark.
std::vector<sandbox::ContainerSummary> containers(Setup& setup);
/// Waits until no container of a benchmark is left. Throws after a minute.
void settle(Setup& setup);
/// Waits until only containers are left that wait for a job.
void settle_idle(Setup& setup);
/// Removes containers and images that carry the label.
void remove_leftovers(Setup& setup);

/// `skill-verifier serve` as a user runs it (SQLite, log at level info into a file), without attestation.
class ServiceProcess {
 public:
  /// `prepare` gets the service's data_dir before it starts. `pool`: most containers that wait for jobs, of one
  /// runtime; `pool_min`: how many always do.
  ServiceProcess(Setup& setup, int workers, int queue, const std::function<void(const fs::path&)>& prepare = {},
                 int pool = 0, int pool_min = 0);

  /// POST /verify with a folder beneath the skill root.
  net::Request path_request(const fs::path& skill) const;
  static net::Request archive_request(std::string tar_gz);
  /// The id of the new job. Throws unless the answer is 202.
  std::string submit(net::Request request);
  /// Long-polls until the job is final, and gives it. Throws unless it was completed and passed.
  void wait_until_passed(const std::string& job);
  net::Response get(const std::string& target);

  Process& process() { return *process_; }
  std::uint16_t port() const { return port_; }
  fs::path directory() const { return directory_.path(); }

 private:
  std::string configuration(int workers, int queue, int pool, int pool_min) const;
  std::uint16_t wait_for_port();

  Setup& setup_;
  TempDir directory_;
  std::optional<Process> process_;
  std::uint16_t port_ = 0;
  std::optional<net::HttpClient> client_;
};

}  // namespace skill_verifier::bench
