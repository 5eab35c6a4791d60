#include "skill_verifier/store/outbox.hpp"

#include <fmt/core.h>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::store {

std::string_view to_string(DeliveryState state) {
  switch (state) {
    case DeliveryState::pending:
      return "pending";
    case DeliveryState::delivered:
      return "delivered";
    case DeliveryState::dead:
      return "dead";
  }
  return "dead";
}

Result<DeliveryState> parse_delivery_state(std::string_view text) {
  for (const auto state : {DeliveryState::pending, DeliveryState::delivered, DeliveryState::dead})
    if (to_string(state) == text) return state;
  return Error{Errc::invalid_argument, "delivery_state_invalid",
               fmt::format("there is no delivery state '{}'", core::shorten(text)), "use pending, delivered or dead"};
}

}  // namespace skill_verifier::store
