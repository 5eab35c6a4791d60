#include <algorithm>
#include <cstdlib>

#include "dcap/quote_layout.hpp"
#include "skill_verifier/dcap/quote.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skill_verifier;
  const ByteView input(data, size);
  const auto layout = dcap::parse_layout(input);
  const auto quote = dcap::parse_quote(input);
  const auto summary = dcap::summarize_quote(input);
  const auto key = dcap::collateral_key(input);
  if (quote.has_value() != summary.has_value() || (quote && !layout) || (key && !quote)) std::abort();
  if (!layout) return 0;
  // Every view lies inside the input, and what was not signed over is all accounted for.
  for (const auto view :
       {layout->signed_bytes, layout->td_report, layout->signature, layout->attestation_key, layout->qe_report,
        layout->qe_report_signature, layout->qe_auth_data, core::as_bytes(layout->pck_chain)}) {
    if (!view.empty() && (view.data() < data || view.data() + view.size() > data + size)) std::abort();
  }
  if (quote && (quote->pck_chain.size() != 3 || quote->td.report_data != summary->report_data)) std::abort();
  return 0;
}
