#include "service/journal.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/ids.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::service {
namespace {

using core::Json;

constexpr std::size_t kLifeBytes = 4;
/// Of a journal that was made up from the job's row.
constexpr std::string_view kNoLife = "00000000";

std::optional<Journal> parse_journal(std::string_view text) {
  const auto json = core::parse_json(text);
  if (!json || !json->is_object() || !json->contains("life") || !(*json)["life"].is_string()) return std::nullopt;
  Journal journal((*json)["life"].get<std::string>());
  for (const Json& mark : json->value("marks", Json::array())) {
    if (!mark.is_array() || mark.size() != 4 || !mark[0].is_string()) return std::nullopt;
    const auto state = store::parse_job_state(mark[0].get<std::string>());
    if (!state || !mark[1].is_number_integer() || !mark[2].is_number_integer() || !mark[3].is_number_unsigned())
      return std::nullopt;
    journal.add(*state, mark[1].get<int>(), core::Time(std::chrono::milliseconds(mark[2].get<std::int64_t>())),
                mark[3].get<std::uint64_t>());
  }
  return journal;
}

/// Bytes at the end that may be the beginning of a longer character.
std::size_t unfinished_character(std::string_view text) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const std::size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return back < length ? back : 0;
    }
  }
  return 0;
}

/// How much of the text goes into one event: up to the last line's end, else everything but a character's beginning.
std::size_t length_of_piece(std::string_view text, bool complete) {
  const bool whole = text.size() <= kEventText;
  const std::string_view window = text.substr(0, kEventText);
  if (const auto line = window.rfind('\n'); line != std::string_view::npos) return line + 1;
  if (whole && complete) return window.size();
  return window.size() - unfinished_character(window);
}

}  // namespace

Journal::Journal() : life_(core::random_hex(kLifeBytes)) {}

void Journal::add(store::JobState state, int attempt, core::Time at, std::uint64_t offset) {
  marks_.push_back({state, attempt, at, offset});
}

std::string Journal::to_json() const {
  Json marks = Json::array();
  for (const auto& mark : marks_)
    marks.push_back(
        Json::array({store::to_string(mark.state), mark.attempt, mark.at.time_since_epoch().count(), mark.offset}));
  return core::dump_json(Json{{"life", life_}, {"marks", std::move(marks)}});
}

Journal Journal::of(const store::VerdictRow& job, const store::LogPiece& piece) {
  if (auto journal = parse_journal(piece.journal)) return std::move(*journal);
  Journal made{std::string(kNoLife)};
  made.add(store::JobState::pending, 0, job.created_at, 0);
  if (store::is_final(job.state)) made.add(job.state, 0, job.completed_at.value_or(job.created_at), piece.size);
  return made;
}

EventCursor in_life(const Journal& journal, const EventCursor& cursor) {
  if (cursor.life == journal.life()) return cursor;
  EventCursor first;
  first.life = journal.life();
  return first;
}

std::optional<EventPart> next_part(const Journal& journal, std::string_view available, bool complete,
                                   const EventCursor& cursor) {
  EventPart part;
  part.next = cursor;
  const auto& marks = journal.marks();
  const bool more_marks = cursor.marks < marks.size();
  if (more_marks && marks[cursor.marks].offset <= cursor.offset) {
    part.mark = marks[cursor.marks];
    ++part.next.marks;
    return part;
  }
  if (more_marks) available = available.substr(0, marks[cursor.marks].offset - cursor.offset);
  const std::size_t length = length_of_piece(available, complete || more_marks);
  if (length > 0) {
    part.text = available.substr(0, length);
    part.next.offset += length;
    return part;
  }
  if (!complete || more_marks) return std::nullopt;
  part.ended = true;
  part.is_final = !marks.empty() && store::is_final(marks.back().state);
  return part;
}

}  // namespace skill_verifier::service
