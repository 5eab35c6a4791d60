#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "skill_verifier/attest/quoter.hpp"
#include "skill_verifier/core/async.hpp"

namespace skill_verifier::test {

/// A quoter that does what the test says and remembers what it was asked. Without an answer left it gives `good()`.
class FakeQuoter final : public attest::Quoter {
 public:
  explicit FakeQuoter(core::asio::any_io_executor executor) : changed_(executor), released_(executor) {}

  std::deque<Result<attest::Quote>> answers;
  bool hold = false;  ///< every call waits for release() or its cancellation
  std::vector<attest::ReportData> asked;
  std::vector<attest::QuoteFor> asked_for;
  int waiting = 0;
  int cancelled = 0;

  static attest::Quote good() {
    attest::Quote quote;
    quote.quote_hex = "0400";
    quote.event_log = "[]";
    quote.vm_config = "{}";
    quote.tee_type = "simulated";
    return quote;
  }

  void release() {
    hold = false;
    released_.notify_all();
  }
  /// Waits until `count` calls are held; false after ten seconds.
  core::awaitable<bool> until_waiting(int count) {
    while (waiting != count) {
      const bool woken = co_await changed_.wait(std::chrono::seconds(10));
      if (!woken) co_return false;
    }
    co_return true;
  }

  core::awaitable<Result<attest::Quote>> quote(attest::ReportData data, attest::QuoteFor whom) override {
    asked_for.push_back(std::move(whom));
    asked.push_back(data);
    if (hold) {
      ++waiting;
      changed_.notify_all();
      const bool woken = co_await released_.wait();
      --waiting;
      changed_.notify_all();
      if (!woken) {
        ++cancelled;
        co_return Error{Errc::cancelled, "cancelled", "the quote was cancelled"};
      }
    }
    if (answers.empty()) co_return good();
    auto answer = std::move(answers.front());
    answers.pop_front();
    co_return answer;
  }

  Result<std::string> info_answer = std::string("{}");
  int infos = 0;            ///< calls of info
  bool info_holds = false;  ///< info answers after release() or cancellation only
  core::awaitable<Result<std::string>> info() override {
    ++infos;
    if (info_holds) co_await released_.wait();
    co_return info_answer;
  }

 private:
  core::Event changed_;
  core::Event released_;
};

}  // namespace skill_verifier::test
