#include "skill_verifier/core/trace.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "core/random_name.hpp"

namespace skill_verifier::core {
namespace {

constexpr std::size_t kLength = 55;  ///< of `00-` trace-id `-` parent-id `-` flags

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_zero(std::string_view text) {
  return text.find_first_not_of('0') == std::string_view::npos;
}

/// Log lines come from every thread.
struct Bindings {
  std::mutex mutex;
  std::multimap<std::string, std::string, std::less<>> traces;
};

Bindings& bindings() {
  static Bindings all;
  return all;
}

}  // namespace

std::optional<TraceContext> parse_traceparent(std::string_view value) {
  if (value.size() < kLength || value[2] != '-' || value[35] != '-' || value[52] != '-') return std::nullopt;
  const std::string_view version = value.substr(0, 2), trace = value.substr(3, 32), parent = value.substr(36, 16),
                         flags = value.substr(53, 2);
  if (!is_hex(version) || !is_hex(trace) || !is_hex(parent) || !is_hex(flags)) return std::nullopt;
  if (version == "ff" || is_zero(trace) || is_zero(parent)) return std::nullopt;
  if (version == "00" ? value.size() != kLength : value.size() > kLength && value[kLength] != '-') return std::nullopt;
  return TraceContext{std::string(trace), std::string(parent), std::string(flags)};
}

TraceContext own_span(const std::optional<TraceContext>& parent) {
  TraceContext context = parent.value_or(TraceContext{});
  if (!parent) context.trace_id = random_name(16);
  // A later version's flags mean what they do in ours for the lowest bit alone.
  if (parent) context.flags = (parent->flags[1] - (parent->flags[1] >= 'a' ? 'a' - 10 : '0')) % 2 == 1 ? "01" : "00";
  context.parent_id = random_name(8);
  return context;
}

std::string to_traceparent(const TraceContext& context) {
  return "00-" + context.trace_id + "-" + context.parent_id + "-" + context.flags;
}

TraceBinding::TraceBinding(std::string request_id, std::string trace_id)
    : request_id_(std::move(request_id)), trace_id_(std::move(trace_id)) {
  if (trace_id_.empty()) request_id_.clear();
  if (request_id_.empty()) return;
  const std::lock_guard lock(bindings().mutex);
  bindings().traces.emplace(request_id_, trace_id_);
}

TraceBinding::TraceBinding(TraceBinding&& other) noexcept
    : request_id_(std::exchange(other.request_id_, {})), trace_id_(std::move(other.trace_id_)) {}

TraceBinding& TraceBinding::operator=(TraceBinding&& other) noexcept {
  std::swap(request_id_, other.request_id_);
  std::swap(trace_id_, other.trace_id_);
  return *this;
}

TraceBinding::~TraceBinding() {
  if (request_id_.empty()) return;
  const std::lock_guard lock(bindings().mutex);
  auto [begin, end] = bindings().traces.equal_range(request_id_);
  const auto mine = std::find_if(begin, end, [this](const auto& entry) { return entry.second == trace_id_; });
  if (mine != end) bindings().traces.erase(mine);
}

std::string bound_trace(std::string_view request_id) {
  const std::lock_guard lock(bindings().mutex);
  // Of equal keys the first is the oldest.
  const auto found = bindings().traces.lower_bound(request_id);
  return found == bindings().traces.end() || found->first != request_id ? std::string() : found->second;
}

}  // namespace skill_verifier::core
