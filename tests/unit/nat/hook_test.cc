#include "nat/hook.h"

#include <gtest/gtest.h>

namespace turnpike::nat {
namespace {

TEST(Hook, TellsTheExitCode) {
  EXPECT_EQ(run_hook("exit 3", {}, seconds(60)), 3);
  EXPECT_EQ(run_hook("kill -TERM $$", {}, seconds(60)), 128 + 15);
}

TEST(Hook, GivesTheVariables) {
  EXPECT_EQ(run_hook("test \"$SERVER_IP\" = 203.0.113.1 && test -n \"$PATH\"",
                     {"SERVER_IP=203.0.113.1"}, seconds(60)),
            0);
}

TEST(Hook, HasNothingToRead) {
  EXPECT_EQ(run_hook("read line", {}, seconds(60)), 1);
}

TEST(Hook, IsEndedWhenItTakesTooLong) {
  EXPECT_FALSE(run_hook("while :; do :; done", {}, milliseconds(50)));
}

}  // namespace
}  // namespace turnpike::nat
