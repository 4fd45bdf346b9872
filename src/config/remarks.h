// What the checks have to say about a configuration.
#pragma once

#include <string>
#include <string_view>

#include "config/load.h"

namespace turnpike::config {

// Collects what is said about one result, with the place of the option each remark is about.
class Remarks {
 public:
  explicit Remarks(LoadResult& result) : result_(result) {}

  void error(std::string_view option, std::string message) {
    result_.errors.push_back(problem_at(place_of(result_.applied, option), std::move(message)));
  }
  void warn(std::string_view option, std::string message) {
    result_.warnings.push_back(problem_at(place_of(result_.applied, option), std::move(message)));
  }
  // For the value at `index` of an option that may be repeated.
  void error_at(std::string_view option, size_t index, std::string message) {
    result_.errors.push_back(problem_at(value_place(option, index), std::move(message)));
  }
  void warn_at(std::string_view option, size_t index, std::string message) {
    result_.warnings.push_back(problem_at(value_place(option, index), std::move(message)));
  }
  [[nodiscard]] bool is_set(std::string_view option) const {
    return result_.applied.find(option) != result_.applied.end();
  }

 private:
  [[nodiscard]] Place value_place(std::string_view option, size_t index) const {
    const auto found = result_.applied.find(option);
    if (found == result_.applied.end() || index >= found->second.size()) return {};
    return found->second[index].place;
  }

  LoadResult& result_;
};

}  // namespace turnpike::config
