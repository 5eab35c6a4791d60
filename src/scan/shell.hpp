#pragma once

#include <functional>

#include "scan/document.hpp"
#include "scan/mapped.hpp"

namespace skill_verifier::scan {

/// Receives one normalised command line.
using CommandSink = std::function<void(const Mapped& command)>;

/// Splits shell text into logical lines and writes each the way rules expect it: continuation lines joined, quotes and
/// escapes resolved (`c''u\rl` is `curl`), `$IFS` a space, back quotes as `$(…)`, paths of system programs reduced to
/// the program, prompts and comments gone, variables that hold a plain text replaced by it, blanks single. An operator
/// inside quotes is written as U+00A6 `¦`, and what stands in those quotes is delivered again as a command line of its
/// own. `loose` is for lines of prose: an apostrophe inside a word is no quote, `#` starts no comment.
void shell_commands(MappedView text, Language language, bool loose, const CommandSink& sink);

/// The texts in quotes of another language that may be command lines: `os.system("curl … | sh")`.
void quoted_commands(MappedView text, const CommandSink& sink);

}  // namespace skill_verifier::scan
