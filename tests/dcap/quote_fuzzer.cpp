#include <algorithm>
#include <cstdlib>

#include "dcap/quote_layout.hpp"
#include "skill_verifier/dcap/quote.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skill_verifier;
  const ByteView input(data, size);
  const auto layout = dcap::parse_whole_layout(input);
  const auto summary = dcap::summarize_quote(input);
  if (layout.has_value() != summary.has_value()) std::abort();
  if (!layout) return 0;
  // Every view lies inside the input, and what was not signed over is all accounted for.
  for (const auto view : {layout->signed_bytes, layout->td_report, layout->signature, layout->attestation_key,
                          layout->qe_report, layout->qe_report_signature, layout->qe_auth_data}) {
    if (!view.empty() && (view.data() < data || view.data() + view.size() > data + size)) std::abort();
  }
  if (layout->certificates.size() != 3 || !std::ranges::equal(layout->report_data(), summary->report_data))
    std::abort();
  return 0;
}
