#include "service/job_request.hpp"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::service {
namespace {

using core::Json;

/// Of the JSON below. A request of another version is not guessed at.
constexpr int kVersion = 1;

Json optional_json(const std::optional<std::string>& text) {
  return text ? Json(*text) : Json(nullptr);
}

Json command_json(const std::optional<skill::Command>& command) {
  if (!command) return nullptr;
  return Json{{"argv", command->argv}, {"shell", command->shell}};
}

Json manifest_json(const skill::Manifest& manifest) {
  const auto& test = manifest.test;
  Json env = Json::array();
  for (const auto& [name, value] : test.env)
    env.push_back(Json::array({name, value}));
  return Json{{"name", manifest.name},
              {"description", optional_json(manifest.description)},
              {"version", optional_json(manifest.version)},
              {"entrypoint", optional_json(manifest.entrypoint)},
              {"file", manifest.file},
              {"sha256", core::to_hex(manifest.sha256)},
              {"frontmatterRecovered", manifest.frontmatter_recovered},
              {"runtime", test.runtime},
              {"deps", command_json(test.deps)},
              {"command", command_json(test.command)},
              {"timeoutMs", test.timeout.count()},
              {"env", std::move(env)},
              {"network", skill::to_string(test.network)},
              {"declared", test.declared},
              {"source", test.source}};
}

/// Takes members out of an object and remembers the first that was missing or of another kind.
class Reader {
 public:
  Reader(const Json& object, std::string& complaint) : object_(object), complaint_(complaint) {}

  std::string text(const char* name) {
    const Json* value = find(name);
    return value != nullptr && expect(name, value->is_string()) ? value->get<std::string>() : std::string();
  }
  std::optional<std::string> maybe_text(const char* name) {
    const Json* value = find(name);
    if (value == nullptr || value->is_null()) return std::nullopt;
    return text(name);
  }
  bool has(const char* name) const { return object_.is_object() && object_.contains(name); }
  bool flag(const char* name) {
    const Json* value = find(name);
    return value != nullptr && expect(name, value->is_boolean()) && value->get<bool>();
  }
  std::int64_t integer(const char* name) {
    const Json* value = find(name);
    return value != nullptr && expect(name, value->is_number_integer()) ? value->get<std::int64_t>() : 0;
  }
  std::vector<std::string> texts(const char* name) {
    std::vector<std::string> items;
    for (const Json& item : array(name))
      if (expect(name, item.is_string())) items.push_back(item.get<std::string>());
    return items;
  }
  const Json& array(const char* name) {
    static const Json empty = Json::array();
    const Json* value = find(name);
    return value != nullptr && expect(name, value->is_array()) ? *value : empty;
  }
  const Json& object(const char* name) {
    static const Json empty = Json::object();
    const Json* value = find(name);
    return value != nullptr && expect(name, value->is_object()) ? *value : empty;
  }
  bool is_null(const char* name) {
    const Json* value = find(name);
    return value != nullptr && value->is_null();
  }
  bool expect(const char* name, bool condition) {
    if (!condition && complaint_.empty()) complaint_ = name;
    return condition;
  }

 private:
  const Json* find(const char* name) {
    const auto found = object_.is_object() ? object_.find(name) : object_.end();
    if (!expect(name, object_.is_object() && found != object_.end())) return nullptr;
    return &*found;
  }

  const Json& object_;
  std::string& complaint_;
};

std::optional<skill::Command> read_command(Reader& manifest, const char* name, std::string& complaint) {
  if (manifest.is_null(name)) return std::nullopt;
  Reader reader(manifest.object(name), complaint);
  skill::Command command;
  command.argv = reader.texts("argv");
  command.shell = reader.flag("shell");
  reader.expect(name, !command.argv.empty());
  return command;
}

void read_env(Reader& reader, skill::TestDeclaration& test) {
  for (const Json& pair : reader.array("env"))
    if (reader.expect("env", pair.is_array() && pair.size() == 2 && pair[0].is_string() && pair[1].is_string()))
      test.env.emplace_back(pair[0].get<std::string>(), pair[1].get<std::string>());
}

skill::Manifest read_manifest(const Json& object, std::string& complaint) {
  Reader reader(object, complaint);
  skill::Manifest manifest;
  manifest.name = reader.text("name");
  manifest.description = reader.maybe_text("description");
  manifest.version = reader.maybe_text("version");
  manifest.entrypoint = reader.maybe_text("entrypoint");
  manifest.file = reader.text("file");
  const auto digest = core::parse_hex(reader.text("sha256"));
  if (reader.expect("sha256", digest && digest->size() == manifest.sha256.size()))
    std::copy(digest->begin(), digest->end(), manifest.sha256.begin());
  manifest.frontmatter_recovered = reader.flag("frontmatterRecovered");
  auto& test = manifest.test;
  test.runtime = reader.text("runtime");
  test.deps = read_command(reader, "deps", complaint);
  test.command = read_command(reader, "command", complaint);
  test.timeout = std::chrono::milliseconds(reader.integer("timeoutMs"));
  reader.expect("timeoutMs", test.timeout.count() > 0);
  read_env(reader, test);
  const auto network = reader.text("network");
  reader.expect("network", network == "none" || network == "bridge");
  test.network = network == "bridge" ? skill::Network::bridge : skill::Network::none;
  test.declared = reader.flag("declared");
  test.source = reader.text("source");
  return manifest;
}

std::vector<skill::Diagnostic> read_warnings(const Json& array, std::string& complaint) {
  std::vector<skill::Diagnostic> warnings;
  for (const Json& item : array) {
    Reader reader(item, complaint);
    skill::Diagnostic warning;
    warning.code = reader.text("code");
    warning.message = reader.text("message");
    warning.file = reader.text("file");
    warning.at.line = static_cast<int>(reader.integer("line"));
    warning.at.column = static_cast<int>(reader.integer("column"));
    warnings.push_back(std::move(warning));
  }
  return warnings;
}

std::vector<skill::PackageNote> read_notes(const Json& array, std::string& complaint) {
  std::vector<skill::PackageNote> notes;
  for (const Json& item : array) {
    Reader reader(item, complaint);
    skill::PackageNote note;
    note.code = reader.text("code");
    note.path = reader.text("path");
    note.message = reader.text("message");
    notes.push_back(std::move(note));
  }
  return notes;
}

Error unreadable(std::string_view why) {
  return {Errc::internal, "request_unreadable", fmt::format("the stored request of the job is not readable: {}", why),
          "submit the skill again"};
}

}  // namespace

std::string package_json(const JobRequest& request) {
  Json warnings = Json::array();
  for (const auto& warning : request.warnings)
    warnings.push_back(Json{{"code", warning.code},
                            {"message", warning.message},
                            {"file", warning.file},
                            {"line", warning.at.line},
                            {"column", warning.at.column}});
  Json notes = Json::array();
  for (const auto& note : request.notes)
    notes.push_back(Json{{"code", note.code}, {"path", note.path}, {"message", note.message}});
  return core::dump_json(Json{{"version", kVersion},
                              {"archiveName", request.archive_name},
                              {"archiveSha256", optional_json(request.archive_sha256)},
                              {"treeDigest", request.tree_digest},
                              {"packBytes", request.pack_bytes},
                              {"manifest", manifest_json(request.manifest)},
                              {"warnings", std::move(warnings)},
                              {"notes", std::move(notes)}});
}

std::string join_request(std::string_view package, const Origin& origin) {
  const std::string own = core::dump_json(
      Json{{"nonce", optional_json(origin.nonce)}, {"requestId", origin.request_id}, {"traceId", origin.trace_id}});
  return fmt::format("{},{}", package.substr(0, package.size() - 1), std::string_view(own).substr(1));
}

std::string to_json(const JobRequest& request) {
  return join_request(package_json(request), {request.nonce, request.request_id, request.trace_id});
}

Result<JobRequest> parse_job_request(std::string_view text) {
  const auto json = core::parse_json(text);
  if (!json) return unreadable(json.error().message);
  std::string complaint;
  Reader reader(*json, complaint);
  reader.expect("version", reader.integer("version") == kVersion);
  JobRequest request;
  request.archive_name = reader.text("archiveName");
  request.archive_sha256 = reader.maybe_text("archiveSha256");
  request.tree_digest = reader.text("treeDigest");
  const std::int64_t pack_bytes = reader.integer("packBytes");
  reader.expect("packBytes", pack_bytes > 0);
  request.pack_bytes = static_cast<std::uint64_t>(pack_bytes);
  request.nonce = reader.maybe_text("nonce");
  // Jobs that an earlier release stored have none.
  if (reader.has("requestId")) request.request_id = reader.text("requestId");
  if (reader.has("traceId")) request.trace_id = reader.text("traceId");
  request.manifest = read_manifest(reader.object("manifest"), complaint);
  request.warnings = read_warnings(reader.array("warnings"), complaint);
  request.notes = read_notes(reader.array("notes"), complaint);
  if (!complaint.empty()) return unreadable(fmt::format("member '{}'", complaint));
  return request;
}

std::string request_id_of(std::string_view text) {
  const auto request = parse_job_request(text);
  return request ? request->request_id : std::string();
}

core::TraceBinding trace_of(std::string_view text) {
  auto request = parse_job_request(text);
  if (!request) return {};
  return core::TraceBinding(std::move(request->request_id), std::move(request->trace_id));
}

}  // namespace skill_verifier::service
