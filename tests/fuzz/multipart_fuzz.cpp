#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/header_value.hpp"
#include "http/multipart.hpp"
#include "http/query.hpp"

namespace {

using skill_verifier::http::MultipartEvent;
using skill_verifier::http::MultipartParser;

struct Seen {
  std::string text;  ///< every part's name, file name and bytes, with separators
  std::string error;
  bool operator==(const Seen&) const = default;
};

Seen parse(std::string_view body, std::size_t size) {
  Seen seen;
  MultipartParser parser("B");
  bool open = false;
  for (std::size_t at = 0; at < body.size(); at += size) {
    const std::string piece(body.substr(at, size));
    parser.feed(piece);
    while (true) {
      const auto event = parser.next();
      if (!event) {
        seen.error = event.error().id;
        return seen;
      }
      if (event->kind == MultipartEvent::Kind::need_more) break;
      if (event->kind == MultipartEvent::Kind::data ? !open : event->kind == MultipartEvent::Kind::part && open)
        std::abort();
      if (event->kind == MultipartEvent::Kind::data && event->data.empty()) std::abort();
      if (event->kind == MultipartEvent::Kind::part) {
        open = true;
        seen.text += "|" + event->part.name + "/" + event->part.filename.value_or("-") + ":";
      }
      if (event->kind == MultipartEvent::Kind::data) seen.text += event->data;
      if (event->kind == MultipartEvent::Kind::part_end) open = false;
    }
  }
  const auto ended = parser.finish();
  if (!ended) seen.error = ended.error().id;
  if (ended && open) std::abort();
  return seen;
}

}  // namespace

// The first byte says how the body is cut: what is seen may not depend on it. Content seen before an error may, since a
// cut body shows the error later.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data + 1), size - 1);
  const Seen whole = parse(body, body.size() + 1);
  const Seen cut = parse(body, data[0] % 64u + 1);
  if (whole.error.empty() != cut.error.empty()) std::abort();
  if (whole.error.empty() && whole != cut) std::abort();
  const std::string_view line = body.substr(0, body.find('\n'));
  (void)skill_verifier::http::multipart_boundary(line);
  (void)skill_verifier::http::Query::parse(line);
  return 0;
}
