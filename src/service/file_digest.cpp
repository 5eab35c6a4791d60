#include "service/file_digest.hpp"

#include <fstream>
#include <vector>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::service {
namespace {

constexpr std::size_t kBlock = 128u << 10;

}  // namespace

Result<core::Digest256> sha256_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::vector<char> buffer(kBlock);
  core::Sha256 hash;
  while (in) {
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    hash.update(core::as_bytes({buffer.data(), static_cast<std::size_t>(in.gcount())}));
  }
  if (!in.is_open() || in.bad() || !in.eof()) return Error{Errc::internal, "io_error", "a package cannot be read"};
  return hash.finish();
}

}  // namespace skill_verifier::service
