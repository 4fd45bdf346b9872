#include "cli/health_check.h"

#include <gtest/gtest.h>

#include "unit/cli/run_command.h"

namespace turnpike::cli {
namespace {

Endpoint endpoint_for(std::initializer_list<const char*> listening) {
  config::Config config;
  config.listening_port = 3999;
  for (const char* ip : listening) config.listening_ips.push_back(*Ip::parse(ip));
  return local_endpoint(config);
}

TEST(HealthCheck, AsksWhereThisHostReachesItsServer) {
  EXPECT_EQ(endpoint_for({}).to_string(), "127.0.0.1:3999");
  EXPECT_EQ(endpoint_for({"0.0.0.0"}).to_string(), "127.0.0.1:3999");
  EXPECT_EQ(endpoint_for({"::"}).to_string(), "[::1]:3999");
  EXPECT_EQ(endpoint_for({"192.0.2.1", "192.0.2.2"}).to_string(), "192.0.2.1:3999");
}

TEST(HealthCommand, RefusesWhatItCannotMakeSenseOf) {
  EXPECT_EQ(run_command(health, {"--like-process"}).exit_code, kExitUsage);
  EXPECT_EQ(run_command(health, {"--frobnicate"}).exit_code, kExitUsage);
  EXPECT_EQ(run_command(health, {"--like-process", "x"}).exit_code, kExitFailure);
}

}  // namespace
}  // namespace turnpike::cli
