#include "skill_verifier/attest/appraiser.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "skill_verifier/attest/quoter.hpp"
#include "skill_verifier/core/ids.hpp"
#include "skill_verifier/core/sha2.hpp"
#include "skill_verifier/dcap/verify.hpp"

namespace skill_verifier::attest {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFinished = ".json";
constexpr const char* kUnfinished = ".tmp";

bool is_digest(std::string_view text) {
  return text.size() == 64 &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

/// Codes of dcap::verify that no other collateral would change.
bool is_about_the_quote(std::string_view code) {
  constexpr std::string_view kPrefixes[] = {"QUOTE_", "QE_", "AK_", "TD_", "PCK_", "PCKCA_"};
  return code == "TCB_REVOKED" ||
         std::ranges::any_of(kPrefixes, [&](std::string_view prefix) { return code.starts_with(prefix); });
}

bool has_intel_root(ByteView quote) {
  const auto summary = dcap::summarize_quote(quote);
  return summary && summary->root_certificate_sha256 == dcap::intel_root_sha256();
}

}  // namespace

Appraisal appraise_quote(ByteView quote, const std::optional<std::string>& collateral, core::Time now) {
  Appraisal made;
  made.collateral = collateral;
  const auto summary = dcap::summarize_quote(quote);
  if (!summary) {
    made.note = summary.error().message;
    return made;
  }
  if (summary->root_certificate_sha256 != dcap::intel_root_sha256()) {
    made.tee_type = kTeeSimulated;
    return made;
  }
  if (!collateral) {
    made.note = "The quote was not verified here: there was no collateral";
    return made;
  }
  const auto parsed = dcap::parse_collateral(*collateral);
  if (!parsed) {
    made.note = fmt::format("The quote was not verified here: {}", parsed.error().message);
    return made;
  }
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  const auto good = dcap::verify_collateral(*parsed, dcap::intel_root(), seconds);
  if (!good) {
    made.collateral.reset();
    made.note = fmt::format("The quote was not verified here: the collateral does not verify: {}: {}", good.error().id,
                            good.error().message);
    return made;
  }
  dcap::Policy policy;
  policy.accepted = dcap::all_tcb_statuses();
  const auto verified = dcap::verify(quote, *good, seconds, policy);
  made.refuted = !verified.ok && is_about_the_quote(verified.code);
  if (verified.ok)
    made.tee_type = kTeeIntelTdx;
  else
    made.note = fmt::format("The quote does not verify: {}: {}", verified.code, verified.message);
  return made;
}

Result<std::string> CollateralFiles::keep(const std::string& text) const {
  const Error failed(Errc::unavailable, "collateral_not_stored", "the collateral cannot be written");
  std::string digest = core::sha256_hex(text);
  const fs::path file = directory_ / (digest + kFinished);
  std::error_code error;
  if (fs::exists(file, error)) return digest;
  fs::create_directories(directory_, error);
  // Renamed when it is whole: a crash leaves no file under a digest that it has not.
  const fs::path unfinished = directory_ / (core::random_hex(8) + kUnfinished);
  std::ofstream out(unfinished, std::ios::binary);
  out << text;
  out.close();
  if (!out) return failed;
  fs::rename(unfinished, file, error);
  if (error) return failed;
  return digest;
}

Result<std::string> CollateralFiles::read(const std::string& sha256) const {
  const Error missing(Errc::not_found, "collateral_missing", "the collateral is not there any more");
  if (!is_digest(sha256)) return missing;
  std::ifstream in(directory_ / (sha256 + kFinished), std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in || core::sha256_hex(text) != sha256) return missing;
  return text;
}

std::vector<std::string> CollateralFiles::list() const {
  std::vector<std::string> digests;
  std::error_code error;
  for (fs::directory_iterator it(directory_, error), end; !error && it != end; it.increment(error)) {
    std::string name = it->path().stem().string();
    if (it->path().extension() == kFinished && is_digest(name)) digests.push_back(std::move(name));
  }
  return digests;
}

void CollateralFiles::remove(const std::string& sha256) const {
  std::error_code ignored;
  if (is_digest(sha256)) fs::remove(directory_ / (sha256 + kFinished), ignored);
}

void CollateralFiles::remove_unfinished() const {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator it(directory_, error), end; !error && it != end; it.increment(error))
    if (it->path().extension() == kUnfinished) found.push_back(it->path());
  for (const auto& path : found)
    fs::remove(path, error);
}

awaitable<Appraisal> Appraiser::appraise(std::string quote_hex, core::Duration limit) {
  const auto bytes = core::parse_hex(quote_hex);
  if (!bytes) {
    Appraisal unreadable;
    unreadable.note = "the quote is " + bytes.error().message;
    co_return unreadable;
  }
  std::optional<std::string> collateral;
  std::optional<dcap::CollateralKey> platform;
  CollateralPtr used;
  std::string note;
  if (!any_root_ && !has_intel_root(*bytes)) {
    note = "Collateral is fetched for quotes under Intel's root";
  } else if (const auto key = dcap::collateral_key(*bytes); !key) {
    note = fmt::format("No collateral: {}", key.error().message);
  } else {
    platform = *key;
    const auto got = co_await cache_.get(*platform, limit);
    if (got) {
      used = *got;
      collateral = used->json;
    } else {
      note = fmt::format("No collateral: {}", got.error().message);
    }
  }
  auto work = [quote = *bytes, collateral = std::move(collateral), now = clock_.now()] {
    return appraise_quote(quote, collateral, now);
  };
  auto made = co_await core::run_on(pool_, std::move(work));
  if (used && !made.collateral) {
    // Whoever answered will be asked again, and nobody is given this.
    cache_.discard(*platform, used, Error{Errc::unavailable, "collateral_unverified", made.note});
    note = "No collateral: what the collateral service gave does not verify";
  }
  made.collateral_note = std::move(note);
  co_return made;
}

}  // namespace skill_verifier::attest
