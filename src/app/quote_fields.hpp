#pragma once

#include <string>
#include <vector>

#include "skill_verifier/dcap/quote.hpp"

namespace skill_verifier::app {

/// One field of a quote under the name that Intel's documents give it, and what its bits mean where they mean
/// something.
struct QuoteField {
  std::string name;
  std::string value;
  std::string meaning;
};
struct QuoteSection {
  std::string name;
  std::vector<QuoteField> fields;
};

/// Every field in the order of the quote's bytes. Names: "Intel TDX DCAP Quoting Library API" A.3 (header, TD quote
/// body, signature data) and the Intel SDM's REPORT of an SGX enclave.
std::vector<QuoteSection> describe_quote(const dcap::Quote& quote);

std::string to_text(const std::vector<QuoteSection>& sections);
/// One object per section; a field with a meaning is an object of `value` and `meaning`.
std::string to_json(const std::vector<QuoteSection>& sections);

}  // namespace skill_verifier::app
