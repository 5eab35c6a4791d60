#include "skill_verifier/core/ids.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <stdexcept>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::core {

std::string random_hex(std::size_t bytes) {
  Bytes random(bytes);
  if (RAND_bytes(random.data(), static_cast<int>(bytes)) != 1) throw std::runtime_error("no random numbers to be had");
  return to_hex(random);
}

std::string new_job_id() {
  return random_hex(16);
}
std::string new_request_id() {
  return random_hex(8);
}

bool is_job_id(std::string_view text) {
  return text.size() == 32 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace skill_verifier::core
