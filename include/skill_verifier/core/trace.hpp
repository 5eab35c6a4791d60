#pragma once

#include <optional>
#include <string>
#include <string_view>

/// W3C Trace Context, level 1: which distributed trace a request belongs to.
namespace skill_verifier::core {

struct TraceContext {
  std::string trace_id;      ///< 32 lower-case hex digits, not all zero
  std::string parent_id;     ///< 16 of them: the caller's span, or ours when it goes out
  std::string flags = "00";  ///< two hex digits
};

/// The value of a `traceparent` field, or nothing where it breaks a rule: lower-case hex only, version not `ff`, no id
/// of zeros, version `00` exactly 55 characters, later versions at least those and then a `-`.
std::optional<TraceContext> parse_traceparent(std::string_view value);
/// Our span in the given trace, or in a new one.
TraceContext own_span(const std::optional<TraceContext>& parent);
/// As a field's value, version `00`.
std::string to_traceparent(const TraceContext& context);

/// While it lives, log lines that carry `request=ID` also carry `trace=…`: so does every line about that request and
/// its job, whoever writes it. Where several name a trace for one request id (clients choose those), the first holds.
/// Any thread.
class TraceBinding {
 public:
  TraceBinding() = default;
  TraceBinding(std::string request_id, std::string trace_id);
  TraceBinding(TraceBinding&& other) noexcept;
  TraceBinding& operator=(TraceBinding&& other) noexcept;
  ~TraceBinding();

 private:
  std::string request_id_;  ///< empty: nothing is bound
  std::string trace_id_;
};

/// What is bound to a request id now; empty: nothing.
std::string bound_trace(std::string_view request_id);

}  // namespace skill_verifier::core
