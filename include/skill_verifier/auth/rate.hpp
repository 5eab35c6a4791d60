#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "skill_verifier/core/result.hpp"

namespace skill_verifier::auth {

using SteadyTime = std::chrono::steady_clock::time_point;

/// So many in a period. A count of 0 means without a limit.
struct Rate {
  std::uint32_t count = 0;
  std::chrono::seconds period{60};

  bool limits() const { return count != 0; }
  bool operator==(const Rate&) const = default;
};

/// `600/m`, `10/s`, `5/h`, `1000/d`, or `off`. Errors: invalid_argument.
Result<Rate> parse_rate(std::string_view text);
/// The same text back.
std::string to_string(const Rate& rate);

/// What a request may do, and what its sender is told about the rest: the members of the RateLimit fields.
struct Allowance {
  bool allowed = true;
  Rate rate;
  std::uint32_t remaining = 0;               ///< whole requests that would be allowed now
  std::chrono::seconds reset{0};             ///< until the bucket is full again, rounded up
  std::chrono::milliseconds wait{0};         ///< until the next one is allowed; 0 when one is
  std::chrono::seconds retry_after() const;  ///< `wait` in whole seconds, rounded up, at least 1 when refused
};

/// A token bucket of `rate.count` tokens that fills evenly within `rate.period`. Only the moment at which it will be
/// full is kept (the generic cell rate algorithm), so that a change of the rate takes effect at once.
class TokenBucket {
 public:
  /// Takes a token when there is one.
  Allowance take(const Rate& rate, SteadyTime now);

 private:
  SteadyTime full_at_{};
};

/// Buckets of many clients in bounded memory: when there are `most`, the one that was used longest ago makes room.
class RateTable {
 public:
  explicit RateTable(std::size_t most) : most_(most) {}

  Allowance take(const std::string& client, const Rate& rate, SteadyTime now);
  std::size_t size() const { return index_.size(); }

 private:
  struct Row {
    std::string client;
    TokenBucket bucket;
  };
  std::size_t most_;
  std::list<Row> rows_;                                                   ///< most recently used first
  std::unordered_map<std::string_view, std::list<Row>::iterator> index_;  ///< keys point into rows_
};

}  // namespace skill_verifier::auth
