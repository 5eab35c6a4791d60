#include "attest/check/check_log.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "attest/check/json_member.hpp"
#include "skill_verifier/dcap/measurements.hpp"
#include "skill_verifier/dcap/os_image.hpp"

namespace skill_verifier::attest {
namespace {

using core::to_hex;

constexpr std::size_t kShownFindings = 3;

/// What the steps below share.
struct Context {
  const Evidence& evidence;
  const Expectations& expected;
  const dcap::TdMeasurements& quoted;
  Rows& rows;
};

std::string join(const std::vector<dcap::EvidenceFinding>& findings) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < findings.size() && i < kShownFindings; ++i)
    texts.push_back(findings[i].message + ", " + findings[i].code);
  if (findings.size() > kShownFindings) texts.push_back(fmt::format("and {} more", findings.size() - kShownFindings));
  return fmt::format("{}", fmt::join(texts, "; "));
}

dcap::TdMeasurements measurements_of(const dcap::TdReport& td) {
  dcap::TdMeasurements quoted;
  quoted.mrtd = td.mr_td;
  quoted.rtmrs = td.rtmr;
  quoted.mr_config_id = td.mr_config_id;
  quoted.mr_owner = td.mr_owner;
  quoted.mr_owner_config = td.mr_owner_config;
  return quoted;
}

template <class Value>
std::string hex_or_none(const std::optional<Value>& value) {
  return value ? to_hex(*value) : "none";
}

void replay_registers(const Context& context, const dcap::Replay& replay) {
  auto& rows = context.rows;
  if (replay.findings.empty()) {
    std::size_t events = 0;
    for (const auto& one : replay.registers)
      events += one.events;
    rows.pass("event-log",
              fmt::format("{} events; those that name the app are each there once, in dstack's order", events));
  } else {
    rows.fail("event-log", join(replay.findings));
  }
  for (const auto& compared : dcap::compare_registers(replay, context.quoted.rtmrs)) {
    const auto id = fmt::format("rtmr{}", compared.index);
    switch (compared.verdict) {
      case dcap::RegisterVerdict::matches:
        rows.pass(id, "the log replays to it", to_hex(compared.quoted));
        break;
      case dcap::RegisterVerdict::differs:
        rows.fail(id, "the log replays to something else", to_hex(compared.quoted), to_hex(compared.replayed));
        break;
      case dcap::RegisterVerdict::not_replayable:
        rows.skip(id, "the log lacks its events");
        break;
    }
  }
}

/// What MRCONFIGID of form 3 is the hash of: the caller's copy, or a member of the sys-config that came as vm_config.
/// The compose file is not it, for the document holds that file's hash.
std::optional<std::string> mr_config_document(const Evidence& evidence, const Expectations& expected) {
  if (expected.mr_config) return expected.mr_config;
  if (!evidence.vm_config) return std::nullopt;
  const auto config = core::parse_json(*evidence.vm_config, {.depth = 16, .bytes = dcap::kMaxVmConfigBytes});
  return config ? text_member(*config, "mr_config") : std::nullopt;
}

void check_mr_config(const Context& context, const dcap::RuntimeClaims& claims) {
  const auto document = mr_config_document(context.evidence, context.expected);
  const auto config = dcap::check_mr_config_id(context.quoted.mr_config_id, claims, document);
  const auto form = dcap::to_string(config.form);
  if (!config.findings.empty()) {
    return context.rows.fail("mr-config-id", join(config.findings), config.expected ? to_hex(*config.expected) : "",
                             to_hex(config.quoted));
  }
  if (context.expected.mr_config && config.form != dcap::MrConfigForm::document) {
    return context.rows.fail("mr-config-id", fmt::format("its form is {}, which binds no document", form), "",
                             to_hex(config.quoted));
  }
  if (!config.checked) {
    const bool lacking = config.form == dcap::MrConfigForm::document;
    return context.rows.skip(
        "mr-config-id", fmt::format("its form is {}{}", form,
                                    lacking ? ", and vm_config has no mr_config to compare: give --mr-config" : ""));
  }
  context.rows.pass("mr-config-id", fmt::format("agrees with the log, form {}", form), to_hex(config.quoted));
}

void compare_claim(Rows& rows, const char* id, const std::optional<std::string>& expected, const std::string& actual,
                   const char* option) {
  if (!expected) return rows.skip(id, fmt::format("{}; give {} to compare it", actual, option));
  rows.compare(id, *expected, actual, "measured, and the one expected", "another one was measured");
}

/// MRCONFIGID of form 1 carries the compose hash itself (dstack mr_config), so that it also speaks without a log.
std::optional<core::Digest256> compose_hash_of(const core::Digest384& mr_config_id) {
  if (mr_config_id[0] != 1) return std::nullopt;
  core::Digest256 hash;
  std::copy_n(mr_config_id.begin() + 1, hash.size(), hash.begin());
  return hash;
}

void check_compose(const Context& context, const std::optional<core::Digest256>& measured) {
  const auto actual = hex_or_none(measured);
  const auto& expected = context.expected;
  if (expected.app_compose) {
    compare_claim(context.rows, "compose-hash", core::sha256_hex(*expected.app_compose), actual, "");
  }
  if (expected.compose_hash || !expected.app_compose) {
    compare_claim(context.rows, "compose-hash", expected.compose_hash, actual, "--compose or --compose-hash");
  }
  // What a service says of its own deployment must be what was measured.
  if (context.evidence.app_compose && core::sha256_hex(*context.evidence.app_compose) != actual) {
    context.rows.fail("document", "its appCompose is not the one that was measured", actual,
                      core::sha256_hex(*context.evidence.app_compose));
  }
}

void check_key_provider(const Context& context, const dcap::RuntimeClaims& claims) {
  const auto& provider = claims.key_provider;
  const auto name = provider ? core::shorten(provider->name) : "none";
  const auto full = provider ? fmt::format("{}:{}", name, to_hex(provider->id)) : name;
  const bool with_id = context.expected.key_provider && context.expected.key_provider->find(':') != std::string::npos;
  compare_claim(context.rows, "key-provider", context.expected.key_provider,
                with_id || !context.expected.key_provider ? full : name, "--key-provider");
}

bool check_pins(const Context& context) {
  auto& rows = context.rows;
  const auto& pins = context.expected.measurements;
  const auto shown = "MRTD " + to_hex(context.quoted.mrtd);
  if (!pins) {
    rows.skip("measurements", "give --measurements to compare MRTD and RTMR0-2 with those of an image that you know");
    return false;
  }
  const auto parsed = dcap::parse_measurement_pins(*pins);
  if (!parsed) {
    rows.fail("measurements", parsed.error().message);
    return false;
  }
  const auto match = dcap::match_pins(*parsed, context.quoted);
  if (!match.name) {
    rows.fail("measurements", join(match.findings), "", shown);
    return false;
  }
  rows.pass("measurements", fmt::format("MRTD and RTMR0-2 are those of '{}'", core::shorten(*match.name)), shown);
  return true;
}

/// A legacy image's hash is a word of the KMS in RTMR3, which any system could have written there: it counts only once
/// the system's own measurements are pinned.
void check_legacy_image(const Context& context, const dcap::RuntimeClaims& claims,
                        const std::optional<core::Digest256>& configured, bool pinned) {
  auto& rows = context.rows;
  const auto& measured = claims.os_image_hash;
  if (measured && configured && *measured != *configured) {
    return rows.fail("os-image", "vm_config names another image than the event log", to_hex(*measured),
                     to_hex(*configured));
  }
  const auto found = measured ? measured : configured;
  const auto& expected = context.expected.os_image;
  if (expected && (!found || to_hex(*found) != *expected)) {
    return rows.fail("os-image", "another image is named", *expected, hex_or_none(found));
  }
  if (expected && measured && pinned) return rows.pass("os-image", "named in the log of a pinned system", *expected);
  rows.skip("os-image", fmt::format("{} is named; a legacy image cannot be recomputed offline: pin --measurements",
                                    hex_or_none(found)));
}

void check_image(const Context& context, const dcap::EventLog& log, const dcap::RuntimeClaims& claims, bool pinned) {
  auto& rows = context.rows;
  const auto& text = context.evidence.vm_config;
  if (!text || text->empty()) return check_legacy_image(context, claims, std::nullopt, pinned);
  const auto config = dcap::parse_vm_config(*text);
  if (!config) return rows.fail("os-image", config.error().message);
  const auto image = dcap::check_os_image(*config, log, context.quoted);
  if (image.status == dcap::OsImageStatus::not_checked) {
    return check_legacy_image(context, claims, image.os_image_hash, pinned);
  }
  if (image.status == dcap::OsImageStatus::failed || !image.os_image_hash)
    return rows.fail("os-image", join(image.findings));
  const auto actual = to_hex(*image.os_image_hash);
  const std::string detail = "MRTD and RTMR0-2 follow from this image (the ACPI tables' contents stay open)";
  if (context.expected.os_image) {
    rows.compare("os-image", *context.expected.os_image, actual, detail, "the registers follow from another image");
  } else {
    rows.pass("os-image", detail, actual);
  }
}

void tell(const dcap::Replay& replay, const dcap::TdMeasurements& quoted, CheckReport& report) {
  const auto& claims = replay.claims;
  report.says.emplace_back("app id", hex_or_none(claims.app_id));
  report.says.emplace_back("compose", hex_or_none(claims.compose_hash));
  report.says.emplace_back("instance", hex_or_none(claims.instance_id));
  report.says.emplace_back("mr_system", to_hex(dcap::mr_system(quoted, claims.key_provider_payload)));
  report.says.emplace_back("mr_aggregated", to_hex(dcap::mr_aggregated(quoted)));
}

/// RTMR0-2 are vouched for by their replay, or by an image or a pin that they were compared with.
void demand_registers(Rows& rows, bool pinned) {
  if (pinned || rows.outcome("os-image") == Outcome::passed) return;
  for (const auto* const id : {"rtmr0", "rtmr1", "rtmr2"})
    rows.demand(id);
}

void check_without_log(const Context& context, const std::string& why) {
  for (const auto* const id :
       {"event-log", "rtmr0", "rtmr1", "rtmr2", "rtmr3", "mr-config-id", "app-id", "key-provider", "os-image"})
    context.rows.skip(id, why);
  check_pins(context);
  const auto hash = compose_hash_of(context.quoted.mr_config_id);
  if (hash) {
    check_compose(context, hash);
  } else {
    context.rows.skip("compose-hash", why);
  }
}

}  // namespace

void check_log(const Evidence& evidence, const Expectations& expected, const dcap::Quote& quote, CheckReport& report,
               Rows& rows) {
  const auto quoted = measurements_of(quote.td);
  const Context context{evidence, expected, quoted, rows};
  const bool logged = evidence.events || (evidence.event_log && !evidence.event_log->empty());
  if (!logged) return check_without_log(context, "there is no event log");
  const auto parsed =
      evidence.events ? Result<dcap::EventLog>(*evidence.events) : dcap::parse_event_log(*evidence.event_log);
  if (!parsed) {
    rows.fail("event-log", parsed.error().message);
    return check_without_log(context, "the event log cannot be read");
  }
  const auto replay = dcap::replay(*parsed);
  tell(replay, quoted, report);
  replay_registers(context, replay);
  check_mr_config(context, replay.claims);
  check_compose(context, replay.claims.compose_hash);
  compare_claim(rows, "app-id", expected.app_id, hex_or_none(replay.claims.app_id), "--app-id");
  check_key_provider(context, replay.claims);
  const bool pinned = check_pins(context);
  check_image(context, *parsed, replay.claims, pinned);
  demand_registers(rows, pinned);
}

}  // namespace skill_verifier::attest
