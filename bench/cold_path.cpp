#include <chrono>
#include <utility>

#include "figure.hpp"
#include "raw_engine.hpp"
#include "skill.hpp"
#include "stats.hpp"

namespace skill_verifier::bench {
namespace {

constexpr int kSamples = 50;
constexpr int kQuickSamples = 12;
constexpr int kWarmUp = 2;

struct ServiceSample {
  double accepted = 0;   ///< 202
  double completed = 0;  ///< the long poll is answered
};

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

Figure figure_of(const std::vector<RawSample>& raw, const std::vector<ServiceSample>& service,
                 const std::vector<ServiceSample>& scripted) {
  const auto checked = summary_of(scripted, &ServiceSample::completed);
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
      {"service, a skill with a script: POST to completed (median)", checked.median, "ms", {}, {}},
      {"  its second container adds to the one", checked.median - completed.median, "ms", {}, {}},
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
      {"withScriptMs", to_json(checked)},
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
  const fs::path skill = service.directory() / "hello", scripted = service.directory() / "scripted";
  write_hello(skill);
  write_skill(scripted, kGreetingScript);
  const auto request = service.path_request(skill), with_script = service.path_request(scripted);
  const auto image = must(setup.loop.wait(setup.engine.inspect_image(setup.image)), "inspect the image");
  const std::string body = raw_body(image.id);

  std::vector<RawSample> raw;
  std::vector<ServiceSample> through, checked;
  const int samples = setup.quick ? kQuickSamples : kSamples;
  for (int i = -kWarmUp; i < samples; ++i) {
    const auto alone = must(setup.loop.wait(raw_sequence(setup.engine, body)), "raw sequence");
    const auto whole = through_service(service, request);
    // The service removes its container after it has answered: that must not slow the next sample down.
    settle(setup);
    const auto both = through_service(service, with_script);
    settle(setup);
    if (i < 0) continue;
    raw.push_back(alone);
    through.push_back(whole);
    checked.push_back(both);
  }
  service.process().end(SIGTERM);
  return figure_of(raw, through, checked);
}

}  // namespace skill_verifier::bench
