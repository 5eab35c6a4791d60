#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "service/live_log.hpp"
#include "service/stopwatch.hpp"
#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/trace.hpp"

namespace skill_verifier::service {

/// A job of this life that is not final yet. Shared by the scheduler, the job's coroutine and those who wait for it.
struct Entry {
  enum class Where {
    queued,   ///< waits for a worker
    active,   ///< its coroutine runs
    delayed,  ///< waits to be tried again
    done,     ///< no longer known to the scheduler
  };

  Entry(core::asio::any_io_executor executor, std::string job_id)
      : id(std::move(job_id)), done(executor), log(executor), task(executor) {}

  const std::string id;
  std::string request_id;     ///< of the request that submitted it, for the log; empty until a recovered job is begun
  core::TraceBinding traced;  ///< for the lines about it
  std::string lane;           ///< whose share of the sandboxes it counts against
  Where where = Where::queued;
  bool recovered = false;    ///< from an earlier life: its pack is checked before it is used
  bool begun = false;        ///< running in the store
  bool removing = false;     ///< somebody wants it gone
  bool interrupted = false;  ///< the service stops and its grace is over
  bool holds_slot = false;
  std::shared_ptr<const std::string> collateral;  ///< stored for this job, which the store does not know yet
  std::uint64_t pack_bytes = 0;
  Stopwatch watch;
  int attempt = 0;  ///< runs begun, as the store knows it
  int faults = 0;   ///< attempts of this life that the infrastructure spoilt
  core::Event done;
  LiveLog log;
  core::TaskGroup task;  ///< the job's coroutine: cancelled by itself
};
using EntryPtr = std::shared_ptr<Entry>;

}  // namespace skill_verifier::service
