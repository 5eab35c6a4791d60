#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace skill_verifier::sandbox::guest {

/// One stream of a command: the first half of the kept bytes, which the host gets as they come, and the last half.
class KeptOutput {
 public:
  /// Takes all its memory at once, so that a sandbox that is full later does not matter.
  explicit KeptOutput(std::size_t kept);

  void add(std::string_view bytes);
  /// Nothing more will be added: when nothing was cut, the rest can be sent too.
  void end();

  /// What can be sent now, at most kOutputFrame bytes; `sent` takes it off.
  std::string_view next_piece() const;
  void sent(std::size_t count) { sent_ += count; }

  std::uint64_t total() const { return total_; }
  /// The last bytes, when there were more than are kept, in two parts; else both are empty.
  std::array<std::string_view, 2> tail() const;

 private:
  bool cut() const { return total_ > buffer_.size(); }

  std::vector<char> buffer_;  ///< head, then a ring
  std::size_t head_;          ///< size of the head
  std::size_t sendable_ = 0;
  std::size_t sent_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace skill_verifier::sandbox::guest
