#include "service/quote_evidence.hpp"

#include <nlohmann/json.hpp>

#include "skill_verifier/core/json.hpp"
#include "skill_verifier/core/log.hpp"

namespace skill_verifier::service {
namespace {

constexpr core::Duration kReaderWait = std::chrono::seconds(1);

/// What a stored result says of its quote.
struct StoredQuote {
  std::string quote_hex;              ///< empty: there is none
  std::optional<std::string> sha256;  ///< of the collateral
  std::optional<std::string> tee_type;
  std::string note;
};

StoredQuote stored_quote(const std::string& result) {
  StoredQuote stored;
  const auto json = core::parse_json(result);
  if (!json || !json->is_object() || !json->contains("attestation")) return stored;
  const auto& attestation = (*json)["attestation"];
  const auto text = [](const core::Json& object, const char* name) {
    const auto found = object.is_object() ? object.find(name) : object.end();
    const bool is_text = object.is_object() && found != object.end() && found->is_string();
    return is_text ? std::optional(found->get<std::string>()) : std::nullopt;
  };
  stored.quote_hex = text(attestation, "quote").value_or("");
  stored.tee_type = text(attestation, "teeType");
  stored.note = text(attestation, "note").value_or("");
  if (json->contains("collateral")) stored.sha256 = text((*json)["collateral"], "sha256");
  return stored;
}

}  // namespace

awaitable<std::optional<attest::Appraisal>> QuoteEvidence::appraise(std::string quote_hex) {
  if (appraiser_ == nullptr) co_return std::nullopt;
  co_return co_await appraiser_->appraise(std::move(quote_hex), options_.collateral_wait);
}

awaitable<KeptCollateral> QuoteEvidence::keep(std::string collateral) {
  const auto turn = co_await turn_.acquire();
  if (!turn) co_return nullptr;
  auto work = [this, collateral = std::move(collateral)] { return files_.keep(collateral); };
  const auto kept = co_await core::run_on(pool_, std::move(work));
  if (!kept) {
    log::warn("collateral not kept", {{"code", kept.error().id}, {"message", kept.error().message}});
    co_return nullptr;
  }
  auto& held = held_[*kept];
  auto made = held.lock();
  if (made == nullptr) held = made = std::make_shared<const std::string>(*kept);
  co_return made;
}

awaitable<void> QuoteEvidence::tidy(store::JobStore& store) {
  const auto turn = co_await turn_.acquire();
  if (!turn) co_return;
  auto look = [this] {
    files_.remove_unfinished();
    return files_.list();
  };
  auto unused = co_await core::run_on(pool_, std::move(look));
  // Before the store is asked: whoever lets go of a file after this has its job in the store.
  std::erase_if(held_, [](const auto& entry) { return entry.second.expired(); });
  std::erase_if(unused, [this](const std::string& digest) { return held_.contains(digest); });
  if (unused.empty()) co_return;
  const auto used = co_await store.collaterals_in_use(unused);
  if (!used) {
    log::warn("collateral not tidied", {{"code", used.error().id}, {"message", used.error().message}});
    co_return;
  }
  std::erase_if(unused, [&used](const std::string& digest) { return used->contains(digest); });
  auto remove = [this, unused] {
    for (const auto& digest : unused)
      files_.remove(digest);
  };
  co_await core::run_on(pool_, std::move(remove));
  if (!unused.empty()) log::info("collateral removed", {{"files", unused.size()}});
}

awaitable<std::optional<attest::Appraisal>> QuoteEvidence::of_job(std::string result) {
  if (appraiser_ == nullptr) co_return std::nullopt;
  // A result can hold megabytes: it is not parsed where every connection waits for it.
  auto parse = [text = std::move(result)] { return stored_quote(text); };
  const StoredQuote stored = co_await core::run_on(pool_, std::move(parse));
  if (stored.quote_hex.empty()) co_return std::nullopt;
  if (stored.sha256 && stored.tee_type) {
    auto work = [this, digest = *stored.sha256] { return files_.read(digest); };
    auto text = co_await core::run_on(pool_, std::move(work));
    if (text) co_return attest::Appraisal{stored.tee_type, false, stored.note, std::move(*text), {}};
  }
  // Others wait for documents too: a reader waits less than a job does.
  auto appraised = co_await appraiser_->appraise(stored.quote_hex, std::min(options_.collateral_wait, kReaderWait));
  co_return appraised;
}

}  // namespace skill_verifier::service
