#include "attest/pcs_answer.hpp"

#include <fmt/core.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "skill_verifier/core/json.hpp"

namespace skill_verifier::attest {
namespace {

constexpr std::size_t kSignatureDigits = 128;
constexpr std::size_t kMaxChainBytes = 32u << 10;
constexpr core::JsonLimits kLimits{.depth = 32, .bytes = 256u << 10};
constexpr std::string_view kPemBegin = "-----BEGIN X509 CRL-----";
constexpr std::string_view kPemEnd = "-----END X509 CRL-----";
constexpr std::string_view kBlank = " \t\r\n";

Error malformed(std::string message) {
  return Error{Errc::unavailable, "collateral_malformed", std::move(message)};
}

bool is_hex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); });
}

/// Where the JSON value that starts at `begin` ends. The text is well-formed JSON.
std::size_t end_of_value(std::string_view text, std::size_t begin) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = begin; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
      continue;
    }
    if (c == '"') quoted = true;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (depth < 0 || (depth == 0 && c == ',')) return i;
  }
  return text.size();
}

/// Where the text whose opening quote is at `begin` is closed; npos where it is not.
std::size_t closing_quote(std::string_view text, std::size_t begin) {
  for (std::size_t i = begin + 1; i < text.size(); ++i) {
    if (text[i] == '"') return i;
    if (text[i] == '\\') ++i;
  }
  return std::string_view::npos;
}

/// The bytes of one member of a well-formed JSON object; empty where there is none of that very spelling.
std::string_view member_bytes(std::string_view object, std::string_view name) {
  std::size_t at = object.find('{') + 1;
  while (at < object.size()) {
    const auto key = object.find('"', at);
    if (key == std::string_view::npos) return {};
    const auto close = closing_quote(object, key);
    const auto colon = object.find(':', close);
    if (colon == std::string_view::npos) return {};
    const auto begin = object.find_first_not_of(kBlank, colon + 1);
    const auto end = end_of_value(object, begin);
    if (object.substr(key + 1, close - key - 1) == name)
      return object.substr(begin, object.find_last_not_of(kBlank, end - 1) + 1 - begin);
    at = end + 1;
  }
  return {};
}

Result<std::string> text_member(const core::Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return malformed(fmt::format("has no text '{}'", name));
  return found->get<std::string>();
}

Result<core::Time> parse_time(const std::string& text) {
  auto time = core::parse_rfc3339(text);
  if (!time) return malformed("nextUpdate is " + time.error().message);
  return *time;
}

Result<Bytes> crl_bytes(std::string_view body) {
  if (body.starts_with('\x30')) return Bytes(body.begin(), body.end());
  const auto begin = body.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return malformed("the list is empty");
  body = body.substr(begin, body.find_last_not_of(kBlank) + 1 - begin);
  if (is_hex(body)) {
    auto bytes = core::parse_hex(body);
    if (bytes) return *bytes;
    return malformed("the list is " + bytes.error().message);
  }
  if (!body.starts_with(kPemBegin) || !body.ends_with(kPemEnd))
    return malformed(fmt::format("the list is no DER, hex or PEM: '{}'", core::shorten(body)));
  std::string base64(body.substr(kPemBegin.size(), body.size() - kPemBegin.size() - kPemEnd.size()));
  std::erase_if(base64, [](char c) { return kBlank.find(c) != std::string_view::npos; });
  auto bytes = core::parse_base64(base64);
  if (!bytes) return malformed("the list is " + bytes.error().message);
  return *bytes;
}

struct FreeCrl {
  void operator()(X509_CRL* crl) const { X509_CRL_free(crl); }
};

}  // namespace

Result<SignedBody> parse_signed_body(std::string_view body, std::string_view member, std::string_view id) {
  const auto json = core::parse_json(body, kLimits);
  if (!json) return malformed(json.error().message);
  if (!json->is_object() || !json->contains(member) || !(*json)[std::string(member)].is_object())
    return malformed(fmt::format("has no object '{}'", member));
  const auto& object = (*json)[std::string(member)];
  SignedBody made;
  made.text = member_bytes(body, member);
  if (made.text.empty()) return malformed(fmt::format("spells '{}' with escapes", member));
  SKILL_VERIFIER_TRY(made.signature, text_member(*json, "signature"));
  if (made.signature.size() != kSignatureDigits || !is_hex(made.signature))
    return malformed(fmt::format("the signature is '{}'", core::shorten(made.signature)));
  SKILL_VERIFIER_TRY(const std::string said, text_member(object, "id"));
  if (said != id) return malformed(fmt::format("the id is '{}', not '{}'", core::shorten(said), id));
  if (object.contains("fmspc")) {
    SKILL_VERIFIER_TRY(made.fmspc, text_member(object, "fmspc"));
  }
  SKILL_VERIFIER_TRY(const std::string next_update, text_member(object, "nextUpdate"));
  SKILL_VERIFIER_TRY(made.next_update, parse_time(next_update));
  return made;
}

Result<CrlBody> parse_crl_body(std::string_view body) {
  CrlBody made;
  SKILL_VERIFIER_TRY(made.der, crl_bytes(body));
  const unsigned char* at = made.der.data();
  const std::unique_ptr<X509_CRL, FreeCrl> crl(d2i_X509_CRL(nullptr, &at, static_cast<long>(made.der.size())));
  if (crl == nullptr || at != made.der.data() + made.der.size()) return malformed("the list is no DER of a CRL");
  const ASN1_TIME* next_update = X509_CRL_get0_nextUpdate(crl.get());
  std::tm time{};
  if (next_update == nullptr || ASN1_TIME_to_tm(next_update, &time) != 1)
    return malformed("the list has no readable nextUpdate");
  made.next_update = core::Time(std::chrono::seconds(timegm(&time)));
  return made;
}

Result<std::string> issuer_chain(const net::Headers& headers, std::initializer_list<std::string_view> names) {
  for (const auto name : names) {
    const auto value = net::find_header(headers, name);
    if (value.empty()) continue;
    if (value.size() > kMaxChainBytes) return malformed(fmt::format("the header {} is too long", name));
    auto chain = net::percent_decode(value);
    if (!chain) return malformed(fmt::format("the header {}: {}", name, chain.error().message));
    const bool text =
        std::ranges::all_of(*chain, [](char c) { return (c >= 0x20 && c <= 0x7e) || c == '\n' || c == '\r'; });
    if (!text || !chain->starts_with("-----BEGIN CERTIFICATE-----"))
      return malformed(fmt::format("the header {} holds no PEM certificates", name));
    return *chain;
  }
  return malformed(fmt::format("has no header {}", *names.begin()));
}

}  // namespace skill_verifier::attest
