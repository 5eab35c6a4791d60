#include "skill_verifier/attest/check.hpp"

#include <algorithm>

#include "attest/check/check_document.hpp"
#include "attest/check/check_log.hpp"
#include "attest/check/check_quote.hpp"
#include "skill_verifier/attest/statement.hpp"

namespace skill_verifier::attest {
namespace {

constexpr const char* kQuoteRows[] = {"quote",           "time",      "trust-root", "certificates", "collateral",
                                      "quoting-enclave", "signature", "tcb",        "td-attributes"};

/// The kind of document that the caller asked for: who asked for a job's must not be content with another quote.
std::optional<EvidenceKind> kind_named(const Expectations& expected) {
  if (expected.kind) return expected.kind;
  return expected.job_id ? std::optional(EvidenceKind::job_document) : std::nullopt;
}

void check_kind(const Evidence& evidence, const Expectations& expected, Rows& rows) {
  const auto kind = kind_named(expected);
  if (!kind || *kind == evidence.kind) return;
  rows.fail("document", "it is another kind of evidence than its address names", std::string(to_string(*kind)),
            std::string(to_string(evidence.kind)));
}

/// Without these nothing is called valid; the caller's expectations come on top.
void demand_rows(const Evidence& evidence, const Expectations& expected, Rows& rows) {
  for (const auto* const id : kQuoteRows)
    rows.demand(id);
  if (evidence.kind == EvidenceKind::job_document) rows.demand("statement");
  if (evidence.kind == EvidenceKind::service_document) rows.demand("service-document");
  if (evidence.kind == EvidenceKind::job_document || evidence.kind == EvidenceKind::service_document) {
    rows.demand("document");
    rows.demand("report-data");
  }
  if (evidence.kind != EvidenceKind::quote) {
    for (const auto* const id : {"event-log", "rtmr3"})
      rows.demand(id);
  }
  if (const auto kind = kind_named(expected)) {
    rows.demand("document");
    rows.demand(*kind == EvidenceKind::service_document ? "service-document" : "statement");
  }
  if (expected.package) rows.demand("subject");
  if (expected.nonce) rows.demand("nonce");
  if (expected.app_compose || expected.compose_hash) rows.demand("compose-hash");
  if (expected.app_id) rows.demand("app-id");
  if (expected.key_provider) rows.demand("key-provider");
  if (expected.os_image) rows.demand("os-image");
  if (expected.measurements) rows.demand("measurements");
  if (expected.mr_config) rows.demand("mr-config-id");
}

/// TRUST.md §3: the 64 bytes are recomputed from what was hashed here, and only then compared.
void check_report_data(const Evidence& evidence, const std::string& content, const dcap::Quote& quote, Rows& rows) {
  const auto actual = core::to_hex(quote.td.report_data);
  if (evidence.report_data) {
    const auto beside = core::parse_hex(*evidence.report_data);
    if (!beside || core::to_hex(*beside) != actual) {
      return rows.fail("report-data", "the value beside the quote is not the one in it", actual,
                       core::shorten(*evidence.report_data, 200));
    }
  }
  if (content.empty()) return rows.skip("report-data", "nothing is known of what it stands for: " + actual);
  const auto tag = evidence.kind == EvidenceKind::job_document ? kResultTag : kServiceTag;
  rows.compare("report-data", core::to_hex(report_data(tag, content)), actual,
               "SHA-512 of the tag and the hash, in the quote", "the quote speaks for something else");
}

/// What a stranger could have chosen freely and the caller named nothing for.
std::vector<std::string> unpinned(const Evidence& evidence, const Expectations& expected, bool time_claimed) {
  std::vector<std::string> names;
  if (!expected.app_compose && !expected.compose_hash) names.emplace_back("app compose");
  if (!expected.os_image && !expected.measurements) names.emplace_back("OS image");
  if (evidence.kind == EvidenceKind::job_document && !expected.package) names.emplace_back("package");
  if (evidence.kind == EvidenceKind::service_document && !expected.nonce) names.emplace_back("nonce");
  if (time_claimed) names.emplace_back("time");
  return names;
}

void conclude(const Evidence& evidence, const Expectations& expected, const Rows& rows, CheckReport& report) {
  report.rows = rows.take();
  bool failed = false;
  for (const Row& row : report.rows) {
    failed = failed || row.outcome == Outcome::failed;
    if (row.demanded && row.outcome == Outcome::not_checked) report.missing.push_back(row.id);
  }
  report.verdict = failed                   ? CheckVerdict::invalid
                   : report.missing.empty() ? CheckVerdict::valid
                                            : CheckVerdict::incomplete;
  report.not_pinned = unpinned(evidence, expected, report.time_claimed);
}

}  // namespace

std::string_view to_string(CheckVerdict verdict) {
  switch (verdict) {
    case CheckVerdict::valid:
      return "VALID";
    case CheckVerdict::incomplete:
      return "INCOMPLETE";
    case CheckVerdict::invalid:
      break;
  }
  return "INVALID";
}

CheckReport check(const Evidence& evidence, const Expectations& expected, std::int64_t now) {
  CheckReport report;
  report.kind = evidence.kind;
  Rows rows(evidence.kind);
  demand_rows(evidence, expected, rows);
  check_kind(evidence, expected, rows);
  std::string content;
  const bool is_job = evidence.kind == EvidenceKind::job_document;
  const bool is_service = evidence.kind == EvidenceKind::service_document;
  if (is_job) content = check_job_document(evidence, expected, report, rows);
  if (is_service) content = check_service_document(evidence, expected, report, rows);
  const auto quote = check_quote(evidence, expected, now, report, rows);
  if (is_job || is_service) check_tee_type(evidence, report.simulated, rows);
  if (quote) {
    check_report_data(evidence, content, *quote, rows);
    check_log(evidence, expected, *quote, report, rows);
  }
  conclude(evidence, expected, rows, report);
  return report;
}

CheckReport unreadable(const Error& error, std::int64_t now) {
  CheckReport report;
  report.at = now;
  Rows rows(EvidenceKind::job_document);
  rows.fail("document", error.message + (error.hint.empty() ? "" : ": " + error.hint));
  for (Row& row : rows.take())
    if (row.id == "document") report.rows.push_back(std::move(row));
  return report;
}

}  // namespace skill_verifier::attest
