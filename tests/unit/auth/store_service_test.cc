#include <condition_variable>
#include <deque>
#include <mutex>

#include <gtest/gtest.h>

#include "auth/store/auth_service.h"
#include "auth/store/sqlite_user_store.h"
#include "unit/auth/store_fake.h"
#include "unit/auth/store_support.h"

namespace turnpike::auth {
namespace {

// What the service has said, in order; take() waits for the next, so no test has to guess a time.
template <typename T>
class Heard {
 public:
  void add(T value) {
    {
      const std::lock_guard lock(mutex_);
      values_.push_back(std::move(value));
    }
    came_.notify_one();
  }
  std::optional<T> take() {
    std::unique_lock lock(mutex_);
    if (!came_.wait_for(lock, seconds(20), [this] { return !values_.empty(); })) return {};
    std::optional<T> value(std::move(values_.front()));
    values_.pop_front();
    return value;
  }
  size_t size() {
    const std::lock_guard lock(mutex_);
    return values_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<T> values_;
};

class AuthServiceTest : public testing::Test {
 protected:
  AuthServiceTest() {
    auto store = std::make_unique<FakeUserStore>();
    fake_ = store.get();
    store_ = std::move(store);
  }

  void start(AuthService::Settings settings) {
    settings.realm = FakeUserStore::kRealm;
    service_ = std::make_unique<AuthService>(
        std::move(store_), std::move(settings),
        [this](const LookupAnswer& answer) { answers_.add(answer); },
        [this](std::shared_ptr<const StoreState> state) { states_.add(*state); });
  }
  // Never looks for changes on its own within the time of a test.
  void start_without_polls() { start({.poll_period = seconds(3600)}); }

  FakeUserStore* fake_;  // Belongs to store_, later to service_.
  std::unique_ptr<UserStore> store_;
  Heard<LookupAnswer> answers_;
  Heard<StoreState> states_;
  std::unique_ptr<AuthService> service_;
};

TEST_F(AuthServiceTest, TellsTheStateAtTheStart) {
  fake_->set_state({{.has_users = true, .shared_secrets = {"s"}}});
  start_without_polls();
  const auto state = states_.take();
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(state->generation, 1U);
  EXPECT_TRUE(state->has_users);
  EXPECT_EQ(state->shared_secrets.size(), 1U);
}

TEST_F(AuthServiceTest, PromisesNothingWhileTheStoreWasNeverRead) {
  fake_->set_available(false);
  start_without_polls();
  const auto state = states_.take();
  ASSERT_TRUE(state.has_value());
  EXPECT_TRUE(state->has_users);
  EXPECT_FALSE(state->all_users_have_sha256);
  fake_->set_available(true);
  ASSERT_TRUE(service_->submit({.name = "alice"}));
  EXPECT_EQ(states_.take()->generation, 2U);
}

TEST_F(AuthServiceTest, AnswersWithWhatItWasAsked) {
  fake_->add("alice", "secret");
  start_without_polls();
  ASSERT_TRUE(service_->submit({.worker = 3, .ticket = 77, .name = "alice"}));
  const auto answer = answers_.take();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->worker, 3U);
  EXPECT_EQ(answer->ticket, 77U);
  EXPECT_EQ(answer->generation, 1U);
  ASSERT_TRUE(answer->user.has_value());
  EXPECT_EQ(answer->user->keys, UserKeys::from_password("alice", "realm", "secret"));
}

TEST_F(AuthServiceTest, AnswersQuestionsByUserhash) {
  fake_->add("alice", "secret");
  start_without_polls();
  ASSERT_TRUE(
      service_->submit({.by_userhash = true, .userhash = stun::userhash("alice", "realm")}));
  EXPECT_EQ(answers_.take()->user->name, "alice");
}

TEST_F(AuthServiceTest, AnswersThatAUserIsUnknownOrTheStoreUnavailable) {
  start_without_polls();
  ASSERT_TRUE(service_->submit({.name = "nobody"}));
  EXPECT_EQ(answers_.take()->user.error(), LookupError::not_found);
  fake_->set_available(false);
  ASSERT_TRUE(service_->submit({.name = "nobody"}));
  EXPECT_EQ(answers_.take()->user.error(), LookupError::unavailable);
}

TEST_F(AuthServiceTest, AChangeRaisesTheGenerationBeforeTheNextAnswer) {
  start_without_polls();
  ASSERT_TRUE(service_->submit({.name = "alice"}));
  EXPECT_EQ(answers_.take()->generation, 1U);
  EXPECT_EQ(states_.take()->generation, 1U);
  fake_->add("alice", "secret");
  fake_->set_changed();
  ASSERT_TRUE(service_->submit({.name = "alice"}));
  const auto answer = answers_.take();
  EXPECT_EQ(answer->generation, 2U);
  EXPECT_TRUE(answer->user.has_value());
  EXPECT_EQ(states_.size(), 1U);  // It was told first.
}

TEST_F(AuthServiceTest, NoticesAChangeWithoutBeingAsked) {
  start({.poll_period = milliseconds(1)});
  EXPECT_EQ(states_.take()->generation, 1U);
  fake_->set_changed();
  const auto state = states_.take();
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(state->generation, 2U);
}

TEST_F(AuthServiceTest, KeepsTheLastStateWhileTheStoreIsUnavailable) {
  fake_->add("alice", "secret");
  start_without_polls();
  EXPECT_EQ(states_.take()->generation, 1U);
  fake_->set_available(false);
  fake_->set_changed();
  ASSERT_TRUE(service_->submit({.name = "alice"}));
  EXPECT_EQ(answers_.take()->generation, 1U);
  EXPECT_EQ(states_.size(), 0U);
  fake_->set_available(true);
  ASSERT_TRUE(service_->submit({.name = "alice"}));
  EXPECT_EQ(answers_.take()->generation, 2U);
  EXPECT_EQ(states_.take()->generation, 2U);
}

TEST_F(AuthServiceTest, RefusesMoreQuestionsThanTheQueueHolds) {
  std::unique_lock gate(fake_->gate);
  start({.poll_period = seconds(3600), .queue_capacity = 4});
  // The thread takes what it finds and then waits at the gate; what comes after fills the queue.
  int accepted = 0;
  while (accepted < 100 && service_->submit({.name = "alice"})) ++accepted;
  EXPECT_GE(accepted, 4);
  EXPECT_LE(accepted, 8);
  gate.unlock();
  for (int i = 0; i < accepted; ++i) EXPECT_TRUE(answers_.take().has_value());
  EXPECT_TRUE(service_->submit({.name = "alice"}));
}

TEST_F(AuthServiceTest, StopsAtOnceWithQuestionsWaiting) {
  std::unique_lock gate(fake_->gate);
  start_without_polls();
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(service_->submit({.name = "alice"}));
  gate.unlock();
  service_.reset();
  EXPECT_LE(answers_.size(), 1000U);
}

TEST(AuthService, StartsAndStopsManyTimes) {
  for (int i = 0; i < 200; ++i) {
    std::atomic<int> states{0};
    {
      AuthService service(
          std::make_unique<FakeUserStore>(), {.realm = "realm"}, [](const LookupAnswer&) {},
          [&](const std::shared_ptr<const StoreState>&) { ++states; });
      EXPECT_TRUE(service.submit({.name = "alice"}));
    }
    EXPECT_EQ(states, 1);
  }
}

TEST(AuthService, FindsAUserAddedToTheDatabaseAMomentAgo) {
  const TemporaryDirectory directory;
  const std::string path = directory.path("turndb");
  make_empty_database(path);
  Heard<LookupAnswer> answers;
  AuthService service(
      std::make_unique<SqliteUserStore>(SqliteStoreSettings{.path = path}), {.realm = "realm"},
      [&](const LookupAnswer& answer) { answers.add(answer); },
      [](const std::shared_ptr<const StoreState>&) {});
  ASSERT_TRUE(service.submit({.name = "alice"}));
  const auto before = answers.take();
  ASSERT_TRUE(before.has_value());
  EXPECT_EQ(before->user.error(), LookupError::not_found);
  put_user(path, "realm", "alice", "secret");
  ASSERT_TRUE(service.submit({.name = "alice"}));
  const auto after = answers.take();
  ASSERT_TRUE(after.has_value());
  EXPECT_TRUE(after->user.has_value());
  EXPECT_GT(after->generation, before->generation);
}

TEST_F(AuthServiceTest, LooksForChangesWhenItIsTold) {
  start_without_polls();
  ASSERT_TRUE(states_.take().has_value());
  fake_->set_state({{.has_users = true, .shared_secrets = {"new"}}});
  fake_->set_changed();
  ASSERT_TRUE(service_->look_now(seconds(20)));
  // What was found has been told by then.
  EXPECT_EQ(states_.size(), 1U);
  EXPECT_EQ(states_.take()->shared_secrets.size(), 1U);
}

TEST_F(AuthServiceTest, ALookThatFindsNothingIsOverAllTheSame) {
  start_without_polls();
  ASSERT_TRUE(states_.take().has_value());
  EXPECT_TRUE(service_->look_now(seconds(20)));
  EXPECT_TRUE(service_->look_now(seconds(20)));
  EXPECT_EQ(states_.size(), 0U);
}

TEST_F(AuthServiceTest, AnotherStoreCountsAtOnce) {
  fake_->add("alice", "secret");
  start_without_polls();
  ASSERT_TRUE(states_.take().has_value());
  auto other = std::make_unique<FakeUserStore>();
  other->add("bob", "secret");
  service_->replace(std::move(other));
  EXPECT_EQ(states_.take()->generation, 2U);
  ASSERT_TRUE(service_->submit({.name = "alice"}));
  EXPECT_EQ(answers_.take()->user.error(), LookupError::not_found);
  ASSERT_TRUE(service_->submit({.name = "bob"}));
  EXPECT_TRUE(answers_.take()->user.has_value());
}

}  // namespace
}  // namespace turnpike::auth
