#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

/// What a module counts, as plain numbers beside the code that counts, and the text in which Prometheus reads them.
/// There is one thread, so nothing is atomic and nothing is registered anywhere: a module writes its families when it
/// is asked to.
namespace skill_verifier::core {

/// Durations by upper bounds from 1 ms to 10 min, the same for every histogram, so that any two can be compared.
class Histogram {
 public:
  static constexpr std::array<double, 17> kBounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                                     1,     2.5,    5,     10,   30,    60,   300, 600};

  void observe(std::chrono::nanoseconds duration);
  std::uint64_t count() const { return count_; }
  double sum() const { return sum_; }
  /// Those at or below kBounds[bound]: cumulative, as Prometheus wants it.
  std::uint64_t at_most(std::size_t bound) const;

 private:
  std::array<std::uint64_t, kBounds.size()> buckets_{};
  std::uint64_t count_ = 0;
  double sum_ = 0;  ///< seconds
};

/// Label values come out of a fixed set: a route's pattern, an enumerator, what the operator configured. Never a job
/// id, a name or an address of a client.
using MetricLabels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

/// Prometheus text format 0.0.4. Families are written one after the other, each with all its samples.
class MetricsText {
 public:
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

  /// Begins a family. Names and help are literals; counters end with `_total`, units stand in the name.
  void counter(std::string_view name, std::string_view help) { begin(name, "counter", help); }
  void gauge(std::string_view name, std::string_view help) { begin(name, "gauge", help); }
  void histogram(std::string_view name, std::string_view help) { begin(name, "histogram", help); }

  /// One sample of the family begun last. Integers below 2^53 are written exactly.
  void sample(MetricLabels labels, double value);
  void sample(MetricLabels labels, const Histogram& histogram);

  const std::string& text() const { return text_; }

 private:
  void begin(std::string_view name, std::string_view type, std::string_view help);
  void line(std::string_view suffix, MetricLabels labels, std::string_view bound, double value);

  std::string text_;
  std::string_view name_;
};

}  // namespace skill_verifier::core
