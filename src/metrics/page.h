// One answer to a scrape: families of metrics as plain values, and their text form.
//
// Whoever knows the numbers fills a Page; this module knows how Prometheus wants to read them.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace turnpike::metrics {

enum class Type : uint8_t { counter, gauge, histogram };

struct Label {
  std::string name;
  std::string value;
};
using Labels = std::vector<Label>;

struct HistogramValue {
  std::vector<double> bounds;    // Upper ends, ascending; the last bucket has none.
  std::vector<uint64_t> counts;  // Of each bucket by itself: one more than there are bounds.
  double sum = 0;
};

struct Sample {
  Labels labels;
  double value = 0;          // Of a counter or gauge.
  HistogramValue histogram;  // Of a histogram.
};

class Family {
 public:
  Family(std::string_view name, std::string_view help, Type type)
      : name_(name), help_(help), type_(type) {}

  // Counters above 2^53 lose their last digits, since the text form is read as a double: after
  // 9,000 TB, by less than a packet.
  Family& add(Labels labels, uint64_t value) {
    return add_real(std::move(labels), static_cast<double>(value));
  }
  Family& add_real(Labels labels, double value) {
    samples_.push_back({std::move(labels), value, {}});
    return *this;
  }
  Family& add_histogram(Labels labels, HistogramValue value) {
    samples_.push_back({std::move(labels), 0, std::move(value)});
    return *this;
  }

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& help() const { return help_; }
  [[nodiscard]] Type type() const { return type_; }
  [[nodiscard]] const std::vector<Sample>& samples() const { return samples_; }

 private:
  std::string name_;
  std::string help_;
  Type type_;
  std::vector<Sample> samples_;
};

class Page {
 public:
  // References stay good as long as the page.
  Family& counter(std::string_view name, std::string_view help) {
    return families_.emplace_back(name, help, Type::counter);
  }
  Family& gauge(std::string_view name, std::string_view help) {
    return families_.emplace_back(name, help, Type::gauge);
  }
  Family& histogram(std::string_view name, std::string_view help) {
    return families_.emplace_back(name, help, Type::histogram);
  }

  [[nodiscard]] const std::deque<Family>& families() const { return families_; }

  // The text exposition format 0.0.4.
  [[nodiscard]] std::string to_text() const;

 private:
  std::deque<Family> families_;
};

}  // namespace turnpike::metrics
