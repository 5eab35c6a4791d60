#pragma once

#include <boost/asio/io_context.hpp>

namespace skill_verifier::app {

/// Runs the loop until nothing is left to do. An exception that leaves it, a bug, ends the program where it stands:
/// unwinding would destroy services that threads and suspended coroutines still refer to, and those coroutines only
/// after them. What is stored survives that as it survives kill -9.
void run_loop(boost::asio::io_context& io) noexcept;

}  // namespace skill_verifier::app
