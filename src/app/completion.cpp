#include "app/completion.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <vector>

namespace skill_verifier::app {
namespace {

struct Choice {
  std::vector<std::string> names;  ///< `-s`, `--server`
  std::string description;
  bool takes_value = false;
};

struct Command {
  std::string name, description;
  std::vector<Choice> options;
  std::vector<Command> commands;
};

Choice choice_of(const CLI::Option& option) {
  Choice choice;
  for (const std::string& name : option.get_snames())
    choice.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames())
    choice.names.push_back("--" + name);
  choice.description = option.get_description();
  choice.takes_value = option.get_items_expected_max() > 0;
  return choice;
}

Command command_of(const CLI::App& app) {
  Command command{app.get_name(), app.get_description(), {}, {}};
  for (const CLI::Option* const option : app.get_options())
    if (!option->get_positional() || !option->get_lnames().empty()) command.options.push_back(choice_of(*option));
  for (const CLI::App* const below : app.get_subcommands([](const CLI::App*) { return true; }))
    command.commands.push_back(command_of(*below));
  return command;
}

/// What may stand in single quotes of a shell.
std::string in_single_quotes(std::string_view text) {
  std::string out;
  for (const char c : text)
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out;
}

std::string words_of(const Command& command) {
  std::string words;
  for (const Command& below : command.commands)
    words += (words.empty() ? "" : " ") + below.name;
  for (const Choice& choice : command.options)
    for (const std::string& name : choice.names)
      words += (words.empty() ? "" : " ") + name;
  return words;
}

std::string options_with_value(const Command& command) {
  std::string names;
  for (const Choice& choice : command.options)
    for (const std::string& name : choice.names)
      if (choice.takes_value) names += (names.empty() ? "" : "|") + name;
  return names.empty() ? "-" : names;
}

using Visit = std::string (*)(const Command& command, const std::string& path);

/// Every command below `command`, its path joined by spaces.
std::string visit_all(const Command& command, const std::string& path, Visit visit) {
  std::string text = visit(command, path);
  for (const Command& below : command.commands)
    text += visit_all(below, path.empty() ? below.name : path + " " + below.name, visit);
  return text;
}

std::string bash_case(const Command& command, const std::string& path) {
  std::vector<std::string> names;
  names.reserve(command.commands.size());
  for (const Command& below : command.commands)
    names.push_back(below.name);
  return fmt::format("    '{}') words='{}' valued='{}' below='{}' ;;\n", path, in_single_quotes(words_of(command)),
                     options_with_value(command), fmt::join(names, " "));
}

/// For bash, and for zsh through bashcompinit: one function that walks the words to the command they name.
std::string bash_script(const Command& root) {
  return fmt::format(R"(# bash completion for skill-verifier; made from its own options
_skill_verifier_look() {{
  case $1 in
{}  esac
}}
_skill_verifier() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} at='' words valued below i
  COMPREPLY=()
  _skill_verifier_look ''
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ " $below " == *" ${{COMP_WORDS[i]}} "* && -n ${{COMP_WORDS[i]}} ]]; then
      at=${{at:+$at }}${{COMP_WORDS[i]}}
      _skill_verifier_look "$at"
    fi
  done
  if ((COMP_CWORD > 1)) && [[ "|$valued|" == *"|${{COMP_WORDS[COMP_CWORD - 1]}}|"* ]]; then
    COMPREPLY=($(compgen -f -- "$current"))
  elif [[ $current == -* || -n $below ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  else
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}}
complete -o filenames -o bashdefault -F _skill_verifier skill-verifier
)",
                     visit_all(root, "", bash_case));
}

std::string zsh_script(const Command& root) {
  return "#compdef skill-verifier\nautoload -U +X bashcompinit && bashcompinit\n" + bash_script(root);
}

std::string fish_lines(const Command& command, const std::string& path) {
  std::string text;
  std::string condition = "__fish_use_subcommand";
  if (!path.empty()) {
    condition.clear();
    for (std::size_t at = 0; at <= path.size();) {
      const auto space = std::min(path.find(' ', at), path.size());
      condition += (condition.empty() ? "" : "; and ") + ("__fish_seen_subcommand_from " + path.substr(at, space - at));
      at = space + 1;
    }
  }
  for (const Command& below : command.commands)
    text += fmt::format("complete -c skill-verifier -n '{}' -f -a '{}' -d '{}'\n", condition, below.name,
                        in_single_quotes(below.description));
  for (const Choice& choice : command.options) {
    std::string names;
    for (const std::string& name : choice.names)
      names += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    text += fmt::format("complete -c skill-verifier -n '{}'{}{} -d '{}'\n", condition, names,
                        choice.takes_value ? " -r" : "", in_single_quotes(choice.description));
  }
  return text;
}

std::string fish_script(const Command& root) {
  return "# fish completion for skill-verifier; made from its own options\n" + visit_all(root, "", fish_lines);
}

}  // namespace

std::string completion_script(const CLI::App& app, std::string_view shell) {
  const Command root = command_of(app);
  if (shell == "fish") return fish_script(root);
  return shell == "zsh" ? zsh_script(root) : bash_script(root);
}

}  // namespace skill_verifier::app
