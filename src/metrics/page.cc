#include "metrics/page.h"

#include <limits>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace turnpike::metrics {
namespace {

prometheus::MetricType to_prometheus(Type type) {
  switch (type) {
    case Type::counter:
      return prometheus::MetricType::Counter;
    case Type::gauge:
      return prometheus::MetricType::Gauge;
    case Type::histogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

// Buckets are cumulative on the wire, and the last one is that of everything.
prometheus::ClientMetric::Histogram to_prometheus(const HistogramValue& value) {
  prometheus::ClientMetric::Histogram result;
  uint64_t below = 0;
  for (size_t i = 0; i < value.counts.size(); ++i) {
    below += value.counts[i];
    const double bound =
        i < value.bounds.size() ? value.bounds[i] : std::numeric_limits<double>::infinity();
    result.bucket.push_back({below, bound});
  }
  result.sample_count = below;
  result.sample_sum = value.sum;
  return result;
}

prometheus::ClientMetric to_prometheus(const Sample& sample, Type type) {
  prometheus::ClientMetric result;
  for (const Label& label : sample.labels) result.label.push_back({label.name, label.value});
  result.counter.value = sample.value;
  result.gauge.value = sample.value;
  if (type == Type::histogram) result.histogram = to_prometheus(sample.histogram);
  return result;
}

}  // namespace

std::string Page::to_text() const {
  std::vector<prometheus::MetricFamily> all;
  all.reserve(families_.size());
  for (const Family& family : families_) {
    prometheus::MetricFamily& to = all.emplace_back();
    to.name = family.name();
    to.help = family.help();
    to.type = to_prometheus(family.type());
    for (const Sample& sample : family.samples()) {
      to.metric.push_back(to_prometheus(sample, family.type()));
    }
  }
  const prometheus::TextSerializer serializer;
  // The overload that returns a string belongs to the base.
  return static_cast<const prometheus::Serializer&>(serializer).Serialize(all);
}

}  // namespace turnpike::metrics
