#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sandbox/engine_json.hpp"

namespace json = skill_verifier::sandbox::engine_json;

namespace {

template <class T>
void require_clean(const skill_verifier::Result<T>& read) {
  // A failure of the engine is ours to bear: it must never look like a refusal of the skill.
  if (!read && (read.error().id.empty() || read.error().code == skill_verifier::Errc::rejected)) std::abort();
}

}  // namespace

// What an engine answers, whichever call it is an answer to: no exception, and the same count of changes however the
// answer is cut.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  json::read_error_message(text);
  require_clean(json::read_about(text));
  require_clean(json::read_info(text));
  require_clean(json::read_image(text));
  require_clean(json::read_image_list(text));
  require_clean(json::read_created(text));
  require_clean(json::read_container(text));
  require_clean(json::read_limits(text));
  require_clean(json::read_written_bytes(text));
  require_clean(json::read_container_list(text));
  require_clean(json::read_exit(text));
  require_clean(json::read_image_id(text));
  require_clean(json::read_imported_id(text));
  require_clean(json::read_pull_message(text));
  json::ChangeCounter whole, cut;
  whole.add(text);
  for (std::size_t at = 0; at < text.size(); at += 7)
    cut.add(text.substr(at, 7));
  if (whole.count() != cut.count()) std::abort();
  return 0;
}
