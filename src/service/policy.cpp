#include "service/policy.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace skill_verifier::service {
namespace {

skill::Diagnostic warning(const skill::Manifest& manifest, std::string code, std::string message) {
  skill::Diagnostic made;
  made.code = std::move(code);
  made.message = std::move(message);
  made.file = manifest.file;
  return made;
}

sandbox::CommandSpec to_spec(const skill::Command& command, const skill::TestDeclaration& test,
                             std::chrono::milliseconds timeout) {
  sandbox::CommandSpec spec;
  spec.argv = command.argv;
  spec.env = test.env;
  spec.timeout = timeout;
  return spec;
}

}  // namespace

Result<Plan> make_plan(const skill::Manifest& manifest, const ServiceOptions& options) {
  const auto& test = manifest.test;
  Plan plan;
  plan.flagged_fails = options.flagged_fails;
  if (!test.command) return plan;
  const auto most = std::min(options.max_test_timeout, options.limits.max_timeout);
  if (test.timeout > most)
    plan.warnings.push_back(warning(
        manifest, "timeout_capped",
        fmt::format("the manifest asks for {} ms, this service allows {} ms", test.timeout.count(), most.count())));
  plan.test = to_spec(*test.command, test, std::min(test.timeout, most));
  const bool wants_bridge = test.network == skill::Network::bridge;
  plan.test_bridge = wants_bridge && options.allow_bridge_for_tests;
  if (wants_bridge && !plan.test_bridge)
    plan.warnings.push_back(
        warning(manifest, "network_denied", "the manifest asks for a network, this service runs tests without one"));
  if (!test.deps) return plan;
  if (!options.allow_deps)
    return Error{Errc::rejected, "deps_not_allowed", "the manifest declares test_deps, this service installs none",
                 "put what the test needs into the package or the runtime image"};
  plan.deps = to_spec(*test.deps, test, options.deps_timeout);
  plan.deps_bridge = options.allow_bridge_for_deps;
  return plan;
}

}  // namespace skill_verifier::service
