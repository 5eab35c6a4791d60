#include "raw_engine.hpp"

#include <array>
#include <chrono>

#include "sandbox/container_spec.hpp"
#include "skill.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::bench {
namespace {

constexpr core::Duration kLimit = std::chrono::seconds(60);

awaitable<Result<void>> read_output(net::Stream& stream, SteadyTime begin, RawSample& sample) {
  std::array<std::uint8_t, 4096> buffer;
  std::string output;
  while (true) {
    SKILL_VERIFIER_CO_TRY(const auto count, co_await stream.read_some(buffer, kLimit));
    if (count == 0) break;
    output += core::as_text(core::ByteView(buffer).first(count));
    sample.output = milliseconds_since(begin);
  }
  sample.ended = milliseconds_since(begin);
  if (output.find(kGreeting) != std::string::npos) co_return Result<void>{};
  co_return Error{Errc::internal, "the raw command printed " + core::shorten(output)};
}

}  // namespace

std::string raw_body(const std::string& image_id) {
  sandbox::ContainerSpec spec;
  spec.image_id = image_id;
  spec.instance = kInstance;
  spec.job_id = "raw";
  auto body = must(core::parse_json(sandbox::container_body(spec)), "container body");
  body["Entrypoint"] = {"sh", "-c", std::string(kGreetingScript)};
  body["HostConfig"]["AutoRemove"] = false;
  return core::dump_json(body);
}

awaitable<Result<RawSample>> raw_sequence(sandbox::Engine& engine, std::string body) {
  RawSample sample;
  const auto begin = std::chrono::steady_clock::now();
  SKILL_VERIFIER_CO_TRY(const auto container, co_await engine.create_container(std::move(body)));
  sample.created = milliseconds_since(begin);
  SKILL_VERIFIER_CO_TRY(const auto stream, co_await engine.attach_container(container.id));
  SKILL_VERIFIER_CO_TRY(auto exit, co_await engine.wait_next_exit(container.id));
  sample.attached = milliseconds_since(begin);
  SKILL_VERIFIER_CO_TRY_VOID(co_await engine.start_container(container.id));
  sample.started = milliseconds_since(begin);
  SKILL_VERIFIER_CO_TRY_VOID(co_await read_output(*stream, begin, sample));
  SKILL_VERIFIER_CO_TRY(const auto status, co_await exit.result(kLimit));
  sample.exited = milliseconds_since(begin);
  SKILL_VERIFIER_CO_TRY_VOID(co_await engine.remove_container(container.id));
  sample.removed = milliseconds_since(begin);
  if (status.code != 0) co_return Error{Errc::internal, "the raw command failed"};
  co_return sample;
}

}  // namespace skill_verifier::bench
