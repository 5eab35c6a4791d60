#include "app/client_commands.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "app/check_inputs.hpp"
#include "app/check_output.hpp"
#include "app/client_output.hpp"
#include "app/client_submit.hpp"
#include "app/commands.hpp"
#include "app/key_texts.hpp"
#include "app/run_loop.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/ids.hpp"
#include "skill_verifier/core/log.hpp"

namespace skill_verifier::app {
namespace {

using core::awaitable;
using core::Json;
using std::chrono::steady_clock;

constexpr const char* kDefaultServer = "http://127.0.0.1:3000";
constexpr std::size_t kMaxKeyBytes = 4096;
constexpr std::size_t kPage = 500;
constexpr int kSignalled = 130;
/// Exit codes beside the verdict's: the evidence is bad, or says too little.
constexpr int kEvidenceInvalid = 4;
constexpr int kEvidenceIncomplete = 5;

/// A variable of the environment, or nothing where it is not set.
std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value ? value : "";
}

/// Not CLI11's `envname`: the commands share one Connection, and those that were not asked for would write the variable
/// over the option of the one that was.
std::string default_server() {
  auto named = variable("SKILL_VERIFIER_SERVER");
  return named.empty() ? kDefaultServer : std::move(named);
}

struct Connection {
  std::string server = default_server();
  std::string api_key, api_key_file;
  bool json = false, quiet = false;
};

int report(const Error& error, int exit_code = exit_error) {
  std::fprintf(stderr, "skill-verifier: %s [%s]\n", core::shorten(error.message, 1000).c_str(), error.id.c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "  %s\n", core::shorten(error.hint, 1000).c_str());
  return exit_code;
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

/// As it came, but for a person's terminal nothing that steers it.
void print_json(const Json& value) {
  const auto text = core::dump_json_pretty(core::OrderedJson(value)) + "\n";
  print(isatty(STDOUT_FILENO) == 1 ? printable(text) : text);
}

Result<std::optional<std::string>> key_from_file(const std::string& path) {
  SKILL_VERIFIER_TRY(auto key, read_input(path, kMaxKeyBytes));
  if (const auto exposure = exposure_of(path); !exposure.empty())
    std::fprintf(stderr, "warning: the API key file %s\n", exposure.c_str());
  while (!key.empty() && (key.back() == '\n' || key.back() == '\r'))
    key.pop_back();
  if (key.empty()) return Error(Errc::invalid_argument, "api_key_invalid", "the API key file is empty");
  return std::optional<std::string>(std::move(key));
}

/// The option, its file, then the environment. Only the first shows up in the list of processes.
Result<std::optional<std::string>> find_api_key(const Connection& connection) {
  std::optional<std::string> key;
  if (!connection.api_key.empty()) {
    std::fputs(
        "warning: --api-key can be read by everybody in the list of processes; "
        "better SKILL_VERIFIER_API_KEY or --api-key-file\n",
        stderr);
    key = connection.api_key;
  } else if (!connection.api_key_file.empty()) {
    SKILL_VERIFIER_TRY(key, key_from_file(connection.api_key_file));
  } else if (auto value = variable("SKILL_VERIFIER_API_KEY"); !value.empty()) {
    key = std::move(value);
  } else if (const auto file = variable("SKILL_VERIFIER_API_KEY_FILE"); !file.empty()) {
    SKILL_VERIFIER_TRY(key, key_from_file(file));
  }
  for (const char c : key.value_or(""))
    if (c <= ' ' || c > '~')
      return Error(Errc::invalid_argument, "api_key_invalid", "the API key holds a character that no key has");
  return key;
}

/// What one command has at hand while it runs.
struct Session {
  core::asio::io_context io;
  const Connection& options;
  Progress progress;
  ServiceClient client;

  Session(const Connection& options, ServiceAddress address, std::optional<std::string> key)
      : options(options),
        progress(kind(options)),
        client(io.get_executor(), std::move(address), std::move(key),
               [this](const std::string& text) { progress.note(text); }) {}

  static Progress::Kind kind(const Connection& options) {
    if (options.quiet) return Progress::Kind::silent;
    const char* const terminal = std::getenv("TERM");
    const bool rewritable = terminal != nullptr && std::string_view(terminal) != "dumb";
    return isatty(STDERR_FILENO) == 1 && rewritable ? Progress::Kind::terminal : Progress::Kind::lines;
  }
};

awaitable<void> keep(awaitable<int> work, int& exit_code, boost::asio::signal_set& signals) {
  exit_code = co_await std::move(work);
  signals.cancel();
}

awaitable<void> cancel_on_signal(boost::asio::signal_set& signals, core::TaskGroup& work, bool& signalled) {
  const auto [error, signal] = co_await signals.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  if (error) co_return;
  signalled = true;
  work.cancel();
}

template <class Work>
int with_session(const Connection& options, Work work) {
  log::configure(log::Level::warn, log::Format::text);
  auto address = parse_service_address(options.server);
  if (!address) return report(address.error(), exit_usage);
  auto key = find_api_key(options);
  if (!key) return report(key.error(), exit_usage);
  if (*key && is_exposed(*address))
    std::fputs("warning: the API key goes over plain http, where everybody on the way can read it\n", stderr);
  Session session(options, std::move(*address), std::move(*key));
  int exit_code = exit_error;
  bool signalled = false;
  boost::asio::signal_set signals(session.io, SIGINT, SIGTERM);
  core::TaskGroup running(session.io.get_executor()), watch(session.io.get_executor());
  running.spawn("client", keep(work(session), exit_code, signals));
  watch.spawn("signals", cancel_on_signal(signals, running, signalled));
  run_loop(session.io);
  session.progress.end();
  return signalled ? kSignalled : exit_code;
}

/// Redraws the time that a state lasts, on a terminal only.
awaitable<void> tick(Progress& progress, const std::string& state) {
  const auto begun = steady_clock::now();
  while (true) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(steady_clock::now() - begun).count();
    progress.show(state, fmt::format("{} s", seconds));
    const bool slept = co_await core::sleep_for(std::chrono::seconds(1));
    if (!slept) co_return;
  }
}

awaitable<Result<Json>> wait_for_job(Session& session, std::string id, core::Duration limit) {
  std::string state;
  core::TaskGroup ticker(session.io.get_executor());
  std::function<void(const Json&)> heard = [&](const Json& job) {
    const auto now = core::shorten(text_of(job, "status"), 20);
    if (now == state || is_final_status(job)) return;
    state = now;
    session.progress.show(state);
    if (session.progress.rewrites() && ticker.size() == 0) ticker.spawn("progress", tick(session.progress, state));
  };
  auto job = co_await session.client.wait(std::move(id), limit, std::move(heard));
  ticker.cancel();
  const bool ended = co_await ticker.wait(std::chrono::seconds(5));
  if (!ended) session.progress.end();
  session.progress.end();
  co_return job;
}

int exit_of_report(const attest::CheckReport& checked, int exit_of_verdict) {
  if (checked.verdict == attest::CheckVerdict::valid) return exit_of_verdict;
  return checked.verdict == attest::CheckVerdict::invalid ? kEvidenceInvalid : kEvidenceIncomplete;
}

/// The verdict that counts is the attested one; the service's word beside it must be the same.
bool same_verdict(const attest::CheckReport& checked, int exit_of_verdict) {
  const char* const verdicts[] = {"PASSED", "FAILED", "WARNED"};
  for (const auto& [name, value] : checked.says)
    if (name == "result") return exit_of_verdict < 3 && value.starts_with(verdicts[exit_of_verdict]);
  return false;
}

Json to_value(const attest::CheckReport& checked) {
  auto parsed = core::parse_json(to_json(checked));
  return parsed ? std::move(*parsed) : Json();
}

awaitable<int> finish_checked(Session& session, const SubmitOptions& options, attest::Expectations expected, Json job) {
  const auto id = text_of(job, "jobId");
  int code = exit_of_job(job);
  std::optional<attest::CheckReport> checked;
  if (code < exit_error) {
    expected.job_id = id;
    auto document = co_await session.client.get("/verify/" + id + "/attestation", true);
    if (!document) co_return report(document.error());
    auto made = check_document(*document, std::move(expected), options.pins.pccs, core::SystemClock().now());
    if (!made) co_return report(made.error());
    code = exit_of_report(*made, code);
    if (code < exit_error && !same_verdict(*made, code)) {
      co_return report(Error(Errc::rejected, "verdict_differs",
                             "the attested result is not the one that the service gave for the job"),
                       kEvidenceInvalid);
    }
    checked = std::move(*made);
  }
  if (session.options.json) {
    Json both{{"job", std::move(job)}};
    if (checked) both["check"] = to_value(*checked);
    print_json(both);
    co_return code;
  }
  if (checked) print(to_text(*checked, isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr) + "\n");
  if (code == kEvidenceInvalid || code == kEvidenceIncomplete) {
    print(fmt::format("attestation {}: what the service says of this job is not proved\n  job          {}\n",
                      code == kEvidenceInvalid ? "invalid" : "incomplete", core::shorten(id)));
  } else {
    print(job_summary(job));
  }
  co_return code;
}

int finish(const Session& session, const Json& job) {
  if (session.options.json)
    print_json(job);
  else
    print(job_summary(job));
  return exit_of_job(job);
}

awaitable<int> submit(Session& session, const SubmitOptions& options, PreparedSubmission prepared,
                      core::Duration limit) {
  const auto total = prepared.bytes;
  std::function<void(std::uint64_t)> sent = [&session, total](std::uint64_t count) {
    session.progress.show("sending", fmt::format("{} %", total == 0 ? 100 : std::min(count, total) * 100 / total));
  };
  auto accepted = co_await session.client.submit(prepared.fields, prepared.archive, std::move(sent));
  if (!accepted) co_return report(accepted.error());
  const auto id = text_of(*accepted, "jobId");
  if (!core::is_job_id(id))
    co_return report(Error(Errc::unavailable, "not_a_skill_verifier",
                           session.client.address().url + " accepted the skill without naming a job"));
  session.progress.note("job " + id);
  if (!options.wait && !options.check) {
    if (session.options.json)
      print_json(*accepted);
    else
      print(id + "\n");
    co_return exit_ok;
  }
  auto job = co_await wait_for_job(session, id, limit);
  if (!job) co_return report(job.error());
  if (options.check)
    co_return co_await finish_checked(session, options, std::move(*prepared.expected), std::move(*job));
  co_return finish(session, *job);
}

awaitable<int> status(Session& session, std::string id, bool wait, core::Duration limit) {
  auto work = wait ? wait_for_job(session, id, limit) : session.client.get_json("/verify/" + id, false);
  auto job = co_await std::move(work);
  if (!job) co_return report(job.error());
  co_return finish(session, *job);
}

awaitable<int> logs(Session& session, std::string id, bool follow) {
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  std::function<void(std::string_view)> piece = [terminal](std::string_view text) {
    print(terminal ? printable(text) : std::string(text));
  };
  const auto done = co_await session.client.logs(std::move(id), follow, std::move(piece));
  co_return done ? exit_ok : report(done.error());
}

awaitable<int> cancel(Session& session, std::string id) {
  const auto answer = co_await session.client.cancel(id);
  if (!answer) co_return report(answer.error());
  if (session.options.json)
    print_json(*answer);
  else
    print("removed " + id + "\n");
  co_return exit_ok;
}

awaitable<int> list(Session& session, std::string state, std::size_t limit) {
  Json all{{"jobs", Json::array()}, {"total", nullptr}, {"nextCursor", nullptr}};
  std::string cursor;
  while (all["jobs"].size() < limit) {
    auto target = fmt::format("/jobs?limit={}", std::min(kPage, limit - all["jobs"].size()));
    if (!state.empty()) target += "&status=" + net::percent_encode(state);
    if (!cursor.empty()) target += "&cursor=" + net::percent_encode(cursor);
    auto page = co_await session.client.get_json(std::move(target), false);
    if (!page) co_return report(page.error());
    const auto jobs = page->find("jobs");
    if (jobs == page->end() || !jobs->is_array())
      co_return report(Error(Errc::unavailable, "not_a_skill_verifier",
                             session.client.address().url + " gives no list of jobs",
                             "is --server the right address?"));
    for (Json& job : *jobs)
      all["jobs"].push_back(std::move(job));
    if (page->contains("total")) all["total"] = (*page)["total"];
    all["nextCursor"] = page->value("nextCursor", Json());
    const auto next = text_of(*page, "nextCursor");
    if (jobs->empty() || next.empty() || next == cursor) break;
    cursor = next;
  }
  if (session.options.json)
    print_json(all);
  else
    print(job_table(all["jobs"]));
  co_return exit_ok;
}

void add_connection(CLI::App& command, Connection& connection) {
  command.add_option("-s,--server", connection.server, "address of the service (SKILL_VERIFIER_SERVER)")
      ->capture_default_str();
  auto* const key = command.add_option("--api-key", connection.api_key,
                                       "API key; better SKILL_VERIFIER_API_KEY, as others see a command line");
  command.add_option("--api-key-file", connection.api_key_file, "file with the API key (SKILL_VERIFIER_API_KEY_FILE)")
      ->excludes(key);
  command.add_flag("--json", connection.json, "print JSON on standard output");
  command.add_flag("-q,--quiet", connection.quiet, "no progress on standard error");
}

std::string job_id_fault(const std::string& text) {
  return core::is_job_id(text) ? "" : "a job's id has 32 lower-case hexadecimal digits";
}

}  // namespace

struct ClientCommands::Impl {
  Connection connection;
  SubmitOptions submission;
  std::string id, state, timeout;
  std::size_t limit = 50;
  bool wait = false, follow = false;
  CLI::App *submit = nullptr, *status = nullptr, *logs = nullptr, *cancel = nullptr, *list = nullptr;

  void add_submit(CLI::App& app) {
    submit = app.add_subcommand("submit", "send a skill folder or archive to a service");
    submit->add_option("PATH", submission.path, "skill folder or archive")->required();
    submit->add_flag("-w,--wait", submission.wait, "wait for the verdict");
    submit->add_flag("--check", submission.check,
                     "wait, then verify the attestation here: result, package in hand, nonce, quote");
    submit->add_option("--timeout", timeout, "longest wait, like 90s or 10m; without it as long as it takes");
    submit->add_option("--nonce", submission.nonce,
                       "1 to 128 printable ASCII characters, part of the statement (--check makes one)");
    submit->add_option("--name", submission.name, "name of the skill, where its manifest names none");
    submit->add_option("--version", submission.version, "version of the skill, where its manifest names none");
    submit->add_flag("--discover", submission.discover, "look for a test where the manifest declares none");
    submit->add_flag("--private", submission.private_job, "only the API key that submits may read the job");
    submit->add_flag("--fresh", submission.fresh, "run again where a result of the same skill is known");
    submit->add_option("--idempotency-key", submission.idempotency_key,
                       "sending again under the same key gives the same job (random)");
    add_connection(*submit, connection);
    add_pin_options(*submit, submission.pins);
    refuse_empty_values(*submit);
    submit->footer(
        "Exit status: 0 passed (without --wait: accepted), 1 failed, 2 untested, 3 could not be judged,\n"
        "4 attestation invalid, 5 attestation incomplete, 64 usage.");
  }

  CLI::App* add_job_command(CLI::App& app, const char* name, const char* what) {
    CLI::App* const command = app.add_subcommand(name, what);
    command->add_option("JOB", id, "id of the job")->required()->check(job_id_fault, "");
    add_connection(*command, connection);
    return command;
  }
};

ClientCommands::ClientCommands(CLI::App& app) : impl_(std::make_unique<Impl>()) {
  Impl& it = *impl_;
  it.add_submit(app);
  it.status = it.add_job_command(app, "status", "say what state a job is in, or its verdict");
  it.status->add_flag("-w,--wait", it.wait, "wait until it has ended");
  it.status->add_option("--timeout", it.timeout, "longest wait, like 90s or 10m");
  it.status->footer("Exit status: 0 passed, 1 failed, 2 untested, 3 not judged, 75 not finished, 64 usage.");
  it.logs = it.add_job_command(app, "logs", "print what a job's test wrote");
  it.logs->add_flag("-f,--follow", it.follow, "go on until the job has ended");
  it.cancel = it.add_job_command(app, "cancel", "stop a job if it runs, and remove it");
  it.list = app.add_subcommand("list", "list jobs, newest first");
  it.list->add_option("--status", it.state, "only those that are pending, running, completed, failed or cancelled");
  it.list->add_option("-n,--limit", it.limit, "how many at most")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  add_connection(*it.list, it.connection);
}

ClientCommands::~ClientCommands() = default;

std::optional<int> ClientCommands::run() const {
  const Impl& it = *impl_;
  core::Duration limit{0};
  if (!it.timeout.empty()) {
    const auto parsed = parse_duration(it.timeout);
    if (!parsed || parsed->count() == 0)
      return report(Error(Errc::invalid_argument, "usage", "--timeout takes a duration like 90s or 10m"), exit_usage);
    limit = *parsed;
  }
  if (it.submit->parsed()) {
    const Scratch scratch;
    auto prepared = prepare(it.submission, scratch, core::SystemClock().now());
    if (!prepared) return report(prepared.error(), prepared.error().id == "usage" ? exit_usage : exit_error);
    return with_session(it.connection,
                        [&](Session& session) { return submit(session, it.submission, std::move(*prepared), limit); });
  }
  if (it.status->parsed())
    return with_session(it.connection, [&](Session& session) { return status(session, it.id, it.wait, limit); });
  if (it.logs->parsed())
    return with_session(it.connection, [&](Session& session) { return logs(session, it.id, it.follow); });
  if (it.cancel->parsed()) return with_session(it.connection, [&](Session& session) { return cancel(session, it.id); });
  if (it.list->parsed())
    return with_session(it.connection, [&](Session& session) { return list(session, it.state, it.limit); });
  return std::nullopt;
}

}  // namespace skill_verifier::app
