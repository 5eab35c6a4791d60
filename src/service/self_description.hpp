#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "skill_verifier/service/service.hpp"

namespace skill_verifier::service {

/// What the service says of itself: the document that is quoted, and what is shown beside it. One thread.
class SelfDescription {
 public:
  /// `quoter` may be null. Everything handed in outlives this.
  SelfDescription(sandbox::Sandbox& sandbox, attest::Quoter* quoter, const ServiceOptions& options)
      : sandbox_(sandbox), quoter_(quoter), options_(options) {}

  /// Without its nonceRoot. Errors: those of sandbox::Sandbox::images.
  awaitable<Result<attest::ServiceDocument>> describe();
  /// Never fails: what the guest agent does not tell is absent.
  awaitable<attest::ServiceExtras> extras();

 private:
  awaitable<void> ask_app_compose();

  sandbox::Sandbox& sandbox_;
  attest::Quoter* quoter_;
  const ServiceOptions& options_;
  std::optional<std::string> app_compose_;
  std::optional<std::chrono::steady_clock::time_point> asked_at_;
};

}  // namespace skill_verifier::service
