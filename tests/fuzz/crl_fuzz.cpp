#include <cstdlib>

#include "dcap/crl.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skill_verifier;
  const auto crl = dcap::parse_crl(Bytes(data, data + size));
  if (!crl) return 0;
  // An entry takes at least a sequence, a serial number and a time.
  if (crl->revoked.size() > size / 16) std::abort();
  for (const auto serial : crl->revoked)
    if (serial.data() < crl->der.data() || serial.data() + serial.size() > crl->der.data() + crl->der.size())
      std::abort();
  return 0;
}
