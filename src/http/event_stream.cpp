#include "http/event_stream.hpp"

#include <fmt/core.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "http/answer.hpp"
#include "http/api.hpp"
#include "http/json_views.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::http {
namespace {

constexpr std::size_t kFramesSwept = 256;
constexpr std::size_t kMaxId = 64;
constexpr std::string_view kEnd = ".end";

std::string event_text(std::string_view name, const service::EventCursor& next, bool last, std::string_view data) {
  return fmt::format("id: {}\nevent: {}\ndata: {}\n\n", event_id(next, last), name, data);
}

std::shared_ptr<const std::string> text_of(const EventFramePtr& frame) {
  return {frame, &frame->text};
}

/// Without an id: whoever comes back and is let in goes on where this one was.
std::shared_ptr<const std::string> closed_text(const Problem& why) {
  const core::OrderedJson data{{"code", why.code}, {"reason", why.detail}};
  return std::make_shared<const std::string>(fmt::format("event: closed\ndata: {}\n\n", core::dump_json(data)));
}

bool take_number(std::string_view& text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take_dot(std::string_view& text) {
  if (!text.starts_with('.')) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

EventFramePtr EventFrames::find(const std::string& place) const {
  const auto found = frames_.find(place);
  return found == frames_.end() ? nullptr : found->second.lock();
}

void EventFrames::keep(const std::string& place, const EventFramePtr& frame) {
  if (frames_.size() >= kFramesSwept) std::erase_if(frames_, [](const auto& entry) { return entry.second.expired(); });
  frames_[place] = frame;
}

std::string event_id(const service::EventCursor& cursor, bool last) {
  return fmt::format("{}.{}.{}{}", cursor.life, cursor.marks, cursor.offset, last ? kEnd : "");
}

Result<LastEvent> parse_event_id(std::string_view text) {
  LastEvent event;
  if (text.empty()) return event;
  const Error invalid(Errc::invalid_argument, "last_event_id_invalid",
                      fmt::format("Last-Event-ID '{}' is not the id of an event", core::shorten(text)),
                      "send the id of the last event that you got, or leave it out to begin at the beginning");
  const auto dot = text.find('.');
  if (text.size() > kMaxId || dot == 0 || dot == std::string_view::npos) return invalid;
  event.cursor.life = text.substr(0, dot);
  if (event.cursor.life.find_first_not_of("0123456789abcdef") != std::string::npos) return invalid;
  text.remove_prefix(dot + 1);
  if (!take_number(text, event.cursor.marks) || !take_dot(text) || !take_number(text, event.cursor.offset))
    return invalid;
  if (event.cursor.offset > INT64_MAX - 1) return invalid;
  event.last = text == kEnd;
  if (event.last) text = {};
  return text.empty() ? Result<LastEvent>(std::move(event)) : invalid;
}

awaitable<Result<std::shared_ptr<const std::string>>> EventStream::next() {
  static const auto kGreeting = std::make_shared<const std::string>("retry: 2000\n\n");
  static const auto kBeat = std::make_shared<const std::string>(": still here\n\n");
  std::shared_ptr<const std::string> none;
  if (!std::exchange(greeted_, true)) co_return kGreeting;
  if (ended_) co_return none;
  const bool stopped = co_await core::cancelled();
  if (stopped) co_return Error(Errc::cancelled, "the server stops, or the client has gone");
  auto frame = co_await next_frame();
  if (!frame) co_return frame.error();
  if (*frame == nullptr && ended_) co_return none;
  // A wait that was cut short looks like one in which nothing happened.
  const bool cut_short = co_await core::cancelled();
  if (*frame == nullptr && cut_short) co_return Error(Errc::cancelled, "the server stops, or the client has gone");
  const auto refusal = co_await recheck_();
  if (refusal) ended_ = true;
  if (refusal) co_return closed_text(*refusal);
  if (*frame == nullptr) co_return kBeat;
  cursor_ = (*frame)->next;
  ended_ = (*frame)->last;
  co_return text_of(*frame);
}

awaitable<Result<EventFramePtr>> EventStream::next_frame() {
  const std::string place = id_ + "/" + event_id(cursor_, false);
  if (auto shared = frames_.find(place)) co_return shared;
  auto part = co_await backend_.events(id_, cursor_, beat_);
  if (!part) co_return part.error();
  // Somebody at the same place may have been faster while this one waited.
  if (auto shared = frames_.find(place)) co_return shared;
  EventFramePtr made;
  if (part->ended) {
    ended_ = true;
    if (!part->is_final) co_return made;
    co_return co_await verdict_frame(part->next);
  }
  if (!part->mark && part->text.empty()) {
    cursor_ = part->next;
    co_return made;
  }
  auto frame = std::make_shared<EventFrame>();
  frame->next = part->next;
  if (part->anew)
    frame->text = "event: restart\ndata: {\"reason\":\"the job began anew after a restart of the service\"}\n\n";
  if (part->mark)
    frame->text += event_text("state", part->next, false, state_json(id_, *part->mark));
  else
    frame->text += event_text("log", part->next, false, log_json(part->next.offset - part->text.size(), part->text));
  made = std::move(frame);
  frames_.keep(place, made);
  co_return made;
}

awaitable<Result<EventFramePtr>> EventStream::verdict_frame(service::EventCursor after) {
  EventFramePtr made;
  const std::vector<std::string> subject{id_};
  const auto rows = co_await backend_.verdicts(subject, std::nullopt);
  if (!rows) co_return rows.error();
  // Removed meanwhile: there is nothing to tell any more.
  if (!rows->at(0)) co_return made;
  auto frame = std::make_shared<EventFrame>();
  frame->text = event_text("verdict", after, true, verdict_json(*rows->at(0)));
  frame->next = std::move(after);
  frame->last = true;
  made = std::move(frame);
  co_return made;
}

awaitable<Response> Api::show_events(std::string id, Request& request) {
  auto from = parse_event_id(request.head.field("Last-Event-ID"));
  if (!from) co_return refuse(Problem(from.error()), request);
  const std::vector<std::string> subject{id};
  const auto rows = co_await backend_.verdicts(subject, std::nullopt);
  if (!rows) co_return refuse_job(rows.error(), id, request);
  if (!rows->at(0)) co_return refuse(job_not_found(id), request);
  Response response = json_response(200, {});
  response.job = id;
  // What tells an EventSource not to come back.
  if (from->last) response.status = 204;
  if (from->last) co_return response;
  response.content_type = "text/event-stream";
  response.headers.emplace_back("X-Accel-Buffering", "no");
  auto recheck = gate_.recheck(request, auth::Operation::read);
  const auto stream = std::make_shared<EventStream>(backend_, frames_, std::move(id), std::move(from->cursor),
                                                    options_.beat, std::move(recheck));
  response.shared_stream = [stream] { return stream->next(); };
  co_return response;
}

}  // namespace skill_verifier::http
