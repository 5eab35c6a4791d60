#include "dcap/sgx_extension.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "dcap/der.hpp"
#include "dcap/oids.hpp"

namespace skill_verifier::dcap {
namespace {

Refusal bad(std::string what) {
  return {"PCK_EXT", "the PCK certificate's SGX extension: " + std::move(what)};
}

struct Element {
  std::uint8_t number = 0;  ///< last arc of its OID
  der::Value value;
};

/// The elements of a SEQUENCE OF { OID, value } whose OIDs are `prefix` and one more octet; nothing where it is
/// something else, or has an element twice.
std::optional<std::vector<Element>> read_elements(ByteView content, std::string_view prefix) {
  std::vector<Element> elements;
  der::Reader reader(content);
  while (!reader.empty()) {
    const auto tuple = reader.take(der::kSequence);
    if (!tuple) return std::nullopt;
    der::Reader parts(*tuple);
    const auto oid = parts.take(der::kOid);
    const auto value = parts.take();
    if (!oid || !value || !parts.empty() || oid->size() != prefix.size() + 1 ||
        !core::as_text(*oid).starts_with(prefix))
      return std::nullopt;
    const std::uint8_t number = oid->back();
    if (std::ranges::find(elements, number, &Element::number) != elements.end()) return std::nullopt;
    elements.push_back({number, *value});
  }
  return elements;
}

const der::Value* find(const std::vector<Element>& elements, std::uint8_t number, std::uint8_t tag) {
  const auto found = std::ranges::find(elements, number, &Element::number);
  return found != elements.end() && found->value.tag == tag ? &found->value : nullptr;
}

template <std::size_t Size>
bool read_octets(const std::vector<Element>& elements, std::uint8_t number, Field<Size>& out) {
  const auto* value = find(elements, number, der::kOctetString);
  if (value == nullptr || value->content.size() != Size) return false;
  std::ranges::copy(value->content, out.begin());
  return true;
}

std::optional<std::uint32_t> read_number(const std::vector<Element>& elements, std::uint8_t number,
                                         std::uint32_t largest) {
  const auto* value = find(elements, number, der::kInteger);
  return value != nullptr ? der::small_unsigned(value->content, largest) : std::nullopt;
}

Checked<void> read_tcb(const der::Value& value, SgxExtension& extension) {
  constexpr std::uint8_t kPceSvn = 17, kCpuSvn = 18;
  const auto elements = read_elements(value.content, std::string(oids::kSgx) + "\x02");
  if (!elements || elements->size() != kCpuSvn) return bad("the TCB does not have its 18 elements");
  for (std::uint8_t i = 1; i <= extension.components.size(); ++i) {
    const auto svn = read_number(*elements, i, 0xff);
    if (!svn) return bad("a TCB component is no number from 0 to 255");
    extension.components[i - 1U] = static_cast<std::uint8_t>(*svn);
  }
  const auto pce_svn = read_number(*elements, kPceSvn, 0xffff);
  if (!pce_svn) return bad("PCESVN is no number from 0 to 65535");
  extension.pce_svn = static_cast<std::uint16_t>(*pce_svn);
  // CPUSVN is the platform's own encoding; matching takes the components.
  Field<16> cpu_svn{};
  if (!read_octets(*elements, kCpuSvn, cpu_svn)) return bad("CPUSVN does not have 16 octets");
  return {};
}

Checked<void> read_platform_elements(const std::vector<Element>& elements) {
  Field<16> instance{};
  if (!read_octets(elements, 6, instance)) return bad("the platform instance id does not have 16 octets");
  const auto* configuration = find(elements, 7, der::kSequence);
  const auto flags =
      configuration != nullptr ? read_elements(configuration->content, std::string(oids::kSgx) + "\x07") : std::nullopt;
  const auto is_flag = [&](std::uint8_t number) {
    const auto* value = find(*flags, number, der::kBoolean);
    return value != nullptr && der::boolean(value->content).has_value();
  };
  if (!flags || flags->size() != 3 || !is_flag(1) || !is_flag(2) || !is_flag(3))
    return bad("the configuration does not have its three flags");
  return {};
}

}  // namespace

Checked<SgxExtension> parse_sgx_extension(ByteView content) {
  constexpr std::size_t kProcessorElements = 5, kPlatformElements = 7;
  if (content.empty()) return bad("there is none");
  const auto sequence = der::whole(content, der::kSequence);
  const auto elements = sequence ? read_elements(sequence->content, oids::kSgx) : std::nullopt;
  if (!elements) return bad("it is malformed");
  if (elements->size() != kProcessorElements && elements->size() != kPlatformElements)
    return bad("it has " + std::to_string(elements->size()) + " elements, not 5 or 7");
  SgxExtension extension;
  const auto* tcb = find(*elements, 2, der::kSequence);
  const auto* type = find(*elements, 5, der::kEnumerated);
  if (!read_octets(*elements, 1, extension.ppid)) return bad("PPID does not have 16 octets");
  if (tcb == nullptr) return bad("there is no TCB");
  SKILL_VERIFIER_TRY_VOID(read_tcb(*tcb, extension));
  if (!read_octets(*elements, 3, extension.pce_id)) return bad("PCEID does not have 2 octets");
  if (!read_octets(*elements, 4, extension.fmspc)) return bad("FMSPC does not have 6 octets");
  if (type == nullptr || !der::small_unsigned(type->content, 2)) return bad("the SGX type is unknown");
  if (elements->size() == kPlatformElements) SKILL_VERIFIER_TRY_VOID(read_platform_elements(*elements));
  return extension;
}

std::string to_upper_hex(ByteView bytes) {
  auto text = core::to_hex(bytes);
  std::ranges::transform(text, text.begin(), [](char c) { return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; });
  return text;
}

}  // namespace skill_verifier::dcap
