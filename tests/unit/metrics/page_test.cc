#include "metrics/page.h"

#include <gtest/gtest.h>

namespace turnpike::metrics {
namespace {

TEST(Page, WritesACounterWithItsHelpAndLabels) {
  Page page;
  page.counter("x_total", "What x is.").add({{"kind", "a"}}, 3).add({{"kind", "b"}}, 4);
  EXPECT_EQ(page.to_text(),
            "# HELP x_total What x is.\n# TYPE x_total counter\n"
            "x_total{kind=\"a\"} 3\nx_total{kind=\"b\"} 4\n");
}

// A user's name is whatever he chose.
TEST(Page, EscapesWhatALabelMayNotHold) {
  Page page;
  page.gauge("x", "X.").add({{"user", "a\"b\\c\nd} 7\nevil 1"}}, 1);
  EXPECT_NE(page.to_text().find("x{user=\"a\\\"b\\\\c\\nd} 7\\nevil 1\"} 1\n"), std::string::npos)
      << page.to_text();
}

TEST(Page, WritesLargeCountsInFull) {
  Page page;
  page.counter("x_total", "X.").add({}, 9'007'199'254'740'991);
  EXPECT_NE(page.to_text().find("\nx_total 9007199254740991\n"), std::string::npos)
      << page.to_text();
}

TEST(Page, CumulatesTheBucketsOfAHistogram) {
  Page page;
  page.histogram("x", "X.").add_histogram({}, {{0.5, 1}, {2, 3, 4}, 7.5});
  EXPECT_EQ(page.to_text(),
            "# HELP x X.\n# TYPE x histogram\nx_count 9\nx_sum 7.5\n"
            "x_bucket{le=\"0.5\"} 2\nx_bucket{le=\"1\"} 5\nx_bucket{le=\"+Inf\"} 9\n");
}

}  // namespace
}  // namespace turnpike::metrics
