#include "server/tls_keeper.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "support/tls_peers.h"

namespace turnpike::server {
namespace {

using testing::Identity;
using testing::KeyKind;
using testing::TempDir;
using testing::TlsClient;
using Due = TlsKeeper::Due;

const Instant kStart{seconds(1000)};

// A TLS 1.2 session with its ticket.
net::SslSessionPtr session_with(const TlsKeeper& keeper) {
  TlsClient client([](SSL_CTX* c) { SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION); });
  net::TlsChannel channel(keeper.context());
  client.talk(channel);
  EXPECT_TRUE(client.is_open());
  return client.end_session();
}

bool resumes(const TlsKeeper& keeper, SSL_SESSION* session) {
  TlsClient client([](SSL_CTX* c) { SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION); });
  EXPECT_EQ(SSL_set_session(client.ssl(), session), 1);
  net::TlsChannel channel(keeper.context());
  client.talk(channel);
  EXPECT_TRUE(client.is_open());
  // A session whose connection just breaks off is of no use to OpenSSL any more.
  static_cast<void>(client.end_session());
  return channel.resumed();
}

TEST(TlsKeeper, MakesANewTicketKeyTwiceADay) {
  auto keeper = TlsKeeper::make({}, kStart);
  ASSERT_TRUE(keeper);
  const auto first = keeper->context();
  EXPECT_EQ(keeper->on_tick(kStart + std::chrono::hours(12) - seconds(1)), Due::nothing);
  EXPECT_EQ(keeper->context(), first);
  EXPECT_EQ(keeper->on_tick(kStart + std::chrono::hours(12)), Due::new_keys);
  EXPECT_NE(keeper->context(), first);
  EXPECT_EQ(keeper->on_tick(kStart + std::chrono::hours(13)), Due::nothing);
  EXPECT_EQ(keeper->on_tick(kStart + std::chrono::hours(24)), Due::new_keys);
}

TEST(TlsKeeper, OpensTicketsOfTheKeyBeforeAndNoOlderOnes) {
  auto keeper = TlsKeeper::make({}, kStart);
  ASSERT_TRUE(keeper);
  const net::SslSessionPtr session = session_with(*keeper);
  EXPECT_TRUE(resumes(*keeper, session.get()));
  ASSERT_EQ(keeper->on_tick(kStart + std::chrono::hours(12)), Due::new_keys);
  EXPECT_TRUE(resumes(*keeper, session.get()));
  ASSERT_EQ(keeper->on_tick(kStart + std::chrono::hours(24)), Due::new_keys);
  EXPECT_FALSE(resumes(*keeper, session.get()));
}

TEST(TlsKeeper, NoticesARenewedCertificateWithinTenSeconds) {
  const TempDir dir;
  const auto files = Identity::make("a.example", KeyKind::ecdsa).save(dir, "a");
  auto keeper = TlsKeeper::make({.certificates = {files}}, kStart);
  ASSERT_TRUE(keeper);
  EXPECT_EQ(keeper->on_tick(kStart + seconds(10)), Due::nothing);
  Identity::make("b.example", KeyKind::ecdsa).save(dir, "a");
  EXPECT_EQ(keeper->on_tick(kStart + seconds(19)), Due::nothing);
  EXPECT_EQ(keeper->on_tick(kStart + seconds(20)), Due::reload);
  ASSERT_TRUE(keeper->reload());
  EXPECT_EQ(keeper->on_tick(kStart + seconds(30)), Due::nothing);
}

TEST(TlsKeeper, KeepsWhatItHasWhenTheFilesAreBroken) {
  const TempDir dir;
  const auto files = Identity::make("a.example", KeyKind::ecdsa).save(dir, "a");
  auto keeper = TlsKeeper::make({.certificates = {files}}, kStart);
  ASSERT_TRUE(keeper);
  const auto before = keeper->context();
  dir.write("a.crt", "junk");
  const auto reloaded = keeper->reload();
  ASSERT_FALSE(reloaded);
  EXPECT_NE(reloaded.error().find(files.certificate), std::string::npos);
  EXPECT_EQ(keeper->context(), before);
}

// Files that were found broken ten seconds after the start.
struct BrokenFiles : ::testing::Test {
  void SetUp() override {
    ASSERT_TRUE(keeper);
    dir.write("a.crt", "junk");
    fails_at(seconds(10));
  }
  void fails_at(seconds after) {
    EXPECT_EQ(at(after), Due::reload);
    ASSERT_FALSE(keeper->reload());
  }
  Due at(seconds after) { return keeper->on_tick(kStart + after); }

  const TempDir dir;
  const net::TlsCertificateFiles files = Identity::make("a.example", KeyKind::ecdsa).save(dir, "a");
  Result<TlsKeeper, std::string> keeper = TlsKeeper::make({.certificates = {files}}, kStart);
};

TEST_F(BrokenFiles, AreTriedAgainWhenTheyChangeAndNotBefore) {
  EXPECT_EQ(at(seconds(20)), Due::nothing);
  std::filesystem::remove(files.certificate);
  fails_at(seconds(30));
  EXPECT_EQ(at(seconds(40)), Due::nothing);
  Identity::make("b.example", KeyKind::ecdsa).save(dir, "a");
  EXPECT_EQ(at(seconds(50)), Due::reload);
  ASSERT_TRUE(keeper->reload());
  EXPECT_EQ(at(seconds(60)), Due::nothing);
}

TEST_F(BrokenFiles, AreTriedAgainWhenTheirRightsChange) {
  EXPECT_EQ(at(seconds(20)), Due::nothing);
  std::filesystem::permissions(files.certificate, std::filesystem::perms::owner_read);
  EXPECT_EQ(at(seconds(30)), Due::reload);
}

TEST_F(BrokenFiles, AreTriedAgainAfterAWhile) {
  EXPECT_EQ(at(seconds(600)), Due::nothing);
  fails_at(seconds(610));
  EXPECT_EQ(at(seconds(620)), Due::nothing);
}

}  // namespace
}  // namespace turnpike::server
