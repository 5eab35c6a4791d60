#include "sandbox/disk_meter.hpp"

#include <chrono>
#include <utility>

#include "sandbox/outcome.hpp"

namespace skill_verifier::sandbox {
namespace {

constexpr core::Duration kAliveLimit = std::chrono::seconds(2);
constexpr int kMostFailures = 2;

}  // namespace

awaitable<Result<std::uint64_t>> DiskMeter::check_bytes(std::string container) {
  auto written = co_await engine_.written_bytes(std::move(container), limits_.measuring);
  if (!written) co_return co_await explain(written.error());
  if (*written > limits_.bytes) co_return disk_refusal(*written, limits_.bytes);
  co_return written;
}

awaitable<Result<std::uint64_t>> DiskMeter::check_files(std::string container) {
  auto changed = co_await engine_.changed_files(std::move(container), limits_.files, limits_.measuring);
  if (!changed) co_return co_await explain(changed.error());
  if (*changed > limits_.files) co_return file_refusal(limits_.files);
  co_return changed;
}

awaitable<Result<std::uint64_t>> DiskMeter::check(std::string container) {
  SKILL_VERIFIER_CO_TRY([[maybe_unused]] const auto files, co_await check_files(container));
  co_return co_await check_bytes(std::move(container));
}

awaitable<Error> DiskMeter::explain(Error error) {
  if (error.code != Errc::timed_out) co_return error;
  auto asking = engine_.ping();
  const auto alive = co_await core::with_deadline(std::move(asking), kAliveLimit, "engine");
  if (!alive) co_return error;
  co_return measuring_refusal(limits_.measuring);
}

bool FailedMeasurements::enough(const Result<std::uint64_t>& measured) {
  in_a_row_ = measured ? 0 : in_a_row_ + 1;
  if (measured) return false;
  const Errc code = measured.error().code;
  return code == Errc::rejected || code == Errc::timed_out || in_a_row_ >= kMostFailures;
}

}  // namespace skill_verifier::sandbox
