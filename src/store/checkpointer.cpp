#include "store/checkpointer.hpp"

#include "skill_verifier/core/log.hpp"

namespace skill_verifier::store {
namespace {

/// 4 MiB of pages, SQLite's own measure.
constexpr int kFramesToMove = 1'000;
/// 64 MiB: a writer that never pauses keeps the log from starting over, so that it would grow without end.
constexpr int kFramesToWait = 16'000;

void report(const Result<void>& done) {
  // The log keeps what could not be moved; the next commit tries again.
  if (!done) log::warn("checkpoint failed", {{"code", done.error().id}, {"message", done.error().message}});
}

}  // namespace

void Checkpointer::after_commit(Database& writer) {
  if (writer.log_frames() < kFramesToMove) return;
  if (writer.log_frames() >= kFramesToWait) return report(writer.checkpoint(Checkpoint::restart));
  if (busy_.exchange(true)) return;
  thread_.post([this] {
    report(database_.checkpoint(Checkpoint::passive));
    busy_ = false;
  });
}

}  // namespace skill_verifier::store
