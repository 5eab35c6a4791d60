#include "attest/check/rows.hpp"

#include <algorithm>
#include <stdexcept>

namespace skill_verifier::attest {
namespace {

constexpr unsigned kJob = 1;
constexpr unsigned kService = 2;
constexpr unsigned kBundle = 4;
constexpr unsigned kQuote = 8;
constexpr unsigned kDocuments = kJob | kService;
constexpr unsigned kLogged = kDocuments | kBundle;
constexpr unsigned kAll = kLogged | kQuote;

unsigned bit(EvidenceKind kind) {
  switch (kind) {
    case EvidenceKind::job_document:
      return kJob;
    case EvidenceKind::service_document:
      return kService;
    case EvidenceKind::bundle:
      return kBundle;
    case EvidenceKind::quote:
      break;
  }
  return kQuote;
}

struct Title {
  const char* id;
  const char* title;
  unsigned kinds;
};

constexpr Title kTitles[] = {
    {"document", "Document", kDocuments},
    {"statement", "Result hash", kJob},
    {"service-document", "Service document", kService},
    {"quote", "Quote format", kAll},
    {"time", "Time of the checks", kAll},
    {"trust-root", "Trust root", kAll},
    {"certificates", "Certificates and CRLs", kAll},
    {"collateral", "Intel's collateral", kAll},
    {"quoting-enclave", "Quoting enclave", kAll},
    {"signature", "Quote signature", kAll},
    {"tcb", "TCB status", kAll},
    {"td-attributes", "TD attributes", kAll},
    {"report-data", "Report data", kAll},
    {"nonce", "Nonce", kDocuments},
    {"event-log", "Event log", kLogged},
    {"rtmr0", "RTMR0", kLogged},
    {"rtmr1", "RTMR1", kLogged},
    {"rtmr2", "RTMR2", kLogged},
    {"rtmr3", "RTMR3", kLogged},
    {"mr-config-id", "MRCONFIGID", kLogged},
    {"compose-hash", "App compose", kLogged},
    {"app-id", "App id", kLogged},
    {"key-provider", "Key provider", kLogged},
    {"os-image", "OS image", kLogged},
    {"measurements", "Measurements", kAll},
    {"subject", "Package", kJob},
    {"checks", "Static checks", kJob},
};

}  // namespace

Rows::Rows(EvidenceKind kind) : kind_(kind) {
  for (const auto& [id, title, kinds] : kTitles) {
    Row row;
    row.id = id;
    row.title = title;
    rows_.push_back(std::move(row));
  }
}

/// A name that is not in the table is a bug: it must not pass unseen.
Row& Rows::at(std::string_view id) {
  const auto found = std::ranges::find(rows_, id, &Row::id);
  if (found == rows_.end()) throw std::logic_error("no row '" + std::string(id) + "'");
  return *found;
}

Outcome Rows::outcome(std::string_view id) const {
  const auto found = std::ranges::find(rows_, id, &Row::id);
  return found == rows_.end() ? Outcome::failed : found->outcome;
}

std::vector<Row> Rows::take() const {
  std::vector<Row> shown;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const bool expected = (kTitles[i].kinds & bit(kind_)) != 0;
    if (expected || rows_[i].demanded || rows_[i].outcome != Outcome::not_checked) shown.push_back(rows_[i]);
  }
  return shown;
}

void Rows::demand(std::string_view id) {
  at(id).demanded = true;
}

void Rows::pass(std::string_view id, std::string detail, std::string value) {
  Row& row = at(id);
  if (row.outcome == Outcome::failed) return;
  row.outcome = Outcome::passed;
  row.detail = std::move(detail);
  row.expected = value;
  row.actual = std::move(value);
}

void Rows::fail(std::string_view id, std::string detail, std::string expected, std::string actual) {
  Row& row = at(id);
  if (row.outcome == Outcome::failed) return;
  row.outcome = Outcome::failed;
  row.detail = std::move(detail);
  row.expected = std::move(expected);
  row.actual = std::move(actual);
}

void Rows::skip(std::string_view id, std::string why) {
  Row& row = at(id);
  if (row.outcome == Outcome::not_checked) row.detail = std::move(why);
}

bool Rows::compare(std::string_view id, std::string_view expected, std::string_view actual, std::string detail,
                   std::string mismatch) {
  const bool equal = expected == actual;
  if (equal) {
    pass(id, std::move(detail), std::string(expected));
  } else {
    fail(id, std::move(mismatch), std::string(expected), std::string(actual));
  }
  return equal;
}

}  // namespace skill_verifier::attest
