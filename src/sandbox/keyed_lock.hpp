#pragma once

#include <set>
#include <string>
#include <utility>

#include "skill_verifier/core/async.hpp"

namespace skill_verifier::sandbox {

/// Lets one coroutine in per key. One thread.
class KeyedLock {
 public:
  explicit KeyedLock(core::asio::any_io_executor executor) : released_(std::move(executor)) {}

  class Held {
   public:
    Held() = default;
    Held(KeyedLock* owner, std::string key) : owner_(owner), key_(std::move(key)) {}
    Held(Held&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)), key_(std::move(other.key_)) {}
    Held& operator=(Held&&) = delete;
    ~Held() {
      if (owner_ == nullptr) return;
      owner_->busy_.erase(key_);
      owner_->released_.notify_all();
    }
    explicit operator bool() const { return owner_ != nullptr; }

   private:
    KeyedLock* owner_ = nullptr;
    std::string key_;
  };

  /// Empty when the coroutine was cancelled while it waited. The lock outlives what it gave out.
  core::awaitable<Held> acquire(std::string key) {
    while (busy_.contains(key)) {
      const bool woken = co_await released_.wait();
      if (!woken) co_return Held();
    }
    busy_.insert(key);
    co_return Held(this, std::move(key));
  }

 private:
  std::set<std::string> busy_;
  core::Event released_;
};

}  // namespace skill_verifier::sandbox
