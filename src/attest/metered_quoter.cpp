#include "skill_verifier/attest/metered_quoter.hpp"

namespace skill_verifier::attest {

awaitable<Result<Quote>> MeteredQuoter::quote(ReportData data, QuoteFor whom) {
  const auto begun = std::chrono::steady_clock::now();
  auto asking = inner_->quote(data, std::move(whom));
  auto quote = co_await std::move(asking);
  if (!quote) {
    ++failures_[quote.error().id];
    co_return quote;
  }
  time_.observe(std::chrono::steady_clock::now() - begun);
  last_ = clock_.now();
  co_return quote;
}

void MeteredQuoter::write(core::MetricsText& out) const {
  out.histogram("skill_verifier_quote_duration_seconds",
                "From the wish for a quote to the quote, the wait for its turn included.");
  out.sample({}, time_);
  out.counter("skill_verifier_quote_failures_total", "Wishes for a quote that were not met, by code.");
  for (const auto& [code, count] : failures_)
    out.sample({{"code", code}}, static_cast<double>(count));
  out.gauge("skill_verifier_quote_last_timestamp_seconds", "When the last quote came; 0: none in this life.");
  const auto since_epoch = last_.value_or(core::Time{}).time_since_epoch();
  out.sample({}, std::chrono::duration<double>(since_epoch).count());
}

}  // namespace skill_verifier::attest
