#include "service/self_description.hpp"

#include "service/policy_document.hpp"
#include "skill_verifier/core/log.hpp"

namespace skill_verifier::service {
namespace {

constexpr core::Duration kEngineLimit = std::chrono::seconds(20);
constexpr core::Duration kInfoLimit = std::chrono::seconds(5);
/// A guest agent that gave no app-compose is asked again that late.
constexpr core::Duration kInfoRetry = std::chrono::minutes(1);

/// `skill-verifier 0.1.0`, as it stands in statements, taken apart.
attest::ServiceDocument::Program program_of(const ServiceOptions& options) {
  const auto space = options.verifier.rfind(' ');
  attest::ServiceDocument::Program program;
  program.name = options.verifier.substr(0, space);
  if (space != std::string::npos) program.version = options.verifier.substr(space + 1);
  program.sha256 = options.verifier_sha256;
  program.source_commit = options.source_commit;
  return program;
}

}  // namespace

awaitable<Result<attest::ServiceDocument>> SelfDescription::describe() {
  auto asking = sandbox_.images();
  auto images = co_await core::with_deadline(std::move(asking), kEngineLimit, "images");
  if (!images) co_return images.error();
  const auto policy = policy_document(options_, sandbox_.profile());
  if (!policy) co_return Error{Errc::internal, "internal", "policy document: " + policy.error().message};
  attest::ServiceDocument document;
  document.policy_sha256 = core::sha256_hex(*policy);
  document.program = program_of(options_);
  for (const auto& image : *images)
    document.runtimes.push_back({image.reference, image.id});
  co_return document;
}

awaitable<attest::ServiceExtras> SelfDescription::extras() {
  attest::ServiceExtras extras;
  if (auto policy = policy_document(options_, sandbox_.profile())) extras.policy = std::move(*policy);
  const auto now = std::chrono::steady_clock::now();
  if (quoter_ != nullptr && !app_compose_ && (!asked_at_ || now - *asked_at_ >= kInfoRetry)) {
    asked_at_ = now;
    co_await ask_app_compose();
  }
  extras.app_compose = app_compose_;
  co_return extras;
}

awaitable<void> SelfDescription::ask_app_compose() {
  auto asking = quoter_->info();
  const auto info = co_await core::with_deadline(std::move(asking), kInfoLimit, "guest agent info");
  if (info)
    app_compose_ = attest::app_compose_of(*info);
  else
    log::warn("no info of the guest agent", {{"code", info.error().id}, {"message", info.error().message}});
}

}  // namespace skill_verifier::service
