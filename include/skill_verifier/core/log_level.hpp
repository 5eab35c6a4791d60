#pragma once

namespace skill_verifier::core::log {

/// Whether `debug` writes anything: for lines whose fields cost more than what is logged.
bool shows_debug();

}  // namespace skill_verifier::core::log
