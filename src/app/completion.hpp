#pragma once

#include <string>
#include <string_view>

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name
class App;
}

namespace skill_verifier::app {

/// A completion script for `bash`, `zsh` or `fish`, made from the commands and options that `app` really has.
std::string completion_script(const CLI::App& app, std::string_view shell);

}  // namespace skill_verifier::app
