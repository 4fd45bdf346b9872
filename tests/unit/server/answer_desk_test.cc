#include "server/answer_desk.h"

#include <thread>

#include <gtest/gtest.h>

namespace turnpike::server {
namespace {

TEST(AnswerDesk, GathersAnswersOfSeveralThreads) {
  AnswerDesk desk;
  const uint64_t question = desk.open();
  std::thread one([&] { desk.put({question, Killed{1}}); });
  std::thread two([&] { desk.put({question, Killed{2}}); });
  const auto answers = desk.wait(2, seconds(60));
  one.join();
  two.join();
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(std::get<Killed>(answers[0].content).count + std::get<Killed>(answers[1].content).count,
            3U);
}

TEST(AnswerDesk, GivesWhatItHasWhenTheTimeIsOver) {
  AnswerDesk desk;
  const uint64_t question = desk.open();
  desk.put({question, Done{}});
  EXPECT_EQ(desk.wait(2, milliseconds(1)).size(), 1U);
}

TEST(AnswerDesk, ThrowsAnswersToAnEarlierQuestionAway) {
  AnswerDesk desk;
  const uint64_t first = desk.open();
  static_cast<void>(desk.wait(1, milliseconds(0)));
  desk.put({first, Done{}});
  const uint64_t second = desk.open();
  desk.put({first, Done{}});
  desk.put({second, Killed{7}});
  const auto answers = desk.wait(2, milliseconds(1));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(std::get<Killed>(answers[0].content).count, 7U);
}

TEST(AnswerDesk, LetsNobodyWaitOnceItIsClosed) {
  AnswerDesk desk;
  std::thread closer([&] { desk.close(); });
  EXPECT_TRUE(desk.wait(1, std::chrono::hours(1)).empty());
  closer.join();
  desk.open();
  EXPECT_TRUE(desk.wait(1, std::chrono::hours(1)).empty());
}

}  // namespace
}  // namespace turnpike::server
