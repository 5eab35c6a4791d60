#include "dcap/signed_json.hpp"

#include "dcap/certificate_chain.hpp"
#include "dcap/iso_time.hpp"
#include "dcap/text.hpp"

namespace skill_verifier::dcap {

Error SignedJson::refuse(std::string_view rule, std::string message) const {
  return refusal(text(prefix_, "_", rule), std::move(message));
}

Error SignedJson::wrong_field(std::string_view name) const {
  return refuse("FIELD", text("member '", name, "' is missing or not what it should be"));
}

Result<json::Document> SignedJson::parse(std::string_view text) const {
  auto document = json::Document::parse(text);
  if (!document) return refuse("JSON", document.error().message);
  if (!document->root().is_object()) return refuse("JSON", "the document is not an object");
  return document;
}

Result<std::string_view> SignedJson::string(const json::Value& object, std::string_view name) const {
  const auto member = object[name];
  const auto value = member ? member->string() : std::nullopt;
  if (!value) return wrong_field(name);
  return *value;
}

Result<std::uint32_t> SignedJson::number(const json::Value& object, std::string_view name, std::uint32_t limit) const {
  const auto member = object[name];
  const auto value = member ? member->integer() : std::nullopt;
  if (!value || *value < 0 || *value > std::int64_t{limit}) return wrong_field(name);
  return static_cast<std::uint32_t>(*value);
}

Result<Bytes> SignedJson::octets(const json::Value& object, std::string_view name, std::size_t count) const {
  const auto digits = string(object, name);
  if (!digits) return digits.error();
  auto bytes = parse_plain_hex(*digits);
  if (!bytes || bytes->size() != count) return wrong_field(name);
  return bytes;
}

Result<std::int64_t> SignedJson::instant(const json::Value& object, std::string_view name) const {
  const auto member = object[name];
  const auto digits = member ? member->string() : std::nullopt;
  const auto parsed = digits ? parse_time(*digits) : std::nullopt;
  if (!parsed) return refuse("DATE", text("member '", name, "' is not a date in the form 2024-03-13T00:00:00Z"));
  return *parsed;
}

Result<void> SignedJson::head(const json::Value& root, std::string_view id, std::int64_t version,
                              std::int64_t& issue_date, std::int64_t& next_update) const {
  const auto found_id = root["id"] ? root["id"]->string() : std::nullopt;
  if (found_id != id)
    return refuse("ID", text("its id is '", core::shorten(found_id.value_or("")), "', not '", id, "'"));
  const auto found_version = root["version"] ? root["version"]->integer() : std::nullopt;
  if (found_version != version) {
    return refuse("VERSION", text("its version is ", found_version.value_or(-1), ", not ", version));
  }
  const auto issued = instant(root, "issueDate");
  if (!issued) return issued.error();
  const auto next = instant(root, "nextUpdate");
  if (!next) return next.error();
  issue_date = *issued;
  next_update = *next;
  return {};
}

Result<LevelStatus> SignedJson::level_status(const json::Value& level, bool platform) const {
  constexpr std::size_t kMaxAdvisories = 512;
  constexpr std::size_t kMaxAdvisoryBytes = 64;
  if (const auto date = instant(level, "tcbDate"); !date) return date.error();
  const auto name = string(level, "tcbStatus");
  if (!name) return name.error();
  const auto status = parse_tcb_status(*name);
  const bool simple =
      status == TcbStatus::up_to_date || status == TcbStatus::out_of_date || status == TcbStatus::revoked;
  const bool known = status && *status != TcbStatus::td_relaunch_advised &&
                     *status != TcbStatus::td_relaunch_advised_configuration_needed;
  if (!known || (!platform && !simple)) {
    return refuse("STATUS_UNKNOWN", text("a level has the status '", core::shorten(*name), "'"));
  }
  LevelStatus out{*status, std::string(level["tcbDate"]->string().value_or("")), {}};
  const auto advisories = level["advisoryIDs"];
  if (!advisories) return out;
  if (!advisories->is_array()) return wrong_field("advisoryIDs");
  for (const auto& advisory : advisories->elements()) {
    const auto id = advisory.string();
    if (!id || id->size() > kMaxAdvisoryBytes || out.advisory_ids.size() == kMaxAdvisories) {
      return wrong_field("advisoryIDs");
    }
    out.advisory_ids.emplace_back(*id);
  }
  return out;
}

Result<std::vector<SvnLevel>> SignedJson::svn_levels(const json::Value& object, std::uint32_t limit) const {
  const auto list = object["tcbLevels"];
  if (!list || !list->is_array()) return wrong_field("tcbLevels");
  std::vector<SvnLevel> levels;
  for (const auto& entry : list->elements()) {
    const auto tcb = entry["tcb"];
    if (!tcb) return wrong_field("tcb");
    const auto svn = number(*tcb, "isvsvn", limit);
    if (!svn) return svn.error();
    auto status = level_status(entry, false);
    if (!status) return status.error();
    insert_level(levels, SvnLevel{*svn, std::move(*status)}, [](const SvnLevel& one) { return one.isv_svn; });
  }
  if (levels.empty()) return wrong_field("tcbLevels");
  return levels;
}

std::string upper_hex(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

}  // namespace skill_verifier::dcap
