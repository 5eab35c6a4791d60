#include "skill_verifier/attest/service_document.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "skill_verifier/core/json.hpp"

namespace skill_verifier::attest {
namespace {

using core::Json;

constexpr std::size_t kMaxRuntimes = 1024;
constexpr std::size_t kMaxKeys = 64;
constexpr std::size_t kMaxText = 1024;
constexpr core::JsonLimits kLimits{.depth = 4, .bytes = 1u << 20};
constexpr std::string_view kImagePrefix = "sha256:";

Error document_error(std::string message) {
  return Error{Errc::invalid_argument, "service_document_invalid", "service document: " + std::move(message)};
}

bool is_lower_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Result<void> check_digest(std::string_view name, std::string_view hex) {
  if (hex.size() == 64 && is_lower_hex(hex)) return {};
  return document_error(fmt::format("{} is '{}', not 64 lower-case hex digits", name, core::shorten(hex)));
}

Result<void> check_text(std::string_view name, std::string_view text) {
  if (text.empty() || text.size() > kMaxText) {
    return document_error(fmt::format("{} has {} bytes, must have 1 to {}", name, text.size(), kMaxText));
  }
  if (core::shorten(text, kMaxText) == text) return {};
  return document_error(fmt::format("{} is '{}', which is not printable", name, core::shorten(text)));
}

Result<void> check_commit(const std::optional<std::string>& commit) {
  if (!commit || ((commit->size() == 40 || commit->size() == 64) && is_lower_hex(*commit))) return {};
  return document_error(
      fmt::format("program.sourceCommit is '{}', not 40 or 64 lower-case hex digits", core::shorten(*commit)));
}

/// `runtimes` are sorted by name.
Result<void> check_runtimes(const std::vector<ServiceDocument::Runtime>& runtimes) {
  if (runtimes.size() > kMaxRuntimes) return document_error(fmt::format("more than {} runtimes", kMaxRuntimes));
  for (const auto& runtime : runtimes) {
    SKILL_VERIFIER_TRY_VOID(check_text("runtimes.name", runtime.name));
    const std::string_view id = runtime.image_id;
    if (!id.starts_with(kImagePrefix) || !check_digest("", id.substr(kImagePrefix.size())))
      return document_error(
          fmt::format("runtimes.imageId is '{}', not sha256: and 64 lower-case hex digits", core::shorten(id)));
  }
  const auto twice = std::ranges::adjacent_find(runtimes, {}, &ServiceDocument::Runtime::name);
  if (twice == runtimes.end()) return {};
  return document_error(fmt::format("runtime '{}' is listed twice", core::shorten(twice->name)));
}

Result<void> check(const ServiceDocument& document) {
  SKILL_VERIFIER_TRY_VOID(check_digest("nonceRoot", document.nonce_root));
  SKILL_VERIFIER_TRY_VOID(check_digest("policy.sha256", document.policy_sha256));
  SKILL_VERIFIER_TRY_VOID(check_text("program.name", document.program.name));
  SKILL_VERIFIER_TRY_VOID(check_text("program.version", document.program.version));
  SKILL_VERIFIER_TRY_VOID(check_digest("program.sha256", document.program.sha256));
  SKILL_VERIFIER_TRY_VOID(check_commit(document.program.source_commit));
  if (document.public_keys.size() > kMaxKeys) return document_error(fmt::format("more than {} publicKeys", kMaxKeys));
  for (const auto& key : document.public_keys)
    SKILL_VERIFIER_TRY_VOID(check_text("publicKeys", key));
  return check_runtimes(document.runtimes);
}

/// A member of an object, or the error that names it.
Result<Json> member(const Json& object, std::string_view name, Json::value_t type) {
  const auto found = object.is_object() ? object.find(name) : object.end();
  if (!object.is_object() || found == object.end()) return document_error(fmt::format("there is no '{}'", name));
  if (found->type() != type) return document_error(fmt::format("'{}' is of type {}", name, found->type_name()));
  return *found;
}

Result<std::string> text_member(const Json& object, std::string_view name) {
  SKILL_VERIFIER_TRY(const auto value, member(object, name, Json::value_t::string));
  return value.get<std::string>();
}

Result<ServiceDocument::Program> parse_program(const Json& json) {
  ServiceDocument::Program program;
  SKILL_VERIFIER_TRY(program.name, text_member(json, "name"));
  SKILL_VERIFIER_TRY(program.version, text_member(json, "version"));
  SKILL_VERIFIER_TRY(program.sha256, text_member(json, "sha256"));
  if (json.contains("sourceCommit") && json["sourceCommit"].is_null()) return program;
  SKILL_VERIFIER_TRY(program.source_commit, text_member(json, "sourceCommit"));
  return program;
}

Result<std::vector<std::string>> parse_keys(const Json& json) {
  std::vector<std::string> keys;
  for (const auto& key : json) {
    if (!key.is_string()) return document_error("a public key is not a string");
    keys.push_back(key.get<std::string>());
  }
  return keys;
}

Result<std::vector<ServiceDocument::Runtime>> parse_runtimes(const Json& json) {
  std::vector<ServiceDocument::Runtime> runtimes;
  for (const auto& entry : json) {
    ServiceDocument::Runtime runtime;
    SKILL_VERIFIER_TRY(runtime.name, text_member(entry, "name"));
    SKILL_VERIFIER_TRY(runtime.image_id, text_member(entry, "imageId"));
    runtimes.push_back(std::move(runtime));
  }
  return runtimes;
}

Result<ServiceDocument> parse_members(const Json& json) {
  using Type = Json::value_t;
  ServiceDocument document;
  SKILL_VERIFIER_TRY(const std::string type, text_member(json, "type"));
  if (type != kServiceTag) return document_error(fmt::format("type is '{}'", core::shorten(type)));
  SKILL_VERIFIER_TRY(document.nonce_root, text_member(json, "nonceRoot"));
  SKILL_VERIFIER_TRY(const Json policy, member(json, "policy", Type::object));
  SKILL_VERIFIER_TRY(document.policy_sha256, text_member(policy, "sha256"));
  SKILL_VERIFIER_TRY(const Json program, member(json, "program", Type::object));
  SKILL_VERIFIER_TRY(document.program, parse_program(program));
  SKILL_VERIFIER_TRY(const Json keys, member(json, "publicKeys", Type::array));
  SKILL_VERIFIER_TRY(document.public_keys, parse_keys(keys));
  SKILL_VERIFIER_TRY(const Json runtimes, member(json, "runtimes", Type::array));
  SKILL_VERIFIER_TRY(document.runtimes, parse_runtimes(runtimes));
  return document;
}

}  // namespace

Result<std::string> build_service_document(const ServiceDocument& document) {
  auto runtimes = document.runtimes;
  std::ranges::sort(runtimes, {}, &ServiceDocument::Runtime::name);
  auto sorted = document;
  sorted.runtimes = std::move(runtimes);
  SKILL_VERIFIER_TRY_VOID(check(sorted));

  auto list = Json::array();
  for (const auto& runtime : sorted.runtimes)
    list.push_back(Json{{"name", runtime.name}, {"imageId", runtime.image_id}});
  const auto& program = sorted.program;
  const Json commit = program.source_commit ? Json(*program.source_commit) : Json(nullptr);
  return core::canonical_json(Json{
      {"type", kServiceTag},
      {"nonceRoot", sorted.nonce_root},
      {"policy", Json{{"sha256", sorted.policy_sha256}}},
      {"program",
       Json{
           {"name", program.name}, {"version", program.version}, {"sha256", program.sha256}, {"sourceCommit", commit}}},
      {"publicKeys", Json(sorted.public_keys)},
      {"runtimes", std::move(list)}});
}

Result<ServiceDocument> parse_service_document(std::string_view text) {
  const auto json = core::parse_json(text, kLimits);
  if (!json) return document_error(json.error().message);
  SKILL_VERIFIER_TRY(auto document, parse_members(*json));
  // One form only: what parses to the same values and differs in any byte was not made by the builder.
  const auto rebuilt = build_service_document(document);
  if (!rebuilt) return rebuilt.error();
  if (*rebuilt != text) return document_error("is not in canonical form, or has members that do not belong");
  return document;
}

std::string service_document_hash(std::string_view document) {
  return core::sha256_hex(document);
}

ReportData service_report_data(std::string_view document) {
  return report_data(kServiceTag, service_document_hash(document));
}

}  // namespace skill_verifier::attest
