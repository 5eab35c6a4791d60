#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace skill_verifier::http {

/// Answers to GET /verify/{jobId} of final jobs, the least recently used out first. An entry counts for one second
/// only, because jobs can also expire behind the server's back.
class JobCache {
 public:
  using Clock = std::chrono::steady_clock;
  using Text = std::shared_ptr<const std::string>;

  JobCache(std::size_t bytes, Clock::duration lifetime) : bytes_left_(bytes), lifetime_(lifetime) {}

  Text find(std::string_view id, Clock::time_point now);
  /// `epoch` is what epoch() gave before the job was read; a text from before an erase is not kept.
  void insert(std::string id, Text text, std::uint64_t epoch, Clock::time_point now);
  /// The text of a job that was found in its final state a moment ago, if one that was inserted before is still being
  /// sent to somebody: results never change.
  Text being_read(const std::string& id) const;
  void erase(std::string_view id);
  std::uint64_t epoch() const { return epoch_; }

 private:
  struct Entry {
    std::string id;
    Text text;
    Clock::time_point expires;
  };
  using Entries = std::list<Entry>;
  void forget_unread();
  void drop(Entries::iterator entry);

  std::size_t bytes_left_;
  Clock::duration lifetime_;
  std::uint64_t epoch_ = 0;
  std::unordered_map<std::string, std::weak_ptr<const std::string>> readers_;
  Entries entries_;                                                ///< most recently used first
  std::unordered_map<std::string_view, Entries::iterator> index_;  ///< keys point into entries_
};

}  // namespace skill_verifier::http
