#include "skill_verifier/core/metrics.hpp"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

namespace skill_verifier::core {
namespace {

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  constexpr double kExact = 9007199254740992.0;
  if (value == std::floor(value) && std::abs(value) < kExact) return fmt::format("{:.0f}", value);
  return fmt::format("{}", value);
}

}  // namespace

void Histogram::observe(std::chrono::nanoseconds duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  ++count_;
  sum_ += seconds;
  for (std::size_t i = 0; i < kBounds.size(); ++i) {
    if (seconds > kBounds[i]) continue;
    ++buckets_[i];
    return;
  }
}

std::uint64_t Histogram::at_most(std::size_t bound) const {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i <= bound; ++i)
    total += buckets_[i];
  return total;
}

void MetricsText::begin(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  fmt::format_to(std::back_inserter(text_), "# HELP {} ", name);
  append_escaped(text_, help, false);
  fmt::format_to(std::back_inserter(text_), "\n# TYPE {} {}\n", name, type);
}

void MetricsText::line(std::string_view suffix, MetricLabels labels, std::string_view bound, double value) {
  text_ += name_;
  text_ += suffix;
  char separator = '{';
  const auto label = [&](std::string_view name, std::string_view text) {
    text_ += std::exchange(separator, ',');
    text_ += name;
    text_ += "=\"";
    append_escaped(text_, text, true);
    text_ += '"';
  };
  for (const auto& [name, text] : labels)
    label(name, text);
  if (!bound.empty()) label("le", bound);
  if (separator == ',') text_ += '}';
  fmt::format_to(std::back_inserter(text_), " {}\n", number(value));
}

void MetricsText::sample(MetricLabels labels, double value) {
  line("", labels, {}, value);
}

void MetricsText::sample(MetricLabels labels, const Histogram& histogram) {
  for (std::size_t i = 0; i < Histogram::kBounds.size(); ++i)
    line("_bucket", labels, number(Histogram::kBounds[i]), static_cast<double>(histogram.at_most(i)));
  const auto count = static_cast<double>(histogram.count());
  line("_bucket", labels, "+Inf", count);
  line("_sum", labels, {}, histogram.sum());
  line("_count", labels, {}, count);
}

}  // namespace skill_verifier::core
