#include "skill_verifier/core/ids.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <utility>

#include "core/random_name.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::core {

namespace {

void fill(std::span<std::uint8_t> bytes) {
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    throw std::runtime_error("no random numbers to be had");
}

/// A thread's random bytes for names: a call of the generator costs more than a kilobyte from it.
struct Drawn {
  std::array<std::uint8_t, 1024> bytes{};
  std::size_t used = bytes.size();
};

}  // namespace

std::string random_hex(std::size_t bytes) {
  Bytes random(bytes);
  fill(random);
  return to_hex(random);
}

std::string random_name(std::size_t bytes) {
  thread_local Drawn drawn;
  if (drawn.bytes.size() - drawn.used < bytes) {
    fill(drawn.bytes);
    drawn.used = 0;
  }
  const auto begin = std::exchange(drawn.used, drawn.used + bytes);
  return to_hex(std::span(drawn.bytes).subspan(begin, bytes));
}

std::string new_job_id() {
  return random_name(16);
}
std::string new_request_id() {
  return random_name(8);
}

bool is_job_id(std::string_view text) {
  return text.size() == 32 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace skill_verifier::core
