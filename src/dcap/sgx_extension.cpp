#include "dcap/sgx_extension.hpp"

#include <algorithm>
#include <optional>

#include "dcap/der.hpp"
#include "dcap/oids.hpp"
#include "dcap/text.hpp"

namespace skill_verifier::dcap {
namespace {

constexpr std::size_t kComponents = 16;
constexpr std::uint8_t kPceSvn = 17, kCpuSvn = 18;
constexpr std::uint8_t kPpid = 1, kTcb = 2, kPceId = 3, kFmspc = 4, kSgxType = 5, kPlatformInstance = 6,
                       kConfiguration = 7;

Error invalid(std::string_view what) {
  return refusal("PCK_EXT", text("the pck certificate's sgx extension: ", what));
}

struct Entry {
  std::uint8_t number = 0;
  der::Value value;
};

/// SEQUENCE of an object identifier below `base` by one arc and a value.
std::optional<Entry> take_entry(der::Walk& list, ByteView base) {
  const auto content = list.take(der::kSequence);
  if (!content) return std::nullopt;
  der::Walk fields(*content);
  const auto oid = fields.take(der::kOid);
  const auto value = fields.next();
  if (!oid || !value || !fields.done()) return std::nullopt;
  if (oid->size() != base.size() + 1 || !der::equals(oid->first(base.size()), base)) return std::nullopt;
  return Entry{oid->back(), *value};
}

template <std::size_t Size>
bool copy_octets(const der::Value& value, std::array<std::uint8_t, Size>& out) {
  if (value.tag != der::kOctetString || value.content.size() != Size) return false;
  std::ranges::copy(value.content, out.begin());
  return true;
}

bool read_tcb_entry(const Entry& entry, SgxExtension& out) {
  if (entry.number == kCpuSvn) {
    std::array<std::uint8_t, 16> unused{};
    return copy_octets(entry.value, unused);
  }
  if (entry.value.tag != der::kInteger) return false;
  if (entry.number == kPceSvn) {
    const auto svn = der::small_number(entry.value.content, 65535);
    out.pce_svn = static_cast<std::uint16_t>(svn.value_or(0));
    return svn.has_value();
  }
  const auto svn = der::small_number(entry.value.content, 255);
  out.components[entry.number - 1u] = static_cast<std::uint8_t>(svn.value_or(0));
  return svn.has_value();
}

bool read_tcb(const der::Value& value, SgxExtension& out) {
  std::array<std::uint8_t, oid::kSgx.size() + 1> base{};
  std::ranges::copy(oid::kSgx, base.begin());
  base.back() = kTcb;
  if (value.tag != der::kSequence) return false;
  std::array<bool, kComponents + 3> seen{};
  der::Walk list(value.content);
  while (list.more()) {
    const auto entry = take_entry(list, base);
    if (!entry || entry->number == 0 || entry->number > kCpuSvn || seen[entry->number]) return false;
    seen[entry->number] = true;
    if (!read_tcb_entry(*entry, out)) return false;
  }
  return list.done() && std::count(seen.begin(), seen.end(), true) == kCpuSvn;
}

bool read_configuration(const der::Value& value) {
  std::array<std::uint8_t, oid::kSgx.size() + 1> base{};
  std::ranges::copy(oid::kSgx, base.begin());
  base.back() = kConfiguration;
  if (value.tag != der::kSequence) return false;
  std::array<bool, 4> seen{};
  der::Walk list(value.content);
  while (list.more()) {
    const auto entry = take_entry(list, base);
    if (!entry || entry->number == 0 || entry->number > 3 || seen[entry->number]) return false;
    seen[entry->number] = true;
    if (entry->value.tag != der::kBoolean || !der::boolean(entry->value.content)) return false;
  }
  return list.done();
}

bool read_part(const Entry& entry, SgxExtension& out) {
  std::array<std::uint8_t, 16> instance{};
  switch (entry.number) {
    case kPpid:
      return copy_octets(entry.value, out.ppid);
    case kTcb:
      return read_tcb(entry.value, out);
    case kPceId:
      return copy_octets(entry.value, out.pce_id);
    case kFmspc:
      return copy_octets(entry.value, out.fmspc);
    case kSgxType:
      return entry.value.tag == der::kEnumerated && der::small_number(entry.value.content, 2).has_value();
    case kPlatformInstance:
      return copy_octets(entry.value, instance);
    case kConfiguration:
      return read_configuration(entry.value);
    default:
      return false;
  }
}

}  // namespace

Result<SgxExtension> parse_sgx_extension(ByteView value) {
  const auto content = der::only(value, der::kSequence);
  if (!content) return invalid("it is not one sequence");
  SgxExtension parsed;
  std::array<bool, kConfiguration + 1> seen{};
  der::Walk list(*content);
  while (list.more()) {
    const auto entry = take_entry(list, oid::kSgx);
    if (!entry || entry->number > kConfiguration) return invalid("it has an element of unknown shape");
    if (seen[entry->number]) return invalid(text("element ", entry->number, " stands there twice"));
    seen[entry->number] = true;
    if (!read_part(*entry, parsed)) return invalid(text("element ", entry->number, " is malformed"));
  }
  if (!list.done()) return invalid("it is cut short");
  for (const auto required : {kPpid, kTcb, kPceId, kFmspc, kSgxType})
    if (!seen[required]) return invalid(text("element ", static_cast<int>(required), " is missing"));
  // The Processor CA writes five elements, the Platform CA these two besides.
  if (seen[kPlatformInstance] != seen[kConfiguration]) return invalid("it has one of elements 6 and 7 alone");
  return parsed;
}

}  // namespace skill_verifier::dcap
