#include <cstdint>
#include <cstdlib>

#include "skill_verifier/attest/service_document.hpp"
#include "skill_verifier/core/bytes.hpp"

/// The only bytes that are taken are those that the document is written with.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skill_verifier;
  const auto text = core::as_text({data, size});
  const auto document = attest::parse_service_document(text);
  if (!document) {
    const auto& error = document.error();
    if (error.id != "service_document_invalid" || error.message.empty() || !core::is_utf8(error.message)) std::abort();
    return 0;
  }
  const auto again = attest::build_service_document(*document);
  if (!again || *again != text) std::abort();
  return 0;
}
