#pragma once

#include <functional>

#include "scan/document.hpp"
#include "scan/mapped.hpp"

namespace skill_verifier::scan {

/// The forms in which a rule can look at a block.
enum class View : std::uint8_t {
  text,     ///< the block with single blanks; emphasis and back quotes of Markdown gone
  command,  ///< command lines, see shell_commands
  url,      ///< addresses, see normalise_url
};
inline constexpr std::size_t kViews = 3;

struct Unit {
  View view = View::text;
  MappedView text;
};
using UnitSink = std::function<void(const Unit& unit)>;

/// Delivers every unit of a block, in a fixed order.
void for_each_unit(const Block& block, const UnitSink& sink);

}  // namespace skill_verifier::scan
