#pragma once

#include <map>
#include <string>
#include <string_view>

namespace skill_verifier::sandbox {

/// A name that can only be an image that is here already.
bool is_image_id(std::string_view reference);

/// Whether the reference names one image for ever: an id or a digest does, a tag can be moved.
bool is_pinned(std::string_view reference);

/// Those of the allowed images (name → reference) that are not pinned, for a log line: `a, b → c`; empty when all are.
std::string list_unpinned(const std::map<std::string, std::string>& images);

}  // namespace skill_verifier::sandbox
