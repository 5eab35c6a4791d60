#pragma once

#include <cstdint>
#include <optional>
#include <utility>

namespace skill_verifier::http {

/// Bytes that may be held at once for all clients together. One thread; outlives its reservations.
class ByteBudget {
 public:
  explicit ByteBudget(std::uint64_t limit) : limit_(limit) {}
  ByteBudget(const ByteBudget&) = delete;
  ByteBudget& operator=(const ByteBudget&) = delete;

  class Reservation {
   public:
    Reservation(ByteBudget& budget, std::uint64_t bytes) : budget_(&budget), bytes_(bytes) { budget.used_ += bytes; }
    Reservation(Reservation&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Reservation& operator=(Reservation&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Reservation() {
      if (budget_) budget_->used_ -= bytes_;
    }
    std::uint64_t bytes() const { return bytes_; }
    /// False, and nothing changes, when it does not fit. `elsewhere` as of try_reserve.
    bool grow_to(std::uint64_t bytes, std::uint64_t elsewhere) {
      if (bytes <= bytes_) return true;
      if (!budget_->fits(bytes - bytes_, elsewhere)) return false;
      budget_->used_ += bytes - bytes_;
      bytes_ = bytes;
      return true;
    }

   private:
    ByteBudget* budget_;
    std::uint64_t bytes_;
  };

  /// Nothing when it does not fit. `elsewhere` is what somebody else holds of the same budget now.
  std::optional<Reservation> try_reserve(std::uint64_t bytes, std::uint64_t elsewhere = 0) {
    if (!fits(bytes, elsewhere)) return std::nullopt;
    return std::optional<Reservation>(std::in_place, *this, bytes);
  }
  std::uint64_t used() const { return used_; }
  std::uint64_t limit() const { return limit_; }

 private:
  bool fits(std::uint64_t bytes, std::uint64_t elsewhere) const {
    const std::uint64_t free = limit_ - used_;
    return elsewhere <= free && bytes <= free - elsewhere;
  }

  std::uint64_t limit_;
  std::uint64_t used_ = 0;
};

}  // namespace skill_verifier::http
