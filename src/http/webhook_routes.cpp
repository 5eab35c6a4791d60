#include <algorithm>
#include <nlohmann/json.hpp>

#include "http/answer.hpp"
#include "http/api.hpp"
#include "http/query.hpp"
#include "skill_verifier/core/ids.hpp"
#include "skill_verifier/core/json.hpp"

namespace skill_verifier::http {
namespace {

using core::OrderedJson;

constexpr std::uint64_t kDefaultPage = 50;
constexpr std::uint64_t kMaxPage = 500;

/// The target without path and query: receivers put tokens there.
OrderedJson delivery_json(const store::Delivery& delivery) {
  const bool pending = delivery.state == store::DeliveryState::pending;
  return OrderedJson{
      {"id", delivery.id},
      {"event", delivery.event},
      {"jobId", delivery.job},
      {"target", service::webhook_origin(delivery.target.url)},
      {"state", store::to_string(delivery.state)},
      {"attempts", delivery.attempts},
      {"createdAt", core::to_rfc3339(delivery.created_at)},
      {"nextAttemptAt", pending ? OrderedJson(core::to_rfc3339(delivery.next_attempt_at)) : OrderedJson(nullptr)},
      {"endedAt", delivery.ended_at ? OrderedJson(core::to_rfc3339(*delivery.ended_at)) : OrderedJson(nullptr)},
      {"lastStatus", delivery.last_status == 0 ? OrderedJson(nullptr) : OrderedJson(delivery.last_status)},
      {"lastError", delivery.last_error.empty() ? OrderedJson(nullptr) : OrderedJson(delivery.last_error)}};
}

Result<store::DeliveryFilter> parse_filter(const Query& query, std::uint64_t& limit) {
  store::DeliveryFilter filter;
  if (const auto text = query.find("state"); text && !text->empty()) {
    SKILL_VERIFIER_TRY(filter.state, store::parse_delivery_state(*text));
  }
  if (const auto text = query.find("job"); text && !text->empty()) {
    if (!core::is_job_id(*text)) return Error(Errc::invalid_argument, "query_invalid", "job is no job id");
    filter.job = *text;
  }
  SKILL_VERIFIER_TRY(limit,
                     parse_number("limit", query.find("limit").value_or(std::to_string(kDefaultPage)), 1, UINT64_MAX));
  limit = std::min(limit, kMaxPage);
  if (const auto text = query.find("cursor"); text && !text->empty()) {
    SKILL_VERIFIER_TRY(filter.before, parse_number("cursor", *text, 0, INT64_MAX));
  }
  filter.limit = static_cast<std::size_t>(limit) + 1;  // one more than is shown tells whether there is a next page
  return filter;
}

}  // namespace

awaitable<Response> Api::list_deliveries(Request& request) {
  const auto query = Query::parse(request.head.query);
  if (!query) co_return refuse(Problem(query.error()), request);
  std::uint64_t limit = 0;
  auto filter = parse_filter(*query, limit);
  if (!filter) co_return refuse(Problem(filter.error()), request);
  const auto found = co_await backend_.deliveries(std::move(*filter));
  if (!found) co_return refuse(Problem(found.error()), request);
  OrderedJson rows = OrderedJson::array();
  for (const auto& delivery : *found)
    if (rows.size() < limit) rows.push_back(delivery_json(delivery));
  const bool more = found->size() > limit;
  const OrderedJson next = more ? OrderedJson(std::to_string((*found)[rows.size() - 1].number)) : OrderedJson(nullptr);
  co_return json_response(200, core::dump_json(OrderedJson{{"deliveries", rows}, {"nextCursor", next}}));
}

awaitable<Response> Api::redeliver(std::string id, Request& request) {
  const auto delivery = co_await backend_.redeliver(std::move(id));
  if (!delivery) co_return refuse(Problem(delivery.error()), request);
  co_return json_response(202, core::dump_json(delivery_json(*delivery)));
}

}  // namespace skill_verifier::http
