#include <cstdlib>

#include "skill_verifier/dcap/os_image.hpp"

/// The first byte chooses vm_config, the measurement document or the TD HOB witness.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skill_verifier;
  if (size == 0) return 0;
  const ByteView input(data + 1, size - 1);
  constexpr std::uint64_t kMemory = std::uint64_t{2} << 30;
  if (data[0] % 3 == 0) {
    const auto config = dcap::parse_vm_config(core::as_text(input));
    // Registers of zeros are those of no image.
    if (config && dcap::check_os_image(*config, {}, {}).status == dcap::OsImageStatus::verified) std::abort();
  } else if (data[0] % 3 == 1) {
    const auto image = dcap::parse_image_measurement(input);
    if (image && image->version != 3 && image->version != 4) std::abort();
  } else if (dcap::td_hob_digest(input, kMemory) && input.size() < 5) {
    std::abort();
  }
  return 0;
}
