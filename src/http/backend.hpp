#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "skill_verifier/service/service.hpp"

namespace skill_verifier::http {

using core::awaitable;

/// What the routes need of service::Service, call by call; promises and errors are those of its members.
struct Backend {
  std::function<Result<void>(const service::Submission&)> check_room;
  std::function<awaitable<Result<store::Job>>(service::Submission)> submit;
  std::function<awaitable<Result<std::optional<std::string>>>(service::Submission)> keyed_job;
  std::function<awaitable<Result<store::Job>>(std::string)> find;
  std::function<awaitable<Result<store::Job>>(std::string, core::Duration)> wait;
  std::function<std::optional<service::JobTiming>(const std::string&)> timing;
  std::function<awaitable<Result<std::vector<store::JobSummary>>>(store::JobFilter)> list;
  std::function<awaitable<Result<void>>(std::string)> remove;
  std::function<awaitable<Result<service::LogPart>>(std::string, std::size_t, core::Duration)> log;
  std::function<awaitable<Result<service::EventPart>>(std::string, service::EventCursor, core::Duration)> events;
  std::function<awaitable<Result<std::vector<std::optional<store::VerdictRow>>>>(std::vector<std::string>,
                                                                                 std::optional<std::string>)>
      verdicts;
  std::function<awaitable<Result<service::ServiceAttestation>>(std::optional<std::string>)> attestation;
  std::function<awaitable<std::optional<attest::Appraisal>>(store::Job)> appraisal;
  std::function<awaitable<Result<std::vector<store::Delivery>>>(store::DeliveryFilter)> deliveries;
  std::function<awaitable<Result<store::Delivery>>(std::string)> redeliver;
  std::function<awaitable<Result<std::string>>(store::Job)> sarif;
  std::function<awaitable<service::Health>()> health;
  std::function<awaitable<service::Health>()> readiness;
  std::function<awaitable<Result<store::JobAccess>>(std::string)> access;
  std::function<awaitable<Result<std::uint64_t>>(std::optional<std::string>)> total;
  std::function<std::uint64_t()> pack_bytes;
  std::function<void(core::MetricsText&)> write_metrics;
  std::function<bool()> engine_away;
};

/// The service outlives what is returned.
Backend backend_of(service::Service& service);

}  // namespace skill_verifier::http
