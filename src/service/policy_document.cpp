#include "service/policy_document.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "skill_verifier/core/json.hpp"

namespace skill_verifier::service {
namespace {

using core::Json;

Json network(bool bridge) {
  return bridge ? "bridge" : "none";
}

Json limits_json(const sandbox::Limits& limits) {
  return Json{
      {"memoryBytes", limits.memory_bytes}, {"nanoCpus", limits.nano_cpus},   {"pids", limits.pids},
      {"skillBytes", limits.skill_bytes},   {"tmpBytes", limits.tmp_bytes},   {"inodes", limits.inodes},
      {"openFiles", limits.open_files},     {"fileBytes", limits.file_bytes}, {"outputBytes", limits.output_bytes}};
}

Json package_json(const skill::PackageLimits& limits) {
  return Json{{"archiveBytes", limits.archive_bytes}, {"expandedBytes", limits.expanded_bytes},
              {"fileBytes", limits.file_bytes},       {"files", limits.files},
              {"pathBytes", limits.path_bytes},       {"depth", limits.depth}};
}

Json checks_json(const ServiceOptions& options) {
  if (!options.checks) return nullptr;
  return Json{{"profile", options.checks->name()},
              {"sha256", options.checks->digest()},
              {"flagged", options.flagged_fails ? "fail" : "report"}};
}

Json sandbox_checks_json(const ServiceOptions& options) {
  if (!options.sandbox_checks) return nullptr;
  return Json{{"profile", options.sandbox_checks->name()},
              {"sha256", options.sandbox_checks->digest()},
              {"image", options.toolbox},
              {"limitMs", std::chrono::duration_cast<std::chrono::milliseconds>(options.sandbox_checks_limit).count()}};
}

}  // namespace

Result<std::string> policy_document(const ServiceOptions& options, const sandbox::Profile& profile) {
  const auto most = std::min(options.max_test_timeout, options.limits.max_timeout);
  Json runtimes = Json::array();
  // Pairs, not a map: canonical form has ASCII member names only.
  for (const auto& [name, image] : options.runtimes)
    runtimes.push_back(Json{{"name", name}, {"image", image}});
  return core::canonical_json(
      Json{{"attestationRequired", options.attestation_required},
           {"checks", checks_json(options)},
           {"deps", Json{{"allowed", options.allow_deps},
                         {"network", network(options.allow_bridge_for_deps)},
                         {"timeoutMs", options.deps_timeout.count()}}},
           {"limits", limits_json(options.limits)},
           {"manifest", skill::to_string(options.profile)},
           {"package", package_json(options.package)},
           {"runtimes", std::move(runtimes)},
           {"sandbox", Json{{"runtime", profile.runtime},
                            {"initSha256", profile.init_sha256},
                            {"seccompSha256", profile.seccomp_sha256}}},
           {"test", Json{{"network", network(options.allow_bridge_for_tests)}, {"maxTimeoutMs", most.count()}}},
           {"sandboxChecks", sandbox_checks_json(options)},
           {"type", "skill-verifier-policy-v1"}});
}

}  // namespace skill_verifier::service
