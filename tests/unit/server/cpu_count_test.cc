#include "server/cpu_count.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sched.h>

#include "support/tls_peers.h"

namespace turnpike::server {
namespace {

class CpuCountTest : public ::testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root() + "/" + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text << "\n";
  }
  std::string root() const { return folder_.path("cgroup"); }

  testing::TempDir folder_;
};

TEST_F(CpuCountTest, IsTheQuotaRoundedUp) {
  struct Case {
    const char* text;
    std::optional<uint32_t> cpus;
  };
  const Case cases[] = {
      {"200000 100000", 2}, {"150000 100000", 2}, {"1000 100000", 1}, {"max 100000", {}},
      {"200000 0", {}},     {"200000", {}},       {"", {}},           {"junk junk", {}}};
  for (const Case& c : cases) {
    write("cpu.max", c.text);
    EXPECT_EQ(cpus_from_cgroups("0::/\n", root()), c.cpus) << c.text;
  }
}

TEST_F(CpuCountTest, IsTheLeastOfTheGroupAndThoseAroundIt) {
  write("cpu.max", "800000 100000");
  write("system.slice/cpu.max", "300000 100000");
  write("system.slice/turnpike.service/cpu.max", "max 100000");
  const std::string_view membership = "0::/system.slice/turnpike.service\n";
  EXPECT_EQ(cpus_from_cgroups(membership, root()), 3U);
  write("system.slice/turnpike.service/cpu.max", "100000 100000");
  EXPECT_EQ(cpus_from_cgroups(membership, root()), 1U);
}

TEST_F(CpuCountTest, OfAPathThatIsNotToBeSeenTheRootCounts) {
  write("cpu.max", "200000 100000");
  EXPECT_EQ(cpus_from_cgroups("0::/docker/0123\n", root()), 2U);
}

TEST_F(CpuCountTest, KnowsTheOldControlGroups) {
  write("cpu/pod/cpu.cfs_quota_us", "250000");
  write("cpu/pod/cpu.cfs_period_us", "100000");
  write("cpu/cpu.cfs_quota_us", "-1");
  write("cpu/cpu.cfs_period_us", "100000");
  EXPECT_EQ(cpus_from_cgroups("5:memory:/pod\n4:cpu,cpuacct:/pod\n0::/\n", root()), 3U);
  EXPECT_EQ(cpus_from_cgroups("4:cpuset:/pod\n", root()), std::nullopt);
}

TEST_F(CpuCountTest, WithoutControlGroupsThereIsNoQuota) {
  EXPECT_EQ(cpus_from_cgroups("", root()), std::nullopt);
  EXPECT_EQ(cpus_from_cgroups("no colons\n0::/\n", root()), std::nullopt);
}

TEST_F(CpuCountTest, TheAffinityMaskCounts) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu) {
    if (CPU_ISSET(cpu, &before)) CPU_SET(cpu, &one);
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(usable_cpus(), 1U);
  ASSERT_EQ(sched_setaffinity(0, sizeof(before), &before), 0);
}

}  // namespace
}  // namespace turnpike::server
