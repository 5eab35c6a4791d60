#include "sandbox/engine_json.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::sandbox::engine_json {
namespace {

using core::Json;

Error unexpected(std::string_view what) {
  return Error{Errc::unavailable, "engine_error", "the engine's answer has no " + std::string(what)};
}

/// The member, or null. Works on any value.
const Json& member_of(const Json& value, std::string_view name) {
  static const Json kNull;
  if (!value.is_object()) return kNull;
  const auto found = value.find(name);
  return found == value.end() ? kNull : *found;
}

bool flag_of(const Json& value, std::string_view name) {
  const Json& member = member_of(value, name);
  return member.is_boolean() && member.get<bool>();
}

std::int64_t number_of(const Json& value, std::string_view name) {
  const Json& member = member_of(value, name);
  if (member.is_number_unsigned()) {
    const auto number = member.get<std::uint64_t>();
    const auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    return static_cast<std::int64_t>(std::min(number, most));
  }
  return member.is_number_integer() ? member.get<std::int64_t>() : 0;
}

std::uint64_t size_of(const Json& value, std::string_view name) {
  const std::int64_t number = number_of(value, name);
  return number > 0 ? static_cast<std::uint64_t>(number) : 0;
}

int exit_code_of(const Json& value, std::string_view name) {
  const std::int64_t number = number_of(value, name);
  const bool fits = number >= std::numeric_limits<int>::min() && number <= std::numeric_limits<int>::max();
  return fits ? static_cast<int>(number) : -1;
}

Labels labels_of(const Json& value) {
  Labels labels;
  const Json& member = member_of(value, "Labels");
  if (!member.is_object()) return labels;
  for (const auto& [name, label] : member.items()) {
    if (label.is_string()) labels.emplace_back(name, label.get<std::string>());
  }
  return labels;
}

std::vector<std::string> names_of(const Json& value, std::string_view name) {
  std::vector<std::string> names;
  const Json& member = member_of(value, name);
  if (!member.is_object()) return names;
  for (const auto& [key, unused] : member.items())
    names.push_back(key);
  return names;
}

template <class T, class Read>
Result<std::vector<T>> read_list(const Json& value, Read read) {
  if (!value.is_array()) return unexpected("list");
  std::vector<T> list;
  for (const Json& entry : value) {
    T item = read(entry);
    if (item.id.empty()) return unexpected("Id in an entry of the list");
    list.push_back(std::move(item));
  }
  return list;
}

Result<Json> parse(std::string_view text) {
  auto value = core::parse_json(text);
  if (value) return value;
  return Error{Errc::unavailable, "engine_error", "the engine's answer is not JSON: " + value.error().message};
}

std::string text_of(const Json& object, std::string_view member) {
  const Json& value = member_of(object, member);
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::vector<std::string> texts_of(const Json& object, std::string_view member) {
  std::vector<std::string> texts;
  const Json& value = member_of(object, member);
  if (!value.is_array()) return texts;
  for (const Json& entry : value) {
    if (entry.is_string()) texts.push_back(entry.get<std::string>());
  }
  return texts;
}

/// Podman leaves the algorithm out where an image names another.
std::string image_id_of(const Json& object, std::string_view member) {
  constexpr std::size_t kDigits = 64;
  std::string id = text_of(object, member);
  const bool bare = id.size() == kDigits && id.find(':') == std::string::npos;
  return bare ? "sha256:" + id : id;
}

/// Podman has Go's names.
std::string architecture_of(const Json& value) {
  std::string name = text_of(value, "Architecture");
  if (name == "amd64") return "x86_64";
  if (name == "arm64") return "aarch64";
  return name;
}

/// A directory of the host would be no business of a statement's reader.
std::string runtime_of(const Json& value) {
  const std::string name = text_of(value, "DefaultRuntime");
  return name.substr(name.rfind('/') + 1);
}

}  // namespace

Result<EngineInfo> read_info(std::string_view text) {
  SKILL_VERIFIER_TRY(const Json value, parse(text));
  EngineInfo info;
  info.id = text_of(value, "ID");
  info.version = text_of(value, "ServerVersion");
  info.operating_system = text_of(value, "OperatingSystem");
  info.architecture = architecture_of(value);
  info.kernel = text_of(value, "KernelVersion");
  info.storage_driver = text_of(value, "Driver");
  info.cgroup_driver = text_of(value, "CgroupDriver");
  info.cgroup_version = text_of(value, "CgroupVersion");
  info.default_runtime = runtime_of(value);
  info.runtimes = names_of(value, "Runtimes");
  info.security_options = texts_of(value, "SecurityOptions");
  info.cpus = number_of(value, "NCPU");
  info.memory_bytes = size_of(value, "MemTotal");
  info.memory_limit = flag_of(value, "MemoryLimit");
  info.swap_limit = flag_of(value, "SwapLimit");
  info.pids_limit = flag_of(value, "PidsLimit");
  info.cpu_quota = flag_of(value, "CpuCfsQuota");
  info.oom_kill_disable = flag_of(value, "OomKillDisable");
  return info;
}

Result<ImageDetails> read_image(std::string_view text) {
  SKILL_VERIFIER_TRY(const Json value, parse(text));
  const Json& config = member_of(value, "Config");
  ImageDetails image;
  image.id = text_of(value, "Id");
  if (image.id.empty()) return unexpected("image Id");
  image.tags = texts_of(value, "RepoTags");
  image.digests = texts_of(value, "RepoDigests");
  image.env = texts_of(config, "Env");
  image.labels = labels_of(config);
  image.volumes = names_of(config, "Volumes");
  image.parent = image_id_of(value, "Parent");
  image.user = text_of(config, "User");
  image.architecture = text_of(value, "Architecture");
  image.created = text_of(value, "Created");
  image.size = size_of(value, "Size");
  return image;
}

Result<std::vector<ImageSummary>> read_image_list(std::string_view text) {
  SKILL_VERIFIER_TRY(const Json value, parse(text));
  return read_list<ImageSummary>(value, [](const Json& entry) {
    return ImageSummary{.id = text_of(entry, "Id"),
                        .tags = texts_of(entry, "RepoTags"),
                        .labels = labels_of(entry),
                        .created = number_of(entry, "Created"),
                        .size = size_of(entry, "Size")};
  });
}

Result<CreatedContainer> read_created(std::string_view text) {
  SKILL_VERIFIER_TRY(const Json value, parse(text));
  CreatedContainer created{.id = text_of(value, "Id"), .warnings = texts_of(value, "Warnings")};
  if (created.id.empty()) return unexpected("container Id");
  return created;
}

Result<ContainerDetails> read_container(std::string_view text) {
  SKILL_VERIFIER_TRY(const Json value, parse(text));
  const Json& state = member_of(value, "State");
  ContainerDetails container;
  container.id = text_of(value, "Id");
  if (container.id.empty() || !state.is_object()) return unexpected("container Id and State");
  container.image_id = text_of(value, "Image");
  container.labels = labels_of(member_of(value, "Config"));
  container.status = text_of(state, "Status");
  container.error = text_of(state, "Error");
  container.running = flag_of(state, "Running");
  container.oom_killed = flag_of(state, "OOMKilled");
  container.exit_code = exit_code_of(state, "ExitCode");
  container.pid = number_of(state, "Pid");
  return container;
}

Result<ContainerLimits> read_limits(std::string_view text) {
  SKILL_VERIFIER_TRY(const Json value, parse(text));
  const Json& host = member_of(value, "HostConfig");
  if (!host.is_object()) return unexpected("HostConfig");
  ContainerLimits limits;
  limits.memory_bytes = size_of(host, "Memory");
  limits.memory_swap_bytes = size_of(host, "MemorySwap");
  limits.nano_cpus = number_of(host, "NanoCpus");
  limits.pids = number_of(host, "PidsLimit");
  limits.read_only = flag_of(host, "ReadonlyRootfs");
  limits.privileged = flag_of(host, "Privileged");
  limits.network = text_of(host, "NetworkMode");
  limits.security_options = texts_of(host, "SecurityOpt");
  for (const std::string& path : names_of(host, "Tmpfs"))
    limits.tmpfs.emplace_back(path, text_of(member_of(host, "Tmpfs"), path));
  limits.mounts = texts_of(host, "Binds");
  const Json& mounts = member_of(value, "Mounts");
  if (!mounts.is_array()) return limits;
  for (const Json& mount : mounts)
    limits.mounts.push_back(text_of(mount, "Destination"));
  return limits;
}

Result<std::uint64_t> read_written_bytes(std::string_view text) {
  SKILL_VERIFIER_TRY(const Json value, parse(text));
  if (!member_of(value, "SizeRw").is_number_integer()) return unexpected("SizeRw");
  return size_of(value, "SizeRw");
}

Result<std::vector<ContainerSummary>> read_container_list(std::string_view text) {
  SKILL_VERIFIER_TRY(const Json value, parse(text));
  return read_list<ContainerSummary>(value, [](const Json& entry) {
    return ContainerSummary{.id = text_of(entry, "Id"),
                            .image_id = text_of(entry, "ImageID"),
                            .state = text_of(entry, "State"),
                            .labels = labels_of(entry),
                            .created = number_of(entry, "Created")};
  });
}

Result<ExitStatus> read_exit(std::string_view text) {
  SKILL_VERIFIER_TRY(const Json value, parse(text));
  if (!member_of(value, "StatusCode").is_number_integer()) return unexpected("StatusCode");
  return ExitStatus{.code = exit_code_of(value, "StatusCode"), .error = text_of(member_of(value, "Error"), "Message")};
}

Result<std::string> read_image_id(std::string_view text) {
  SKILL_VERIFIER_TRY(const Json value, parse(text));
  std::string id = image_id_of(value, "Id");
  if (id.empty()) return unexpected("image Id");
  return id;
}

Result<std::string> read_imported_id(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
    text.remove_suffix(1);
  // Failures come with the status of a success.
  SKILL_VERIFIER_TRY(const auto last, read_pull_message(text.substr(text.rfind('\n') + 1)));
  if (!last.error.empty()) return Error{Errc::unavailable, "engine_error", core::shorten(last.error, 300)};
  SKILL_VERIFIER_TRY(const Json value, parse(text.substr(text.rfind('\n') + 1)));
  std::string id = text_of(value, "status");
  if (!id.starts_with("sha256:")) return unexpected("image id");
  return id;
}

std::string commit_config(const Labels& labels) {
  Json members = Json::object();
  for (const auto& [name, value] : labels)
    members[name] = value;
  return core::dump_json(Json{{"Labels", std::move(members)}});
}

std::uint64_t ChangeCounter::add(std::string_view piece) {
  // Every entry has this member once, and no path can hold it: a quote is escaped in JSON.
  constexpr std::string_view member = "\"Kind\"";
  carry_.append(piece);
  std::size_t from = 0;
  for (auto at = carry_.find(member); at != std::string::npos; at = carry_.find(member, from)) {
    ++count_;
    from = at + member.size();
  }
  from = std::max(from, carry_.size() - std::min(carry_.size(), member.size() - 1));
  carry_.erase(0, from);
  return count_;
}

std::string read_error_message(std::string_view text) {
  constexpr std::size_t kLongestMessage = 300;
  const auto value = core::parse_json(text);
  const std::string message = value ? text_of(*value, "message") : std::string();
  if (message.empty() && text.empty()) return "no reason given";
  return core::shorten(message.empty() ? text : message, kLongestMessage);
}

Result<AboutEngine> read_about(std::string_view text) {
  SKILL_VERIFIER_TRY(const Json value, parse(text));
  AboutEngine about;
  about.oldest_version = text_of(value, "MinAPIVersion");
  const Json& components = member_of(value, "Components");
  if (!components.is_array()) return about;
  for (const Json& component : components) {
    if (text_of(component, "Name") == "Podman Engine") about.kind = EngineKind::podman;
  }
  return about;
}

std::string label_filter(const std::vector<std::string>& labels) {
  return core::dump_json(Json{{"label", labels}});
}

bool has_labels(const Labels& labels, const std::vector<std::string>& wanted) {
  return std::ranges::all_of(wanted, [&](const std::string& label) {
    return std::ranges::any_of(labels, [&](const auto& have) {
      return label.find('=') == std::string::npos ? have.first == label : have.first + "=" + have.second == label;
    });
  });
}

Result<PullMessage> read_pull_message(std::string_view text) {
  SKILL_VERIFIER_TRY(const Json value, parse(text));
  PullMessage message;
  const Json& detail = member_of(value, "errorDetail");
  message.error = text_of(detail, "message");
  message.error_code = exit_code_of(detail, "code");
  if (message.error.empty()) message.error = text_of(value, "error");
  if (message.error.empty() && detail.is_object()) message.error = "no reason given";
  // Byte counts come many times a second; the steps are what a log wants.
  const bool counting = member_of(value, "progressDetail").is_object() && !member_of(value, "progressDetail").empty();
  if (counting) return message;
  const std::string id = text_of(value, "id");
  message.line = text_of(value, "status");
  if (!id.empty() && !message.line.empty()) message.line = id + ": " + message.line;
  return message;
}

}  // namespace skill_verifier::sandbox::engine_json
