#include "dcap/oids.hpp"

namespace skill_verifier::dcap {

std::optional<Extension> parse_extension(ByteView content) {
  der::Reader reader(content);
  const auto oid = reader.take(der::kOid);
  if (!oid) return std::nullopt;
  Extension extension;
  extension.oid = *oid;
  if (reader.next_is(der::kBoolean)) {
    const auto flag = reader.take(der::kBoolean);
    const auto critical = flag ? der::boolean(*flag) : std::nullopt;
    if (!critical) return std::nullopt;
    extension.critical = *critical;
  }
  const auto value = reader.take(der::kOctetString);
  if (!value || !reader.empty()) return std::nullopt;
  extension.value = *value;
  return extension;
}

std::optional<ByteView> authority_key_id(ByteView value) {
  const auto sequence = der::whole(value, der::kSequence);
  if (!sequence) return std::nullopt;
  der::Reader reader(sequence->content);
  if (!reader.next_is(der::kPrimitiveContext0)) return ByteView{};
  return reader.take(der::kPrimitiveContext0);
}

}  // namespace skill_verifier::dcap
