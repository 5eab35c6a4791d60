#include "dcap/pem.hpp"

#include <optional>
#include <string>

namespace skill_verifier::dcap {
namespace {

constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";
constexpr std::string_view kWhitespace = " \t\r\n";

Error pem_error(std::string message) {
  return Error{Errc::invalid_argument, "pem_invalid", std::move(message)};
}

/// The next line without its end, taken off `rest`.
std::string_view take_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  auto line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string_view skip_whitespace(std::string_view text) {
  const auto start = text.find_first_not_of(kWhitespace);
  return start == std::string_view::npos ? std::string_view{} : text.substr(start);
}

Result<Bytes> parse_block(std::string_view& rest) {
  if (take_line(rest) != kBegin) return pem_error("text outside of a certificate in the chain");
  std::string base64;
  while (!rest.empty()) {
    const auto line = take_line(rest);
    if (line == kEnd) {
      auto der = core::parse_base64(base64);
      if (!der || der->empty()) return pem_error("a certificate of the chain is not base64");
      return der;
    }
    base64 += line;
  }
  return pem_error("a certificate of the chain has no end");
}

}  // namespace

Result<std::vector<Bytes>> parse_pem_certificates(std::string_view text) {
  const auto last = text.find_last_not_of('\0');
  const bool empty = text.empty();
  text = last == std::string_view::npos ? std::string_view{} : text.substr(0, last + 1);
  std::vector<Bytes> certificates;
  for (auto rest = skip_whitespace(text); !rest.empty(); rest = skip_whitespace(rest)) {
    auto der = parse_block(rest);
    if (!der) return der.error();
    certificates.push_back(std::move(*der));
  }
  if (certificates.empty() && !empty) return pem_error("the chain's text has no certificate");
  return certificates;
}

}  // namespace skill_verifier::dcap
