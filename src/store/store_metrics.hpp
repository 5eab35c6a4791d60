#pragma once

#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/metrics.hpp"

namespace skill_verifier::store {

/// How long the store takes, as its callers see it. Used on the I/O thread alone.
struct StoreMetrics {
  core::Histogram reads, writes;
  std::uint64_t failed_writes = 0;

  void write(core::MetricsText& out) const {
    out.histogram("skill_verifier_store_duration_seconds",
                  "From a call to its answer, the wait for its turn included; a write's answer means durable.");
    out.sample({{"operation", "read"}}, reads);
    out.sample({{"operation", "write"}}, writes);
    out.counter("skill_verifier_store_write_failures_total",
                "Changes that did not become durable because of the disk.");
    out.sample({}, static_cast<double>(failed_writes));
  }
};

}  // namespace skill_verifier::store
