#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "auth/store/layered_user_store.h"
#include "unit/auth/store_fake.h"

namespace turnpike::auth {
namespace {

class Layered : public testing::Test {
 protected:
  Layered() {
    auto first = std::make_unique<FakeUserStore>();
    auto second = std::make_unique<FakeUserStore>();
    first_ = first.get();
    second_ = second.get();
    std::vector<std::unique_ptr<UserStore>> layers;
    layers.push_back(std::move(first));
    layers.push_back(std::move(second));
    store_ = std::make_unique<LayeredUserStore>(std::move(layers));
  }

  FakeUserStore* first_;  // Both belong to store_.
  FakeUserStore* second_;
  std::unique_ptr<LayeredUserStore> store_;
};

TEST_F(Layered, AsksTheSecondForWhomTheFirstDoesNotKnow) {
  second_->add("bob", "two");
  EXPECT_EQ(store_->find("realm", "bob")->keys, UserKeys::from_password("bob", "realm", "two"));
  EXPECT_TRUE(store_->find_by_userhash("realm", stun::userhash("bob", "realm")).has_value());
  EXPECT_EQ(store_->find("realm", "carol").error(), LookupError::not_found);
}

TEST_F(Layered, TheFirstDecidesAboutANameThatBothKnow) {
  first_->add("bob", "one");
  second_->add("bob", "two");
  EXPECT_EQ(store_->find("realm", "bob")->keys, UserKeys::from_password("bob", "realm", "one"));
}

TEST_F(Layered, TheFirstAnswersWhileTheSecondIsUnavailable) {
  first_->add("alice", "one");
  second_->set_available(false);
  EXPECT_TRUE(store_->find("realm", "alice").has_value());
  EXPECT_EQ(store_->find("realm", "bob").error(), LookupError::unavailable);
}

TEST_F(Layered, TheSecondDoesNotDecideWhileTheFirstIsUnavailable) {
  first_->set_available(false);
  second_->add("bob", "two");
  EXPECT_EQ(store_->find("realm", "bob").error(), LookupError::unavailable);
}

TEST_F(Layered, ChangesWhenAnyLayerDoesAndAsksThemAll) {
  EXPECT_FALSE(store_->changed());
  first_->set_changed();
  second_->set_changed();
  EXPECT_TRUE(store_->changed());
  EXPECT_FALSE(store_->changed());
}

TEST_F(Layered, StateIsThatOfAllLayers) {
  first_->add("alice", "one");
  second_->set_state(
      {{.has_users = false, .all_users_have_sha256 = false, .shared_secrets = {"s"}}});
  const auto state = store_->state("realm");
  ASSERT_TRUE(state.has_value());
  EXPECT_TRUE(state->has_users);
  EXPECT_FALSE(state->all_users_have_sha256);
  EXPECT_THAT(state->shared_secrets, testing::ElementsAre("s"));
}

TEST_F(Layered, StateIsUnavailableWhenALayerIs) {
  second_->set_available(false);
  EXPECT_EQ(store_->state("realm").error(), LookupError::unavailable);
}

}  // namespace
}  // namespace turnpike::auth
