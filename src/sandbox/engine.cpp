#include "sandbox/engine.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "sandbox/engine_json.hpp"

namespace skill_verifier::sandbox {
namespace {

/// Docker Engine API version; ordered.
struct ApiVersion {
  int major = 0;
  int minor = 0;
  auto operator<=>(const ApiVersion&) const = default;
};
constexpr ApiVersion kOldest{1, 41};
constexpr ApiVersion kNewest{1, 52};

std::optional<ApiVersion> parse_api_version(std::string_view text) {
  ApiVersion version;
  const char *begin = text.data(), *end = begin + text.size();
  const auto [dot, major_error] = std::from_chars(begin, end, version.major);
  if (major_error != std::errc() || dot == end || *dot != '.') return std::nullopt;
  const auto [rest, minor_error] = std::from_chars(dot + 1, end, version.minor);
  if (minor_error != std::errc() || rest != end || version < ApiVersion{}) return std::nullopt;
  return version;
}

std::string to_string(ApiVersion version) {
  return fmt::format("{}.{}", version.major, version.minor);
}

/// What a call is about: which kind of thing a 404 says is missing.
enum class Subject { none, image, container };

struct EngineCall {
  std::string what;  ///< for messages: "inspect image x"
  Subject subject = Subject::none;
  net::Request request;
  Duration limit{};
};

net::Request request_of(std::string method, std::string target) {
  net::Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  return request;
}

net::Request json_request(std::string target, std::string body) {
  net::Request request = request_of("POST", std::move(target));
  request.headers.emplace_back("Content-Type", "application/json");
  request.body = std::move(body);
  return request;
}

/// What the HTTP client reported, in the words of the engine's user.
Error transport_error(Error error, std::string_view what) {
  error.message = fmt::format("{}: {}", what, error.message);
  if (error.code == Errc::cancelled || error.code == Errc::invalid_argument) return error;
  if (error.code == Errc::timed_out) return Error{Errc::timed_out, "engine_timed_out", std::move(error.message)};
  if (error.id == "connect_failed" || error.id == "connection_lost") {
    return Error{Errc::unavailable, "engine_unreachable", std::move(error.message),
                 "check that the Docker Engine runs and that this program may use its socket"};
  }
  return Error{Errc::unavailable, "engine_error", std::move(error.message)};
}

/// What an error answer of the engine means.
Error answer_error(const net::Response& response, const EngineCall& call) {
  std::string message = fmt::format("{}: {}", call.what, engine_json::read_error_message(response.body));
  if (response.status == 404 && call.subject == Subject::image) {
    return Error{Errc::not_found, "image_missing", std::move(message)};
  }
  if (response.status == 404 && call.subject == Subject::container) {
    return Error{Errc::not_found, "container_missing", std::move(message)};
  }
  if (response.status == 409) return Error{Errc::conflict, "engine_conflict", std::move(message)};
  return Error{Errc::unavailable, "engine_error", fmt::format("{} (status {})", message, response.status)};
}

bool is_success(int status) {
  return (status >= 200 && status < 300) || status == 304;
}

/// A container's sub-resource.
std::string container_path(const std::string& id, std::string_view rest) {
  return fmt::format("/containers/{}{}", net::percent_encode(id), rest);
}

std::string short_id(const std::string& id) {
  return core::shorten(id, 20);
}

/// `name` without tag and digest would pull every tag there is.
std::string with_tag(std::string reference) {
  const auto slash = reference.rfind('/');
  const auto name = slash == std::string::npos ? 0 : slash + 1;
  const bool exact = reference.find_first_of(":@", name) != std::string::npos;
  return exact ? reference : reference + ":latest";
}

/// As instructions of a Dockerfile, for the query of a request.
std::string label_changes(const Labels& labels) {
  std::string query;
  for (const auto& [name, value] : labels)
    query += "&changes=" + net::percent_encode(fmt::format("LABEL {}={}", name, value));
  return query;
}

bool says_image_is_missing(const engine_json::PullMessage& message) {
  const auto has = [&](std::string_view text) { return message.error.find(text) != std::string::npos; };
  return message.error_code == 404 || has("manifest unknown") || has("repository does not exist");
}

/// Takes the lines of a pull's stream apart. The status of a pull is 200 long before it has succeeded.
class PullReader {
 public:
  PullReader(std::string what, std::function<void(std::string_view)> progress)
      : what_(std::move(what)), progress_(std::move(progress)) {}

  /// False to stop.
  bool take(std::string_view piece) {
    pending_.append(piece);
    for (auto end = pending_.find('\n'); end != std::string::npos; end = pending_.find('\n')) {
      read_line(std::string_view(pending_).substr(0, end));
      pending_.erase(0, end + 1);
    }
    if (pending_.size() > kLongestLine) fail(Errc::unavailable, "engine_error", "a progress message is too long");
    return !error_;
  }
  /// The failure, if any, once the stream has ended.
  std::optional<Error> finish() {
    if (!error_ && !pending_.empty()) read_line(pending_);
    return error_;
  }

 private:
  static constexpr std::size_t kLongestLine = 1u << 20;

  void fail(Errc code, std::string id, std::string_view why) {
    if (!error_) error_.emplace(code, std::move(id), fmt::format("{}: {}", what_, why));
  }
  void read_line(std::string_view line) {
    while (line.ends_with('\r') || line.ends_with(' '))
      line.remove_suffix(1);
    if (line.empty() || error_) return;
    const auto message = engine_json::read_pull_message(line);
    if (!message) return fail(message.error().code, message.error().id, message.error().message);
    if (message->error.empty()) {
      if (progress_ && !message->line.empty()) progress_(message->line);
      return;
    }
    const std::string why = core::shorten(message->error, 300);
    if (says_image_is_missing(*message)) return fail(Errc::not_found, "image_missing", why);
    fail(Errc::unavailable, "engine_error", why);
  }

  std::string what_;
  std::function<void(std::string_view)> progress_;
  std::string pending_;
  std::optional<Error> error_;
};

net::ClientLimits client_limits(const EngineOptions& options) {
  net::ClientLimits limits;
  limits.connect = options.connect;
  limits.request = options.call;
  return limits;
}

}  // namespace

bool EngineInfo::has_security_option(std::string_view name) const {
  const std::string wanted = "name=" + std::string(name);
  return std::any_of(security_options.begin(), security_options.end(), [&](const std::string& option) {
    return option == name || option == wanted || option.starts_with(wanted + ",");
  });
}

struct Engine::Impl {
  Impl(core::asio::any_io_executor executor, net::Endpoint endpoint, EngineOptions options)
      : options(options), client(std::move(executor), std::move(endpoint), client_limits(options)) {}

  EngineCall call(std::string what, Subject subject, net::Request request) const {
    EngineCall call;
    call.what = std::move(what);
    call.subject = subject;
    call.request = std::move(request);
    call.limit = options.call;
    return call;
  }

  /// Maps what the client reported; after a lost engine the next one may speak another version.
  Error translate(Error error, std::string_view what) {
    Error translated = transport_error(std::move(error), what);
    if (translated.id == "engine_unreachable") version.clear();
    return translated;
  }

  awaitable<Result<std::string>> negotiate() {
    const std::string what = "ask the engine for its version";
    auto ping = co_await client.send(request_of("GET", "/_ping"));
    if (!ping) co_return translate(std::move(ping).error(), what);
    if (ping->status != 200) co_return answer_error(*ping, call(what, Subject::none, {}));
    auto about = co_await client.send(request_of("GET", "/version"));
    if (!about) co_return translate(std::move(about).error(), what);
    if (about->status != 200) co_return answer_error(*about, call(what, Subject::none, {}));
    auto read = engine_json::read_about(about->body);
    if (!read) co_return std::move(read).error();
    auto chosen = choose(net::find_header(ping->headers, "Api-Version"), read->oldest_version);
    if (chosen) version = *chosen;
    kind = read->kind;
    co_return chosen;
  }

  static Result<std::string> choose(std::string_view newest_text, std::string_view oldest_text) {
    const auto newest = parse_api_version(newest_text);
    if (!newest) {
      return Error{Errc::unsupported, "engine_version",
                   fmt::format("the engine names its API version as \"{}\"", core::shorten(newest_text, 20)),
                   "is this a Docker Engine?"};
    }
    const auto oldest = parse_api_version(oldest_text).value_or(ApiVersion{});
    const ApiVersion chosen = std::min(*newest, kNewest);
    if (chosen >= kOldest && chosen >= oldest) return to_string(chosen);
    return Error{Errc::unsupported, "engine_version",
                 fmt::format("the engine speaks API {} to {}, this program {} to {}", to_string(oldest),
                             to_string(*newest), to_string(kOldest), to_string(kNewest)),
                 *newest < kOldest ? "use Docker Engine 20.10 or later" : "use an engine that still speaks API 1.52"};
  }

  /// Puts the version in front of the call's target.
  awaitable<Result<void>> prepare(EngineCall& call) {
    if (version.empty()) {
      auto negotiated = co_await negotiate();
      if (!negotiated) co_return std::move(negotiated).error();
    }
    call.request.target.insert(0, "/v" + version);
    co_return Result<void>();
  }

  /// The answer when it is a success.
  awaitable<Result<net::Response>> send(EngineCall call) {
    auto prepared = co_await prepare(call);
    if (!prepared) co_return std::move(prepared).error();
    auto response = co_await client.send(std::move(call.request), call.limit);
    if (!response) co_return translate(std::move(response).error(), call.what);
    if (!is_success(response->status)) co_return answer_error(*response, call);
    co_return response;
  }

  awaitable<Result<void>> send_for_nothing(EngineCall call) {
    auto response = co_await send(std::move(call));
    if (!response) co_return std::move(response).error();
    co_return Result<void>();
  }

  template <class T>
  awaitable<Result<T>> send_for(EngineCall call, Result<T> (*read)(std::string_view)) {
    const std::string what = call.what;
    auto response = co_await send(std::move(call));
    if (!response) co_return std::move(response).error();
    auto value = read(response->body);
    if (!value) co_return core::with_context(std::move(value).error(), what);
    co_return value;
  }

  awaitable<Result<void>> pull(std::string reference, std::function<void(std::string_view)> progress) {
    const std::string name = with_tag(std::move(reference));
    const std::string what = "pull image " + core::shorten(name);
    EngineCall pull =
        call(what, Subject::image, request_of("POST", "/images/create?fromImage=" + net::percent_encode(name)));
    auto prepared = co_await prepare(pull);
    if (!prepared) co_return prepared;
    PullReader reader(what, std::move(progress));
    auto on_chunk = [&reader](std::string_view piece) { return reader.take(piece); };
    auto response = co_await client.send_streaming(std::move(pull.request), options.pull, on_chunk);
    if (auto error = reader.finish()) co_return std::move(*error);
    if (!response) co_return translate(std::move(response).error(), what);
    if (!is_success(response->status)) co_return answer_error(*response, pull);
    co_return Result<void>();
  }

  awaitable<Result<std::uint64_t>> changed_files(std::string id, std::uint64_t most, Duration limit) {
    EngineCall changes = call("count the files of container " + short_id(id), Subject::container,
                              request_of("GET", container_path(id, "/changes")));
    auto prepared = co_await prepare(changes);
    if (!prepared) co_return std::move(prepared).error();
    engine_json::ChangeCounter counter;
    auto on_chunk = [&counter, most](std::string_view piece) { return counter.add(piece) <= most; };
    auto response = co_await client.send_streaming(std::move(changes.request), limit, on_chunk);
    if (counter.count() > most) co_return counter.count();
    if (!response) co_return translate(std::move(response).error(), changes.what);
    if (!is_success(response->status)) co_return answer_error(*response, changes);
    co_return counter.count();
  }

  awaitable<Result<std::unique_ptr<net::Stream>>> attach(std::string id) {
    EngineCall attach = call("attach to container " + short_id(id), Subject::container,
                             request_of("POST", container_path(id, "/attach?stream=1&stdin=1&stdout=1&stderr=1")));
    auto prepared = co_await prepare(attach);
    if (!prepared) co_return std::move(prepared).error();
    net::Response refusal;
    auto stream = co_await client.upgrade(std::move(attach.request), &refusal);
    if (!stream && refusal.status >= 400) co_return answer_error(refusal, attach);
    if (!stream) co_return translate(std::move(stream).error(), attach.what);
    co_return stream;
  }

  awaitable<Result<ExitWait>> wait_next_exit(std::string id) {
    EngineCall wait = call("wait for container " + short_id(id), Subject::container,
                           request_of("POST", container_path(id, "/wait?condition=next-exit")));
    auto prepared = co_await prepare(wait);
    if (!prepared) co_return std::move(prepared).error();
    auto pending = co_await client.send_header_first(std::move(wait.request), wait.limit);
    if (!pending) co_return translate(std::move(pending).error(), wait.what);
    if (is_success(pending->header.status)) co_return ExitWait(std::move(*pending));
    net::Response refusal = std::move(pending->header);
    auto body = co_await pending->body(wait.limit);
    if (!body) co_return translate(std::move(body).error(), wait.what);
    refusal.body = std::move(*body);
    co_return answer_error(refusal, wait);
  }

  awaitable<Result<void>> remove_container(std::string id) {
    EngineCall remove = call("remove container " + short_id(id), Subject::container,
                             request_of("DELETE", container_path(id, "?force=1&v=1")));
    auto removed = co_await send_for_nothing(std::move(remove));
    if (removed || removed.error().id == "container_missing") co_return Result<void>();
    const bool under_way = removed.error().message.find("already in progress") != std::string::npos;
    if (removed.error().id == "engine_conflict" && under_way) co_return Result<void>();
    co_return removed;
  }

  awaitable<Result<void>> put_archive(std::string id, std::string directory, std::string tar) {
    net::Request request = request_of("PUT", container_path(id, "/archive?path=" + net::percent_encode(directory)));
    request.headers.emplace_back("Content-Type", "application/x-tar");
    request.body = std::move(tar);
    EngineCall put = call("copy into container " + short_id(id), Subject::container, std::move(request));
    put.limit = options.slow;
    auto done = co_await send_for_nothing(std::move(put));
    if (done || done.error().id != "container_missing") co_return done;
    // The same status says that the directory is missing.
    const std::string& message = done.error().message;
    if (message.find("o such container") != std::string::npos) co_return done;
    co_return Error{Errc::unavailable, "engine_error", message};
  }

  awaitable<Result<std::vector<ImageSummary>>> list_images(std::vector<std::string> labels) {
    // all=1: an untagged image that another one was made from is left out otherwise. One label at most: with several
    // Podman finds nothing.
    const std::vector<std::string> asked(labels.begin(), labels.begin() + (labels.empty() ? 0 : 1));
    const std::string filter = net::percent_encode(engine_json::label_filter(asked));
    EngineCall list = call("list images", Subject::none, request_of("GET", "/images/json?all=1&filters=" + filter));
    auto images = co_await send_for<std::vector<ImageSummary>>(std::move(list), engine_json::read_image_list);
    if (!images) co_return images;
    std::erase_if(*images, [&](const ImageSummary& image) { return !engine_json::has_labels(image.labels, labels); });
    co_return images;
  }

  awaitable<Result<std::string>> commit(CommitRequest request) {
    // Which form the labels take depends on the engine.
    if (version.empty()) {
      auto negotiated = co_await negotiate();
      if (!negotiated) co_return std::move(negotiated).error();
    }
    std::string target =
        fmt::format("/commit?container={}&repo={}&tag={}&pause=0", net::percent_encode(request.container_id),
                    net::percent_encode(request.repository), net::percent_encode(request.tag));
    if (!traits_of(kind).commit_reads_config) target += label_changes(request.labels);
    EngineCall commit = call("commit container " + short_id(request.container_id), Subject::container,
                             json_request(std::move(target), engine_json::commit_config(request.labels)));
    commit.limit = options.slow;
    co_return co_await send_for<std::string>(std::move(commit), engine_json::read_image_id);
  }

  EngineOptions options;
  net::HttpClient client;
  std::string version;  ///< negotiated; empty before
  EngineKind kind = EngineKind::docker;
};

Engine::Engine(core::asio::any_io_executor executor, net::Endpoint endpoint, EngineOptions options)
    : impl_(std::make_unique<Impl>(std::move(executor), std::move(endpoint), options)) {}
Engine::~Engine() = default;

awaitable<Result<std::string>> Engine::negotiate() {
  return impl_->negotiate();
}

const EngineTraits& Engine::traits() const {
  return traits_of(impl_->kind);
}

awaitable<Result<void>> Engine::ping() {
  return impl_->send_for_nothing(impl_->call("ping the engine", Subject::none, request_of("GET", "/_ping")));
}

awaitable<Result<EngineInfo>> Engine::info() {
  auto call = impl_->call("ask the engine about itself", Subject::none, request_of("GET", "/info"));
  return impl_->send_for<EngineInfo>(std::move(call), engine_json::read_info);
}

awaitable<Result<ImageDetails>> Engine::inspect_image(std::string reference) {
  auto call = impl_->call("inspect image " + core::shorten(reference), Subject::image,
                          request_of("GET", "/images/" + net::percent_encode(reference) + "/json"));
  return impl_->send_for<ImageDetails>(std::move(call), engine_json::read_image);
}

awaitable<Result<void>> Engine::pull_image(std::string reference, std::function<void(std::string_view)> progress) {
  return impl_->pull(std::move(reference), std::move(progress));
}

awaitable<Result<std::vector<ImageSummary>>> Engine::list_images(std::vector<std::string> labels) {
  return impl_->list_images(std::move(labels));
}

awaitable<Result<std::string>> Engine::import_image(std::string tar, std::string repository, Labels labels) {
  std::string target = "/images/create?fromSrc=-&tag=latest&repo=" + net::percent_encode(repository);
  target += label_changes(labels);
  net::Request request = request_of("POST", std::move(target));
  request.headers.emplace_back("Content-Type", "application/x-tar");
  request.body = std::move(tar);
  auto call = impl_->call("import image " + repository, Subject::none, std::move(request));
  call.limit = impl_->options.slow;
  return impl_->send_for<std::string>(std::move(call), engine_json::read_imported_id);
}

awaitable<Result<void>> Engine::remove_image(std::string reference, bool force) {
  // Without noprune the engine would take an untagged parent along: a runtime image that is known by its id only.
  const std::string target = "/images/" + net::percent_encode(reference) + "?noprune=1" + (force ? "&force=1" : "");
  auto call = impl_->call("remove image " + core::shorten(reference), Subject::image, request_of("DELETE", target));
  call.limit = impl_->options.slow;
  return impl_->send_for_nothing(std::move(call));
}

awaitable<Result<CreatedContainer>> Engine::create_container(std::string body) {
  auto call = impl_->call("create a container", Subject::image, json_request("/containers/create", std::move(body)));
  return impl_->send_for<CreatedContainer>(std::move(call), engine_json::read_created);
}

awaitable<Result<void>> Engine::start_container(std::string id) {
  auto call = impl_->call("start container " + short_id(id), Subject::container,
                          request_of("POST", container_path(id, "/start")));
  return impl_->send_for_nothing(std::move(call));
}

awaitable<Result<std::unique_ptr<net::Stream>>> Engine::attach_container(std::string id) {
  return impl_->attach(std::move(id));
}

awaitable<Result<ExitWait>> Engine::wait_next_exit(std::string id) {
  return impl_->wait_next_exit(std::move(id));
}

awaitable<Result<ExitStatus>> Engine::wait_not_running(std::string id, Duration limit) {
  auto call = impl_->call("wait for container " + short_id(id), Subject::container,
                          request_of("POST", container_path(id, "/wait?condition=not-running")));
  call.limit = limit;
  return impl_->send_for<ExitStatus>(std::move(call), engine_json::read_exit);
}

awaitable<Result<ContainerDetails>> Engine::inspect_container(std::string id) {
  auto call = impl_->call("inspect container " + short_id(id), Subject::container,
                          request_of("GET", container_path(id, "/json")));
  return impl_->send_for<ContainerDetails>(std::move(call), engine_json::read_container);
}

awaitable<Result<std::uint64_t>> Engine::written_bytes(std::string id, Duration limit) {
  auto call = impl_->call("measure container " + short_id(id), Subject::container,
                          request_of("GET", container_path(id, "/json?size=1")));
  call.limit = limit;
  return impl_->send_for<std::uint64_t>(std::move(call), engine_json::read_written_bytes);
}

awaitable<Result<std::uint64_t>> Engine::changed_files(std::string id, std::uint64_t most, Duration limit) {
  return impl_->changed_files(std::move(id), most, limit);
}

awaitable<Result<void>> Engine::kill_container(std::string id, std::string signal) {
  auto call = impl_->call("kill container " + short_id(id), Subject::container,
                          request_of("POST", container_path(id, "/kill?signal=" + net::percent_encode(signal))));
  return impl_->send_for_nothing(std::move(call));
}

awaitable<Result<void>> Engine::remove_container(std::string id) {
  return impl_->remove_container(std::move(id));
}

awaitable<Result<std::vector<ContainerSummary>>> Engine::list_containers(std::vector<std::string> labels) {
  const std::string filter = net::percent_encode(engine_json::label_filter(labels));
  auto call =
      impl_->call("list containers", Subject::none, request_of("GET", "/containers/json?all=1&filters=" + filter));
  return impl_->send_for<std::vector<ContainerSummary>>(std::move(call), engine_json::read_container_list);
}

awaitable<Result<void>> Engine::put_archive(std::string id, std::string directory, std::string tar) {
  return impl_->put_archive(std::move(id), std::move(directory), std::move(tar));
}

awaitable<Result<std::string>> Engine::commit_container(CommitRequest request) {
  return impl_->commit(std::move(request));
}

awaitable<Result<ContainerLimits>> Engine::container_limits(std::string id) {
  auto call = impl_->call("inspect container " + short_id(id), Subject::container,
                          request_of("GET", container_path(id, "/json")));
  return impl_->send_for<ContainerLimits>(std::move(call), engine_json::read_limits);
}

awaitable<Result<ExitStatus>> ExitWait::result(Duration limit) {
  // The coroutine owns the subscription: this object may go away while it is awaited.
  struct Reader {
    static awaitable<Result<ExitStatus>> read(net::HttpClient::Pending pending, Duration limit) {
      auto body = co_await pending.body(limit);
      if (!body) co_return transport_error(std::move(body).error(), "wait for a container");
      co_return engine_json::read_exit(*body);
    }
  };
  return Reader::read(pending_, limit);
}

}  // namespace skill_verifier::sandbox
