#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/request_check.hpp"

// Whatever passes has one meaning only: a single host, a single framing, and views into the text that was given.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto head = skill_verifier::http::parse_request_head(text);
  if (!head) {
    if (head.error().status < 400 || head.error().status > 505 || head.error().code.empty()) std::abort();
    return 0;
  }
  const auto inside = [&text](std::string_view view) {
    return view.empty() || (view.data() >= text.data() && view.data() + view.size() <= text.data() + text.size());
  };
  if (!inside(head->method) || !(inside(head->path) || head->path == "/") || !inside(head->query) || head->path.empty())
    std::abort();
  int hosts = 0, framings = 0;
  for (const auto& [name, value] : head->fields) {
    if (!inside(name) || !inside(value) || value.find_first_of(std::string_view("\r\n\0", 3)) != value.npos)
      std::abort();
    hosts += skill_verifier::http::equals_ignoring_case(name, "Host");
    framings += skill_verifier::http::equals_ignoring_case(name, "Content-Length");
    framings += skill_verifier::http::equals_ignoring_case(name, "Transfer-Encoding");
  }
  if (hosts > 1 || (hosts == 0 && head->minor_version == 1) || framings > 1) std::abort();
  if (!text.ends_with("\r\n\r\n")) std::abort();
  return 0;
}
