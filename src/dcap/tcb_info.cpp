#include "dcap/tcb_info.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <tuple>

#include "dcap/calendar.hpp"
#include "dcap/json_reader.hpp"

namespace skill_verifier::dcap {
namespace {

constexpr std::size_t kMaxTextBytes = 256u << 10;
constexpr std::size_t kMaxLevels = 256;
constexpr std::size_t kMaxAdvisories = 256;

/// Takes members out of a signed document. The first that is not as it must be refuses the whole; after that every
/// getter gives nothing, so that readers need to look once, at their end.
class Fields {
 public:
  explicit Fields(std::string prefix) : prefix_(std::move(prefix)) {}

  const std::optional<Refusal>& refusal() const { return refusal_; }
  void refuse(std::string_view suffix, std::string message) {
    if (!refusal_) refusal_ = Refusal{fmt::format("{}_{}", prefix_, suffix), std::move(message)};
  }
  void missing(std::string_view name, std::string_view form) {
    refuse("FIELD", fmt::format("{} is missing or not {}", name, form));
  }

  const JsonValue* object(const JsonValue& parent, std::string_view name) {
    const auto* value = parent.find(name);
    if (value == nullptr || value->object() == nullptr) missing(name, "an object");
    return value;
  }
  const JsonValue::Array* array(const JsonValue& parent, std::string_view name, std::size_t most) {
    const auto* value = parent.find(name);
    const auto* array = value != nullptr ? value->array() : nullptr;
    if (array == nullptr || array->size() > most) missing(name, fmt::format("an array of at most {}", most));
    return array;
  }
  std::string text(const JsonValue& parent, std::string_view name) {
    const auto* value = parent.find(name);
    if (value != nullptr && value->string() != nullptr) return *value->string();
    missing(name, "a string");
    return {};
  }
  std::uint32_t number(const JsonValue& parent, std::string_view name, std::uint32_t largest) {
    const auto* value = parent.find(name);
    const auto* integer = value != nullptr ? value->integer() : nullptr;
    if (integer != nullptr && *integer >= 0 && *integer <= largest) return static_cast<std::uint32_t>(*integer);
    missing(name, fmt::format("an integer from 0 to {}", largest));
    return 0;
  }
  template <std::size_t Size>
  void hex(const JsonValue& parent, std::string_view name, Field<Size>& out) {
    const auto* value = parent.find(name);
    const auto* digits = value != nullptr ? value->string() : nullptr;
    const bool right_size = digits != nullptr && digits->size() == 2 * Size;
    const auto bytes = right_size ? core::parse_hex(*digits) : Result<Bytes>(Error{Errc::invalid_argument, ""});
    // "0x" would make room for one byte less.
    if (!bytes || bytes->size() != Size) return missing(name, fmt::format("{} hex digits", 2 * Size));
    std::ranges::copy(*bytes, out.begin());
  }
  std::int64_t instant(const JsonValue& parent, std::string_view name) {
    const auto* value = parent.find(name);
    const auto instant =
        value != nullptr && value->string() != nullptr ? parse_instant(*value->string()) : std::nullopt;
    if (instant) return *instant;
    refuse("DATE", fmt::format("{} is missing or not of the form 2025-01-31T00:00:00Z", name));
    return 0;
  }
  TcbStatus status(const JsonValue& parent, std::initializer_list<TcbStatus> allowed) {
    const auto name = text(parent, "tcbStatus");
    const auto status = parse_tcb_status(name);
    if (status && std::ranges::find(allowed, *status) != allowed.end()) return *status;
    refuse("STATUS_UNKNOWN", fmt::format("tcbStatus is '{}'", core::shorten(name)));
    return TcbStatus::revoked;
  }
  std::vector<std::string> advisories(const JsonValue& parent) {
    std::vector<std::string> ids;
    if (parent.find("advisoryIDs") == nullptr) return ids;
    const auto* list = array(parent, "advisoryIDs", kMaxAdvisories);
    if (list == nullptr) return ids;
    for (const auto& id : *list) {
      if (id.string() == nullptr)
        missing("advisoryIDs", "an array of strings");
      else
        ids.push_back(*id.string());
    }
    return ids;
  }
  /// The only accepted value of a text member.
  void is(const JsonValue& parent, std::string_view name, std::string_view wanted, std::string_view suffix) {
    const auto* value = parent.find(name);
    const auto* found = value != nullptr ? value->string() : nullptr;
    if (found == nullptr || *found != wanted)
      refuse(suffix, fmt::format("{} is '{}', not '{}'", name, found != nullptr ? core::shorten(*found) : "", wanted));
  }
  void is(const JsonValue& parent, std::string_view name, std::int64_t wanted, std::string_view suffix) {
    const auto* value = parent.find(name);
    const auto* found = value != nullptr ? value->integer() : nullptr;
    if (found == nullptr || *found != wanted) refuse(suffix, fmt::format("{} is not {}", name, wanted));
  }

 private:
  std::string prefix_;
  std::optional<Refusal> refusal_;
};

/// Newest first; among equals the one that stands first in the text.
template <class Level, class Key>
void insert_sorted(std::vector<Level>& levels, Level level, Key key) {
  const auto place = std::ranges::upper_bound(levels, std::invoke(key, level), std::greater{}, key);
  levels.insert(place, std::move(level));
}

std::vector<EnclaveLevel> enclave_levels(Fields& fields, const JsonValue& parent) {
  std::vector<EnclaveLevel> levels;
  const auto* list = fields.array(parent, "tcbLevels", kMaxLevels);
  if (list == nullptr) return levels;
  for (const auto& item : *list) {
    const auto* tcb = fields.object(item, "tcb");
    if (fields.refusal()) return levels;
    EnclaveLevel level;
    level.isv_svn = fields.number(*tcb, "isvsvn", 0xffff);
    level.tcb_date = fields.instant(item, "tcbDate");
    level.status = fields.status(item, {TcbStatus::up_to_date, TcbStatus::out_of_date, TcbStatus::revoked});
    level.advisory_ids = fields.advisories(item);
    insert_sorted(levels, std::move(level), &EnclaveLevel::isv_svn);
  }
  return levels;
}

TdxModule tdx_module(Fields& fields, const JsonValue& value) {
  TdxModule module;
  fields.hex(value, "mrsigner", module.mr_signer);
  fields.hex(value, "attributes", module.attributes);
  fields.hex(value, "attributesMask", module.attributes_mask);
  return module;
}

std::vector<TdxModule> module_identities(Fields& fields, const JsonValue& info) {
  std::vector<TdxModule> modules;
  if (info.find("tdxModuleIdentities") == nullptr) return modules;
  const auto* list = fields.array(info, "tdxModuleIdentities", kMaxLevels);
  if (list == nullptr) return modules;
  for (const auto& item : *list) {
    TdxModule module = tdx_module(fields, item);
    module.id = fields.text(item, "id");
    module.levels = enclave_levels(fields, item);
    if (fields.refusal()) return modules;
    std::ranges::transform(module.id, module.id.begin(),
                           [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    if (std::ranges::find(modules, module.id, &TdxModule::id) != modules.end())
      fields.refuse("FIELD", fmt::format("tdxModuleIdentities has {} twice", core::shorten(module.id)));
    modules.push_back(std::move(module));
  }
  return modules;
}

void components(Fields& fields, const JsonValue& tcb, std::string_view name, std::array<std::uint8_t, 16>& out) {
  const auto* list = fields.array(tcb, name, kMaxLevels);
  if (list == nullptr) return;
  if (list->size() != out.size())
    return fields.refuse("COMPONENT_COUNT",
                         fmt::format("{} has {} components, not {}", name, list->size(), out.size()));
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<std::uint8_t>(fields.number((*list)[i], "svn", 0xff));
}

auto rank(const PlatformLevel& level) {
  return std::tie(level.sgx_components, level.pce_svn, level.tdx_components);
}

std::vector<PlatformLevel> platform_levels(Fields& fields, const JsonValue& info) {
  std::vector<PlatformLevel> levels;
  const auto* list = fields.array(info, "tcbLevels", kMaxLevels);
  if (list == nullptr) return levels;
  if (list->empty()) fields.missing("tcbLevels", "an array with at least one level");
  for (const auto& item : *list) {
    const auto* tcb = fields.object(item, "tcb");
    if (fields.refusal()) return levels;
    PlatformLevel level;
    components(fields, *tcb, "sgxtcbcomponents", level.sgx_components);
    level.pce_svn = static_cast<std::uint16_t>(fields.number(*tcb, "pcesvn", 0xffff));
    components(fields, *tcb, "tdxtcbcomponents", level.tdx_components);
    level.tcb_date = fields.instant(item, "tcbDate");
    level.status =
        fields.status(item, {TcbStatus::up_to_date, TcbStatus::sw_hardening_needed, TcbStatus::configuration_needed,
                             TcbStatus::configuration_and_sw_hardening_needed, TcbStatus::out_of_date,
                             TcbStatus::out_of_date_configuration_needed, TcbStatus::revoked});
    level.advisory_ids = fields.advisories(item);
    insert_sorted(levels, std::move(level), rank);
  }
  return levels;
}

CollateralWindow window(Fields& fields, const JsonValue& document) {
  const auto begin = fields.instant(document, "issueDate");
  const auto end = fields.instant(document, "nextUpdate");
  return {begin, end};
}

/// Four hex digits pairs as the bytes of a little-endian number.
std::uint32_t little_endian(const Field<4>& bytes) {
  return static_cast<std::uint32_t>(bytes[0]) | static_cast<std::uint32_t>(bytes[1]) << 8 |
         static_cast<std::uint32_t>(bytes[2]) << 16 | static_cast<std::uint32_t>(bytes[3]) << 24;
}

}  // namespace

Checked<TcbInfo> parse_tcb_info(std::string_view text) {
  const auto document = parse_strict_json(text, kMaxTextBytes);
  if (!document || document->object() == nullptr)
    return Refusal{"TCB_JSON", "the TCB info is no JSON object: " + (document ? "" : document.error().message)};
  Fields fields("TCB");
  fields.is(*document, "id", "TDX", "ID");
  fields.is(*document, "version", 3, "VERSION");
  fields.is(*document, "tcbType", 0, "TYPE");
  TcbInfo info;
  info.window = window(fields, *document);
  fields.hex(*document, "fmspc", info.fmspc);
  fields.hex(*document, "pceId", info.pce_id);
  info.evaluation_data_number = fields.number(*document, "tcbEvaluationDataNumber", 0xffffffff);
  if (const auto* module = fields.object(*document, "tdxModule"); !fields.refusal())
    info.module = tdx_module(fields, *module);
  if (!fields.refusal()) info.module_identities = module_identities(fields, *document);
  if (!fields.refusal()) info.levels = platform_levels(fields, *document);
  if (fields.refusal()) return *fields.refusal();
  return info;
}

Checked<QeIdentity> parse_qe_identity(std::string_view text) {
  const auto document = parse_strict_json(text, kMaxTextBytes);
  if (!document || document->object() == nullptr)
    return Refusal{"QEID_JSON", "the QE identity is no JSON object: " + (document ? "" : document.error().message)};
  Fields fields("QEID");
  fields.is(*document, "id", "TD_QE", "ID");
  fields.is(*document, "version", 2, "VERSION");
  QeIdentity identity;
  identity.window = window(fields, *document);
  identity.evaluation_data_number = fields.number(*document, "tcbEvaluationDataNumber", 0xffffffff);
  Field<4> select{}, mask{};
  fields.hex(*document, "miscselect", select);
  fields.hex(*document, "miscselectMask", mask);
  identity.misc_select = little_endian(select);
  identity.misc_select_mask = little_endian(mask);
  fields.hex(*document, "attributes", identity.attributes);
  fields.hex(*document, "attributesMask", identity.attributes_mask);
  fields.hex(*document, "mrsigner", identity.mr_signer);
  identity.isv_prod_id = static_cast<std::uint16_t>(fields.number(*document, "isvprodid", 0xffff));
  if (!fields.refusal()) identity.levels = enclave_levels(fields, *document);
  if (fields.refusal()) return *fields.refusal();
  return identity;
}

}  // namespace skill_verifier::dcap
