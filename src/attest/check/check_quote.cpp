#include "attest/check/check_quote.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "attest/check/json_member.hpp"
#include "skill_verifier/core/clock.hpp"
#include "skill_verifier/dcap/verify.hpp"

namespace skill_verifier::attest {
namespace {

using std::chrono::seconds;

/// A service's clock may be ahead of ours by so much.
constexpr std::int64_t kClockSkew = 300;

/// Which steps of the verification stand behind a row.
struct StepsOfRow {
  const char* row;
  std::vector<std::string_view> steps;
};
const std::vector<StepsOfRow>& steps_of_rows() {
  static const std::vector<StepsOfRow> table = {{"quote", {"quote"}},
                                                {"certificates", {"root_crl", "pck_chain", "pck_crl"}},
                                                {"collateral", {"tcb_info", "qe_identity", "platform"}},
                                                {"quoting-enclave", {"qe_report", "qe_policy"}},
                                                {"signature", {"quote_signature"}},
                                                {"tcb", {"tcb", "policy"}},
                                                {"td-attributes", {"td_attributes"}}};
  return table;
}

std::string to_text(std::int64_t instant) {
  return core::to_rfc3339(core::Time(seconds(instant)));
}

/// `fetchedAt` of the collateral; nothing where it has none.
Result<std::optional<std::int64_t>> recorded_instant(const std::string& collateral) {
  const auto json = core::parse_json(collateral, {.depth = 32, .bytes = dcap::kMaxCollateralBytes});
  const auto* const member = json ? find_member(*json, "fetchedAt") : nullptr;
  if (member == nullptr) return std::optional<std::int64_t>();
  if (!member->is_string()) return Error{Errc::invalid_argument, "fetchedAt is not a time"};
  const auto time = core::parse_rfc3339(member->get_ref<const std::string&>());
  if (!time) return time.error();
  return std::optional<std::int64_t>(std::chrono::floor<seconds>(*time).time_since_epoch().count());
}

/// A quote has no time of its own. By default its collateral's is taken, so that evidence can be checked for as long as
/// it is kept; whoever wants today's answer says so.
void choose_instant(const Evidence& evidence, const Expectations& expected, std::int64_t now, CheckReport& report,
                    Rows& rows) {
  const auto& collateral = expected.collateral ? expected.collateral : evidence.collateral;
  report.at = expected.at.value_or(now);
  if (expected.at) return rows.pass("time", "the time that was asked for", to_text(report.at));
  if (evidence.kind == EvidenceKind::service_document && expected.nonce) {
    return rows.pass("time", "now: a nonce asks for an answer of today", to_text(now));
  }
  const auto recorded = collateral ? recorded_instant(*collateral) : std::optional<std::int64_t>();
  if (!recorded) return rows.fail("time", "the collateral's fetchedAt: " + recorded.error().message);
  if (!*recorded) return rows.pass("time", "now", to_text(now));
  if (**recorded > now + kClockSkew) {
    return rows.fail("time", "the collateral was fetched in the future", "at most " + to_text(now),
                     to_text(**recorded));
  }
  report.at = **recorded;
  report.time_claimed = !expected.collateral;
  rows.pass("time", "when the collateral says that it was fetched (--at now for today)", to_text(report.at));
}

void check_trust_root(const dcap::Quote& quote, const dcap::TrustRoot& root, CheckReport& report, Rows& rows) {
  const auto embedded = core::sha256(quote.pck_chain.back());
  report.simulated = embedded != dcap::intel_root_sha256() || !root.is_intel();
  rows.compare("trust-root", core::to_hex(core::sha256(root.der)), core::to_hex(embedded),
               root.is_intel() ? "the quote's certificates end at Intel's root"
                               : "the quote's certificates end at the root that was given, which is not Intel's",
               root.is_intel() ? "the quote's certificates end at a root that is not Intel's"
                               : "the quote's certificates end at another root than the one given");
}

dcap::Policy make_policy(const Expectations& expected) {
  dcap::Policy policy;
  policy.min_evaluation_data_number = expected.min_evaluation;
  for (const auto& name : expected.accepted)
    if (const auto status = dcap::parse_tcb_status(name); status && *status != dcap::TcbStatus::revoked)
      policy.accepted.insert(*status);
  return policy;
}

std::string describe_tcb(const dcap::Verification& verified) {
  auto text = fmt::format("level of {}, evaluation {}, FMSPC {}", verified.tcb_date.substr(0, 10),
                          verified.evaluation_data_number, verified.fmspc);
  if (!verified.advisory_ids.empty()) text += fmt::format(", {}", fmt::join(verified.advisory_ids, " "));
  return text;
}

std::string accepted_names(const dcap::Policy& policy) {
  std::vector<std::string_view> names;
  names.reserve(policy.accepted.size());
  for (const auto status : policy.accepted)
    names.push_back(dcap::to_string(status));
  return fmt::format("{}", fmt::join(names, " or "));
}

/// The details of the steps, and whether all of them were taken and passed.
void report_steps(const StepsOfRow& entry, const dcap::Verification& verified, Rows& rows) {
  std::vector<std::string> details;
  std::size_t passed = 0;
  for (const auto& step : verified.steps) {
    if (std::ranges::find(entry.steps, step.name) == entry.steps.end()) continue;
    if (!step.passed) {
      return rows.fail(entry.row, fmt::format("{}{}{}", step.detail, verified.code.empty() ? "" : ", ", verified.code));
    }
    ++passed;
    if (!step.detail.empty()) details.push_back(step.detail);
  }
  if (passed < entry.steps.size()) return rows.skip(entry.row, "an earlier step failed");
  rows.pass(entry.row, fmt::format("{}", fmt::join(details, "; ")));
}

void report_verification(const dcap::Verification& verified, const dcap::Policy& policy, Rows& rows) {
  for (const auto& entry : steps_of_rows()) {
    if (std::string_view(entry.row) == "tcb" && verified.status) {
      const auto status = std::string(dcap::to_string(*verified.status));
      if (!policy.accepted.contains(*verified.status)) {
        rows.fail("tcb", describe_tcb(verified), accepted_names(policy), status);
        continue;
      }
    }
    report_steps(entry, verified, rows);
  }
  if (verified.status && rows.outcome("tcb") == Outcome::passed) {
    rows.pass("tcb", describe_tcb(verified), std::string(dcap::to_string(*verified.status)));
  }
  // Whatever the steps say, a refusal is one.
  if (!verified.ok) {
    const bool shown = std::ranges::any_of(
        steps_of_rows(), [&](const auto& entry) { return rows.outcome(entry.row) == Outcome::failed; });
    if (!shown) rows.fail("signature", verified.code + ": " + verified.message);
  }
}

/// What can be said without collateral.
void check_without_collateral(const dcap::Quote& quote, const dcap::Policy& policy, const std::string& why,
                              Rows& rows) {
  rows.pass("quote", fmt::format("version {}", quote.header.version));
  for (const auto& entry : steps_of_rows())
    rows.skip(entry.row, why);
  const auto refusals = dcap::check_td_attributes(quote.td, policy);
  const auto attributes = core::to_hex(quote.td.td_attributes);
  if (refusals.empty()) {
    rows.pass("td-attributes", "no debugging, nothing reserved", attributes);
  } else {
    rows.fail("td-attributes", refusals.front().message + ", " + refusals.front().code, "", attributes);
  }
}

}  // namespace

std::optional<dcap::Quote> check_quote(const Evidence& evidence, const Expectations& expected, std::int64_t now,
                                       CheckReport& report, Rows& rows) {
  const auto& text = expected.collateral ? expected.collateral : evidence.collateral;
  choose_instant(evidence, expected, now, report, rows);
  if (!evidence.quote) {
    rows.skip("quote", "there is no quote");
    return std::nullopt;
  }
  const auto bytes = core::parse_hex(*evidence.quote);
  if (!bytes) {
    rows.fail("quote", bytes.error().message);
    return std::nullopt;
  }
  auto quote = dcap::parse_quote(*bytes);
  if (!quote) {
    rows.fail("quote", quote.error().message);
    return std::nullopt;
  }
  const auto root = expected.trust_root ? dcap::TrustRoot{*expected.trust_root} : dcap::intel_root();
  check_trust_root(*quote, root, report, rows);
  const auto policy = make_policy(expected);
  if (!text) {
    check_without_collateral(*quote, policy, "there is no collateral: give --collateral or --pccs", rows);
    return *std::move(quote);
  }
  const auto collateral = dcap::parse_collateral(*text);
  if (!collateral) {
    check_without_collateral(*quote, policy, "the collateral cannot be read", rows);
    rows.fail("collateral", collateral.error().message);
    return *std::move(quote);
  }
  report_verification(dcap::verify(*bytes, *collateral, root, report.at, policy), policy, rows);
  return *std::move(quote);
}

}  // namespace skill_verifier::attest
