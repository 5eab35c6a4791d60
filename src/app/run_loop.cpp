#include "app/run_loop.hpp"

namespace skill_verifier::app {

void run_loop(boost::asio::io_context& io) noexcept {
  io.run();
}

}  // namespace skill_verifier::app
