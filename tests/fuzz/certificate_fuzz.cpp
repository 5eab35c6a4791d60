#include <cstdlib>

#include "dcap/certificate.hpp"
#include "dcap/der.hpp"
#include "dcap/pem.hpp"
#include "dcap/sgx_extension.hpp"

/// PEM text, or one certificate in DER.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skill_verifier;
  const ByteView input(data, size);
  const auto check = [](Bytes der) {
    const auto certificate = dcap::parse_certificate(std::move(der));
    if (!certificate) return;
    // Every view lies inside the certificate's own bytes.
    const auto& own = certificate->der;
    for (const auto view : {certificate->tbs, certificate->signature, certificate->serial, certificate->public_point})
      if (view.data() < own.data() || view.data() + view.size() > own.data() + own.size()) std::abort();
    if (certificate->public_point.size() != 64) std::abort();
    if (certificate->sgx_extension) static_cast<void>(dcap::parse_sgx_extension(*certificate->sgx_extension));
  };
  if (auto chain = dcap::parse_pem_certificates(core::as_text(input))) {
    for (auto& der : *chain)
      check(std::move(der));
  }
  check(Bytes(input.begin(), input.end()));
  static_cast<void>(dcap::parse_sgx_extension(input));
  return 0;
}
