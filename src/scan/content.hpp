#pragma once

#include <string_view>

namespace skill_verifier::scan {

/// What a file is by its first bytes, whatever its name.
enum class Content { text, executable, bytecode, archive, media, document, data };

struct Identity {
  Content content = Content::data;
  std::string_view name;   ///< `ELF`, `zip`, `PNG`, …
  bool encrypted = false;  ///< an archive that needs a password
};
Identity identify(std::string_view bytes);

/// Bits per byte, 0 to 8.
double entropy(std::string_view bytes);

}  // namespace skill_verifier::scan
