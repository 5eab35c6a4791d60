#include <array>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "figure.hpp"
#include "sandbox/container_spec.hpp"
#include "skill.hpp"
#include "skill_verifier/core/json.hpp"
#include "stats.hpp"

namespace skill_verifier::bench {
namespace {

constexpr core::Duration kLimit = std::chrono::seconds(60);
constexpr int kSamples = 50;
constexpr int kQuickSamples = 12;
constexpr int kWarmUp = 2;

/// Milliseconds from the begin of the sequence to the end of each step.
struct RawSample {
  double created = 0;
  double attached = 0;  ///< the wait for the exit is subscribed to as well
  double started = 0;
  double output = 0;  ///< the command's output is here
  double ended = 0;   ///< the output is at its end
  double exited = 0;  ///< the wait is answered
  double removed = 0;
};

struct ServiceSample {
  double accepted = 0;   ///< 202
  double completed = 0;  ///< the long poll is answered
};

/// The strict profile with the shell in the place of init. Nothing removes the container but the sequence itself.
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

ServiceSample through_service(ServiceProcess& service, const net::Request& request) {
  ServiceSample sample;
  const auto begin = std::chrono::steady_clock::now();
  const std::string job = service.submit(request);
  sample.accepted = milliseconds_since(begin);
  service.wait_until_passed(job);
  sample.completed = milliseconds_since(begin);
  return sample;
}

template <class Sample>
Summary summary_of(const std::vector<Sample>& samples, double Sample::* member) {
  std::vector<double> values;
  for (const auto& sample : samples)
    values.push_back(sample.*member);
  return summarize(std::move(values));
}

Figure figure_of(const std::vector<RawSample>& raw, const std::vector<ServiceSample>& service) {
  const auto completed = summary_of(service, &ServiceSample::completed);
  const auto output = summary_of(raw, &RawSample::output);
  const auto exited = summary_of(raw, &RawSample::exited);
  const auto removed = summary_of(raw, &RawSample::removed);
  const auto added = completed.median - removed.median;
  const auto added_p90 = completed.p90 - removed.p90;
  Figure figure;
  figure.rows = {
      {"engine alone: create, attach, start, wait, remove (median)", removed.median, "ms", {}, {}},
      {"service: POST to completed (median)", completed.median, "ms", {}, {}},
      {"service adds to the engine alone", added, "ms", {}, 15.0},
      {"  the same at the 90th percentile", added_p90, "ms", {}, {}},
      {"  without remove on the engine's side", completed.median - exited.median, "ms", {}, {}},
      {"  up to the command's output only", completed.median - output.median, "ms", {}, {}},
  };
  figure.details = {
      {"rawMs",
       {{"created", to_json(summary_of(raw, &RawSample::created))},
        {"attached", to_json(summary_of(raw, &RawSample::attached))},
        {"started", to_json(summary_of(raw, &RawSample::started))},
        {"output", to_json(output)},
        {"outputEnded", to_json(summary_of(raw, &RawSample::ended))},
        {"exited", to_json(exited)},
        {"removed", to_json(removed)}}},
      {"serviceMs",
       {{"accepted", to_json(summary_of(service, &ServiceSample::accepted))}, {"completed", to_json(completed)}}},
      {"addedMs", rounded(added)},
      {"addedP90Ms", rounded(added_p90)},
      {"addedWithoutRemoveMs", rounded(completed.median - exited.median)},
      {"addedToOutputMs", rounded(completed.median - output.median)},
  };
  return figure;
}

}  // namespace

Figure measure_cold_path(Setup& setup) {
  ServiceProcess service(setup, 2, 100);
  const fs::path skill = service.directory() / "hello";
  write_skill(skill, kGreetingScript);
  const auto request = service.path_request(skill);
  const auto image = must(setup.loop.wait(setup.engine.inspect_image(setup.image)), "inspect the image");
  const std::string body = raw_body(image.id);

  std::vector<RawSample> raw;
  std::vector<ServiceSample> through;
  const int samples = setup.quick ? kQuickSamples : kSamples;
  for (int i = -kWarmUp; i < samples; ++i) {
    const auto alone = must(setup.loop.wait(raw_sequence(setup.engine, body)), "raw sequence");
    const auto whole = through_service(service, request);
    // The service removes its container after it has answered: that must not slow the next sample down.
    settle(setup);
    if (i < 0) continue;
    raw.push_back(alone);
    through.push_back(whole);
  }
  service.process().end(SIGTERM);
  return figure_of(raw, through);
}

}  // namespace skill_verifier::bench
