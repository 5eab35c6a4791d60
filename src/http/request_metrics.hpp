#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <tuple>

#include "http/message.hpp"
#include "skill_verifier/core/metrics.hpp"

namespace skill_verifier::http {

/// Counts answers by method, route and status. Whatever a client sends, there are no more series than routes, the known
/// methods and our statuses give: what is outside of them counts as `other`.
class RequestMetrics {
 public:
  void count(std::string_view method, const Response& response, core::Duration time);
  void write(core::MetricsText& out) const;

 private:
  using Series = std::tuple<std::string_view, std::string_view, int>;  ///< method, route, status
  std::map<Series, std::uint64_t> requests_;
  std::map<std::string_view, core::Histogram> times_;  ///< by route
};

}  // namespace skill_verifier::http
