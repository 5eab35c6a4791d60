#pragma once

#include <map>
#include <memory>
#include <string>

#include "http/backend.hpp"
#include "http/gate.hpp"

namespace skill_verifier::http {

/// One or a few events in their wire format, and the place after them.
struct EventFrame {
  std::string text;
  service::EventCursor next;
  bool last = false;  ///< the verdict was told
};
using EventFramePtr = std::shared_ptr<const EventFrame>;

/// The frames that somebody is being sent: listeners at the same place share one.
class EventFrames {
 public:
  EventFramePtr find(const std::string& place) const;
  void keep(const std::string& place, const EventFramePtr& frame);
  std::size_t size() const { return frames_.size(); }

 private:
  std::map<std::string, std::weak_ptr<const EventFrame>> frames_;
};

/// `life.marks.offset`, or with `.end` after the verdict.
std::string event_id(const service::EventCursor& cursor, bool last);
struct LastEvent {
  service::EventCursor cursor;
  bool last = false;
};
/// Empty text: the beginning. Errors: invalid_argument `last_event_id_invalid`.
Result<LastEvent> parse_event_id(std::string_view text);

/// The events of one job for one listener. Holds nothing but its place and the frame that is being sent.
class EventStream {
 public:
  /// After `beat` without an event the frame is a comment. `recheck` is asked before every frame.
  EventStream(Backend& backend, EventFrames& frames, std::string id, service::EventCursor cursor, core::Duration beat,
              Recheck recheck)
      : backend_(backend),
        frames_(frames),
        id_(std::move(id)),
        cursor_(std::move(cursor)),
        beat_(beat),
        recheck_(std::move(recheck)) {}

  /// The next frame; null after the verdict, after the caller is let in no more (which an event `closed` says), or when
  /// there will be none in this life of the service.
  awaitable<Result<std::shared_ptr<const std::string>>> next();

 private:
  awaitable<Result<EventFramePtr>> next_frame();
  awaitable<Result<EventFramePtr>> verdict_frame(service::EventCursor after);

  Backend& backend_;
  EventFrames& frames_;
  std::string id_;
  service::EventCursor cursor_;
  core::Duration beat_;
  Recheck recheck_;
  bool greeted_ = false;
  bool ended_ = false;
};

}  // namespace skill_verifier::http
