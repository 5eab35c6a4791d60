#include "app/check_command.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "app/check_inputs.hpp"
#include "app/check_output.hpp"
#include "app/commands.hpp"
#include "skill_verifier/attest/statement.hpp"
#include "skill_verifier/core/log.hpp"
#include "skill_verifier/net/http_client.hpp"

namespace skill_verifier::app {
namespace {

using attest::Evidence;
using attest::Expectations;

constexpr std::size_t kMaxSmallInput = 4u << 20;
constexpr std::size_t kMaxMessage = 4096;

int report_error(const Error& error, int exit_code) {
  std::fprintf(stderr, "skill-verifier: %s\n", core::shorten(error.message, kMaxMessage).c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "  %s\n", core::shorten(error.hint, kMaxMessage).c_str());
  return exit_code;
}

Error usage(std::string message) {
  return Error{Errc::invalid_argument, "usage", std::move(message)};
}

/// A value that must have exactly so many bytes in hexadecimal; given back in lower case without 0x.
Result<std::optional<std::string>> hex_option(const char* name, const std::string& text, std::size_t bytes) {
  if (text.empty()) return std::optional<std::string>();
  const auto parsed = core::parse_hex(text);
  if (!parsed || parsed->size() != bytes) {
    return usage(std::string(name) + " takes " + std::to_string(2 * bytes) + " hexadecimal digits");
  }
  return std::optional<std::string>(core::to_hex(*parsed));
}

/// `NAME` or `NAME:ID`; the id as the log is shown, in lower case without 0x.
Result<std::optional<std::string>> key_provider_option(const std::string& text) {
  if (text.empty()) return std::optional<std::string>();
  const auto colon = text.find(':');
  if (colon == std::string::npos) return std::optional(text);
  const auto id = core::parse_hex(std::string_view(text).substr(colon + 1));
  if (colon == 0 || !id || id->empty()) return usage("--key-provider takes NAME or NAME:ID, the id in hexadecimal");
  return std::optional(text.substr(0, colon + 1) + core::to_hex(*id));
}

Result<std::uint32_t> number_option(const char* name, const std::string& text) {
  std::uint32_t value = 0;
  if (text.empty()) return value;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return usage(std::string(name) + " takes a number");
  return value;
}

/// What the address itself asks for. The caller's own --nonce comes first.
Result<void> read_address(const std::string& url, Expectations& expected) {
  if (!is_url(url)) return {};
  SKILL_VERIFIER_TRY(auto address, parse_address(url));
  expected.kind = address.kind;
  expected.job_id = std::move(address.job_id);
  if (!expected.nonce) expected.nonce = std::move(address.nonce);
  return {};
}

Result<std::optional<std::string>> file_option(const std::string& path) {
  if (path.empty()) return std::optional<std::string>();
  SKILL_VERIFIER_TRY(auto text, read_input(path, kMaxSmallInput));
  return std::optional<std::string>(std::move(text));
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const auto comma = std::min(text.find(',', at), text.size());
    if (comma > at) parts.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return parts;
}

/// What can be wrong with the command line itself.
Result<Expectations> read_pins(const CheckOptions& options, core::Time now) {
  Expectations expected;
  SKILL_VERIFIER_TRY(expected.compose_hash, hex_option("--compose-hash", options.compose_hash, 32));
  SKILL_VERIFIER_TRY(expected.app_id, hex_option("--app-id", options.app_id, 20));
  SKILL_VERIFIER_TRY(expected.os_image, hex_option("--os-image", options.os_image, 32));
  if (!options.nonce.empty()) expected.nonce = options.nonce;
  SKILL_VERIFIER_TRY(expected.key_provider, key_provider_option(options.key_provider));
  SKILL_VERIFIER_TRY(expected.min_evaluation, number_option("--min-evaluation", options.min_evaluation));
  SKILL_VERIFIER_TRY_VOID(read_address(options.input, expected));
  if (!options.at.empty()) {
    SKILL_VERIFIER_TRY(expected.at, parse_instant(options.at, now));
  }
  if (!options.pccs.empty() && !net::parse_endpoint(options.pccs)) {
    return usage("--pccs takes an address like https://api.trustedservices.intel.com");
  }
  if (expected.nonce) SKILL_VERIFIER_TRY_VOID(attest::check_nonce(*expected.nonce));
  SKILL_VERIFIER_TRY(expected.accepted, attest::parse_accepted(split(options.accept)));
  return expected;
}

Result<void> read_files(const CheckOptions& options, Expectations& expected) {
  SKILL_VERIFIER_TRY(expected.app_compose, file_option(options.compose));
  SKILL_VERIFIER_TRY(expected.measurements, file_option(options.measurements));
  SKILL_VERIFIER_TRY(expected.mr_config, file_option(options.mr_config));
  SKILL_VERIFIER_TRY(expected.collateral, file_option(options.collateral));
  if (!options.trust_root.empty()) {
    SKILL_VERIFIER_TRY(const auto text, read_input(options.trust_root, kMaxSmallInput));
    SKILL_VERIFIER_TRY(expected.trust_root, attest::parse_trust_root(text));
  }
  if (!options.package.empty()) {
    SKILL_VERIFIER_TRY(expected.package, package_digests(options.package));
  }
  return {};
}

struct Input {
  std::string text;
  std::optional<std::string> event_log, vm_config;  ///< beside a --quote
};

Result<Input> read_evidence(const CheckOptions& options) {
  Input input;
  if (options.quote.empty()) {
    SKILL_VERIFIER_TRY(input.text, is_url(options.input) ? fetch(options.input) : read_input(options.input));
    return input;
  }
  SKILL_VERIFIER_TRY(input.text, read_input(options.quote));
  SKILL_VERIFIER_TRY(input.event_log, file_option(options.event_log));
  SKILL_VERIFIER_TRY(input.vm_config, file_option(options.vm_config));
  return input;
}

Result<Evidence> parse(Input input) {
  SKILL_VERIFIER_TRY(auto evidence, attest::parse_evidence(input.text));
  if (input.event_log || input.vm_config) {
    if (evidence.kind != attest::EvidenceKind::quote) return usage("--quote takes a quote and nothing else");
    evidence.kind = attest::EvidenceKind::bundle;
    evidence.event_log = std::move(input.event_log);
    evidence.vm_config = std::move(input.vm_config);
  }
  return evidence;
}

int exit_of(const attest::CheckReport& report) {
  switch (report.verdict) {
    case attest::CheckVerdict::valid:
      return exit_valid;
    case attest::CheckVerdict::incomplete:
      return exit_incomplete;
    case attest::CheckVerdict::invalid:
      break;
  }
  return exit_invalid;
}

int print(const attest::CheckReport& report, bool json) {
  const bool colour = isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  const auto text = json ? to_json(report) + "\n" : to_text(report, colour);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return exit_of(report);
}

}  // namespace

void refuse_empty_values(CLI::App& command) {
  for (CLI::Option* const option : command.get_options())
    option->check([](const std::string& text) { return std::string(text.empty() ? "is empty" : ""); }, "");
}

void add_pin_options(CLI::App& command, CheckOptions& options) {
  command.add_option("--compose", options.compose, "app-compose.json, exactly as deployed");
  command.add_option("--compose-hash", options.compose_hash, "SHA-256 of app-compose.json");
  command.add_option("--app-id", options.app_id, "dstack app id");
  command.add_option("--key-provider", options.key_provider, "NAME or NAME:ID");
  command.add_option("--os-image", options.os_image, "os_image_hash");
  command.add_option("--measurements", options.measurements, "JSON file of allowed MRTD and RTMR0-2 sets");
  command.add_option("--mr-config", options.mr_config, "the document whose hash MRCONFIGID is (dstack's third form)");
  auto* const collateral =
      command.add_option("--collateral", options.collateral, "QuoteCollateralV3 (JSON) instead of the document's own");
  command.add_option("--pccs", options.pccs, "fetch collateral from this PCS or PCCS now")->excludes(collateral);
  command.add_option("--at", options.at,
                     "check as of this time (ISO 8601, UTC where it names no zone; seconds since 1970; or now)");
  command.add_option("--accept", options.accept, "TCB statuses beside UpToDate, separated by commas, or all");
  command.add_option("--min-evaluation", options.min_evaluation, "least tcbEvaluationDataNumber of the collateral");
  command.add_option("--trust-root", options.trust_root, "certificate (PEM or DER) to trust instead of Intel's root");
}

void add_check_options(CLI::App& command, CheckOptions& options) {
  auto* const input = command.add_option(
      "FILE|URL", options.input,
      "attestation document, GetQuote or Attest response, dstack-verifier request, or a quote; - reads standard input");
  auto* const quote =
      command.add_option("--quote", options.quote, "quote, in hexadecimal or as it is")->excludes(input);
  command.add_option("--event-log", options.event_log, "its event log (JSON)")->needs(quote);
  command.add_option("--vm-config", options.vm_config, "its vm_config (JSON)")->needs(quote);
  command.add_option("--package", options.package, "the skill in hand: folder or archive");
  command.add_option("--nonce", options.nonce, "the nonce that you gave");
  add_pin_options(command, options);
  refuse_empty_values(command);
  command.add_flag("--json", options.json, "print the report as JSON");
  command.footer("Exit status: 0 valid, 1 invalid, 2 incomplete, 3 an input could not be read, 64 usage.");
}

Result<attest::Expectations> read_expectations(const CheckOptions& options, core::Time now) {
  SKILL_VERIFIER_TRY(auto expected, read_pins(options, now));
  SKILL_VERIFIER_TRY_VOID(read_files(options, expected));
  return expected;
}

Result<attest::CheckReport> check_document(const std::string& text, Expectations expected, const std::string& pccs,
                                           core::Time now) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  const auto evidence = attest::parse_evidence(text);
  if (!evidence) return attest::unreadable(evidence.error(), seconds);
  if (!pccs.empty() && evidence->quote) {
    SKILL_VERIFIER_TRY(expected.collateral, fetch_collateral(*evidence->quote, pccs));
  }
  return attest::check(*evidence, expected, seconds);
}

int check_command(const CheckOptions& options) {
  log::configure(log::Level::warn, log::Format::text);
  const auto now = core::SystemClock().now();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  if (options.input.empty() == options.quote.empty()) {
    return report_error(usage("check takes one FILE or URL, or --quote"), exit_usage);
  }
  auto expected = read_pins(options, now);
  if (!expected) return report_error(expected.error(), exit_usage);
  if (const auto read = read_files(options, *expected); !read) return report_error(read.error(), exit_error);
  auto input = read_evidence(options);
  if (!input) return report_error(input.error(), exit_error);
  const auto evidence = parse(std::move(*input));
  if (!evidence && evidence.error().id == "usage") return report_error(evidence.error(), exit_usage);
  if (!evidence) return print(attest::unreadable(evidence.error(), seconds), options.json);
  if (!options.pccs.empty() && evidence->quote) {
    auto collateral = fetch_collateral(*evidence->quote, options.pccs);
    if (!collateral) return report_error(collateral.error(), exit_error);
    expected->collateral = std::move(*collateral);
  }
  return print(attest::check(*evidence, *expected, seconds), options.json);
}

}  // namespace skill_verifier::app
