#include <cstdint>
#include <cstdlib>

#include <nlohmann/json.hpp>

#include "attest/pcs_answer.hpp"
#include "skill_verifier/core/json.hpp"

/// Bodies and headers of PCS and PCCS. What is taken from a body is a piece of it, and an error can be shown.
namespace {

using namespace skill_verifier;

void require(bool condition) {
  if (!condition) std::abort();
}

template <class T>
void require_tidy(const Result<T>& parsed) {
  if (parsed) return;
  require(parsed.error().id == "collateral_malformed");
  require(!parsed.error().message.empty() && core::is_utf8(parsed.error().message));
}

void try_signed(std::string_view text, std::string_view member, std::string_view id) {
  const auto body = attest::parse_signed_body(text, member, id);
  require_tidy(body);
  if (!body) return;
  require(text.find(body->text) != std::string_view::npos && body->signature.size() == 128);
  const auto taken = core::parse_json(body->text);
  const auto whole = core::parse_json(text);
  require(taken && whole && *taken == whole->at(std::string(member)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = core::as_text({data, size});
  try_signed(text, "tcbInfo", "TDX");
  try_signed(text, "enclaveIdentity", "TD_QE");
  const auto crl = attest::parse_crl_body(text);
  require_tidy(crl);
  if (crl) require(!crl->der.empty() && crl->der.size() <= size);
  const auto chain = attest::issuer_chain({{"A-Chain", std::string(text)}}, {"Another-Chain", "A-Chain"});
  require_tidy(chain);
  if (chain) require(chain->size() <= size);
  return 0;
}
