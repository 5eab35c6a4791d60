#include <fmt/core.h>
#include <fmt/ranges.h>

#include <utility>

#include "sandbox/docker_sandbox_impl.hpp"
#include "skill_verifier/core/log.hpp"
#include "skill_verifier/core/sha2.hpp"

/// Some engines take a container whose limits they do not know, cannot read or replace by others. There one is started
/// that holds nothing but init, and looked at from both sides, before the first job comes: init says what it sees in
/// every container, and one that is not as it should be does not start.
namespace skill_verifier::sandbox {
namespace {

Error unsuitable(std::string_view engine, std::string_view why) {
  return Error{Errc::unsupported, "engine_unsuitable",
               fmt::format("{} does not start a container under the strict profile: {}", engine, why),
               "the engine must be able to read the seccomp profile, which is in data_dir/seccomp; "
               "engine.seccomp_dir says where the engine sees that directory"};
}

}  // namespace

awaitable<Result<void>> DockerSandbox::prove_limits(std::string init_tar) {
  co_await remove_images(options_.instance, kProofKind);
  const auto repository = "skill-verifier.local/proof-" + core::sha256_hex(options_.instance).substr(0, 16);
  Labels labels = {{kLabelInstance, options_.instance}, {kLabelImage, kProofKind}};
  SKILL_VERIFIER_CO_TRY(auto image, co_await engine_.import_image(std::move(init_tar), repository, std::move(labels)));
  ContainerSpec spec;
  spec.role = Role::pool;
  spec.image_id = std::move(image);
  spec.limits = options_.pool_limits;
  spec.cgroup_parent = options_.cgroup_parent;
  auto started = co_await runner_.start(spec);
  auto proof = co_await examine_limits(started, spec);
  const auto id = started.live.id;
  if (started.live.session) co_await started.live.session->end();
  if (!id.empty()) co_await containers_.remove(id);
  co_await remove_images(options_.instance, kProofKind);
  co_return proof;
}

awaitable<Result<void>> DockerSandbox::examine_limits(Started& started, const ContainerSpec& spec) {
  const auto engine = engine_.traits().name;
  if (started.error && started.error->code == Errc::cancelled) co_return *started.error;
  if (started.error) co_return unsuitable(engine, started.error->message);
  const auto given = co_await engine_.container_limits(started.live.id);
  if (!given) co_return given.error();
  SKILL_VERIFIER_CO_TRY(const auto profile, co_await seccomp_file_.ready());
  const auto missing = unheld_in(*given, spec, profile);
  if (missing.empty()) co_return Result<void>();
  co_return unsuitable(engine, fmt::format("it left out {}", fmt::join(missing, "; ")));
}

}  // namespace skill_verifier::sandbox
