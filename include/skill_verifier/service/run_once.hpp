#pragma once

#include "skill_verifier/service/service.hpp"

namespace skill_verifier::service {

/// Submits one skill to a started service and waits for its end: `skill-verifier verify PATH` (with a memory store and
/// ServiceOptions::allow_any_path). Gives the job in a final state. Errors: those of Service::submit, and cancelled
/// when the coroutine is cancelled (the job is then removed) or the service is stopped meanwhile.
awaitable<Result<store::Job>> run_once(Service& service, Submission submission);

}  // namespace skill_verifier::service
