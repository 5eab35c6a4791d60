#include <cstdlib>

#include "dcap/tcb_info.hpp"
#include "skill_verifier/dcap/verify.hpp"

/// QuoteCollateralV3, and the two documents inside of it as if their signatures were good.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skill_verifier;
  const auto text = core::as_text(ByteView(data, size));
  static_cast<void>(dcap::parse_tcb_info(text));
  static_cast<void>(dcap::parse_qe_identity(text));
  const auto collateral = dcap::parse_collateral(text);
  if (!collateral) return 0;
  const auto again = dcap::parse_collateral(dcap::to_json(*collateral));
  if (!again || again->tcb_info != collateral->tcb_info || again->pck_crl != collateral->pck_crl) std::abort();
  static_cast<void>(dcap::parse_tcb_info(collateral->tcb_info));
  static_cast<void>(dcap::parse_qe_identity(collateral->qe_identity));
  static_cast<void>(dcap::collateral_window(*collateral));
  if (dcap::verify({}, *collateral, dcap::intel_root(), 0).ok) std::abort();
  return 0;
}
