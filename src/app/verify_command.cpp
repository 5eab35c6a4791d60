#include <boost/asio/as_tuple.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "app/commands.hpp"
#include "app/run_loop.hpp"
#include "app/wiring.hpp"
#include "skill_verifier/core/ids.hpp"
#include "skill_verifier/core/json.hpp"
#include "skill_verifier/sandbox/one_shot.hpp"
#include "skill_verifier/service/run_once.hpp"

namespace skill_verifier::app {
namespace {

namespace fs = std::filesystem;

int report_error(const Error& error) {
  std::fprintf(stderr, "skill-verifier: %s [%s]\n", error.message.c_str(), error.id.c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "  %s\n", error.hint.c_str());
  return exit_error;
}

Result<service::Submission> make_submission(const VerifyOptions& options, const fs::path& spool) {
  std::error_code error;
  const fs::path path = fs::canonical(options.path, error);
  if (error) return Error{Errc::not_found, "path_not_found", "'" + core::shorten(options.path) + "' does not exist"};
  service::Submission submission;
  submission.request_id = core::new_request_id();
  submission.discover = options.discover;
  if (!options.nonce.empty()) submission.nonce = options.nonce;
  if (!options.name.empty()) submission.name = options.name;
  if (!options.version.empty()) submission.version = options.version;
  if (fs::is_directory(path)) {
    submission.skill_path = path.string();
    return submission;
  }
  submission.archive = spool / core::random_hex(8);
  submission.archive_name = path.filename().string();
  if (!fs::copy_file(path, *submission.archive, error))
    return Error{Errc::unavailable, "archive_unreadable", "'" + core::shorten(options.path) + "' cannot be read"};
  return submission;
}

int exit_of(const store::Job& job) {
  if (job.state != store::JobState::completed) return exit_error;
  const auto result = core::parse_json(job.result);
  if (!result) return exit_error;
  // The verdict, not `passed`: policy may fail what static checks flag.
  const auto& verdict = (*result)["verdict"];
  if (verdict == "untested") return exit_untested;
  return verdict == "passed" ? exit_ok : exit_failed;
}

core::awaitable<int> verify_one(Wiring& wiring, service::Submission submission) {
  auto started = co_await start(wiring);
  if (!started) co_return report_error(started.error());
  const auto job = co_await service::run_once(*wiring.service, std::move(submission));
  if (!job) co_return report_error(job.error());
  if (job->state == store::JobState::completed) {
    // Stored compact; a person reads this.
    std::printf("%s\n", core::OrderedJson::parse(job->result).dump(2).c_str());
  } else {
    std::fprintf(stderr, "%s\n", job->error.c_str());
  }
  co_return exit_of(*job);
}

core::awaitable<void> verify_and_stop(Wiring& wiring, service::Submission submission, int& exit_code,
                                      boost::asio::signal_set& signals) {
  exit_code = co_await verify_one(wiring, std::move(submission));
  co_await core::shield_from_cancellation();
  co_await stop(wiring);
  signals.cancel();
}

core::awaitable<void> cancel_on_signal(boost::asio::signal_set& signals, core::TaskGroup& work) {
  const auto [error, signal] = co_await signals.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  if (!error) work.cancel();
}

}  // namespace

int verify_command(const ConfigSource& source, const VerifyOptions& options) {
  log::configure(log::Level::warn, log::Format::text);
  auto config = load_config(source);
  if (!config) return report_error(config.error());
  std::error_code error;
  std::string scratch = (fs::temp_directory_path(error) / "skill-verifier-XXXXXX").string();
  if (error || !mkdtemp(scratch.data())) return report_error({Errc::unavailable, "no temporary directory to work in"});
  config->data_dir = scratch;
  config->memory_storage = true;
  config->audit_file = "off";
  config->configured_keys.clear();  // nobody asks, and their files are the service's
  if (config->sandbox.instance.empty()) config->sandbox.instance = sandbox::to_instance(sandbox::this_process());
  config->sandbox.keep_images = false;
  config->sandbox.pool = {};
  config->service.known_package_bytes = 0;
  config->service.drain = std::chrono::seconds(0);
  config->service.allow_any_path = true;

  int exit_code = exit_error;
  if (auto wiring = wire(std::move(*config)); !wiring) {
    exit_code = report_error(wiring.error());
  } else if (auto submission = make_submission(options, (*wiring)->store->spool()); !submission) {
    exit_code = report_error(submission.error());
  } else {
    boost::asio::signal_set signals((*wiring)->io, SIGINT, SIGTERM);
    core::TaskGroup work((*wiring)->io.get_executor()), watch((*wiring)->io.get_executor());
    work.spawn("verify", verify_and_stop(**wiring, std::move(*submission), exit_code, signals));
    watch.spawn("signals", cancel_on_signal(signals, work));
    run_loop((*wiring)->io);
  }
  fs::remove_all(scratch, error);
  return exit_code;
}

}  // namespace skill_verifier::app
