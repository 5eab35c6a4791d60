#include <CLI/CLI.hpp>
#include <cstdio>

#include "app/check_command.hpp"
#include "app/check_inputs.hpp"
#include "app/commands.hpp"
#include "app/quote_fields.hpp"

namespace skill_verifier::app {
namespace {

Result<dcap::Quote> read_quote(const std::string& path) {
  SKILL_VERIFIER_TRY(const auto text, read_input(path));
  SKILL_VERIFIER_TRY(const auto evidence, attest::parse_evidence(text));
  if (!evidence.quote) return Error{Errc::not_found, "quote_missing", "there is no quote in it"};
  SKILL_VERIFIER_TRY(const auto bytes, core::parse_hex(*evidence.quote));
  return dcap::parse_quote(bytes);
}

}  // namespace

void add_inspect_options(CLI::App& command, InspectOptions& options) {
  command
      .add_option(
          "QUOTE", options.quote,
          "file with a quote, in hexadecimal or as it is, or with any document that holds one; - reads standard "
          "input")
      ->required();
  command.add_flag("--json", options.json, "print one JSON object");
  command.footer("Nothing is verified: see `skill-verifier check`. Exit status: 0, or 1 where it is no quote.");
}

int inspect_command(const InspectOptions& options) {
  const auto quote = read_quote(options.quote);
  if (!quote) {
    std::fprintf(stderr, "skill-verifier: %s\n", quote.error().message.c_str());
    return quote.error().id == "input_unreadable" ? exit_error : exit_failed;
  }
  const auto sections = describe_quote(*quote);
  const auto text = options.json ? to_json(sections) + "\n" : to_text(sections);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return exit_ok;
}

}  // namespace skill_verifier::app
