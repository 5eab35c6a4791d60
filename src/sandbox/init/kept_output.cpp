#include "sandbox/init/kept_output.hpp"

#include <algorithm>

#include "sandbox/init_protocol.hpp"

namespace skill_verifier::sandbox::guest {

KeptOutput::KeptOutput(std::size_t kept) : buffer_(kept), head_(kept - kept / 2) {}

void KeptOutput::add(std::string_view bytes) {
  const auto ring = buffer_.size() - head_;
  while (!bytes.empty()) {
    std::size_t at = 0;
    std::size_t room = bytes.size();  // nowhere to keep them: counted only
    if (total_ < head_) {
      at = static_cast<std::size_t>(total_);
      room = head_ - at;
    } else if (ring > 0) {
      at = head_ + static_cast<std::size_t>((total_ - head_) % ring);
      room = buffer_.size() - at;
    }
    const auto count = std::min(room, bytes.size());
    if (total_ < head_ || ring > 0) std::copy_n(bytes.data(), count, buffer_.data() + at);
    total_ += count;
    bytes.remove_prefix(count);
  }
  sendable_ = static_cast<std::size_t>(std::min<std::uint64_t>(total_, head_));
}

void KeptOutput::end() {
  if (!cut()) sendable_ = static_cast<std::size_t>(total_);
}

std::string_view KeptOutput::next_piece() const {
  return {buffer_.data() + sent_, std::min<std::size_t>(sendable_ - sent_, init::kOutputFrame)};
}

std::array<std::string_view, 2> KeptOutput::tail() const {
  const auto ring = buffer_.size() - head_;
  if (!cut() || ring == 0) return {};
  const auto oldest = static_cast<std::size_t>((total_ - head_) % ring);
  const char* begin = buffer_.data() + head_;
  return {std::string_view(begin + oldest, ring - oldest), std::string_view(begin, oldest)};
}

}  // namespace skill_verifier::sandbox::guest
