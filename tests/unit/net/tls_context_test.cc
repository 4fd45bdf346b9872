#include "net/tls_context.h"

#include <algorithm>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <unistd.h>

#include "support/tls_peers.h"

namespace turnpike::net {
namespace {

using ::testing::HasSubstr;
using testing::Identity;
using testing::KeyKind;
using testing::TempDir;
using testing::TlsClient;

std::shared_ptr<const TlsContext> make(const TlsSettings& settings,
                                       const TlsContext* previous = nullptr) {
  auto made = TlsContext::make(settings, previous);
  EXPECT_TRUE(made) << (made ? "" : made.error());
  return made.value();
}

std::string refusal(const TlsSettings& settings) {
  const auto made = TlsContext::make(settings, nullptr);
  return made ? "accepted" : made.error();
}

// The name in the certificate that a client gets which asks for `host` ("": for none).
std::string name_for(const std::shared_ptr<const TlsContext>& context, const std::string& host,
                     const std::string& signature_algorithms = {}) {
  TlsChannel server(context);
  TlsClient client([&](SSL_CTX* setup) {
    if (!signature_algorithms.empty()) {
      SSL_CTX_set1_sigalgs_list(setup, signature_algorithms.c_str());
    }
  });
  if (!host.empty()) client.ask_for(host);
  client.talk(server);
  return client.server_name();
}

TEST(TlsContextTest, MakesASelfSignedCertificateWhenNoneIsConfigured) {
  const auto context = make({});
  EXPECT_TRUE(context->self_signed());
  EXPECT_EQ(context->certificates().front()->key_type(), EVP_PKEY_EC);
  EXPECT_EQ(name_for(context, ""), "turnpike");
}

TEST(TlsContextTest, KeepsItsSelfSignedCertificateOverAReload) {
  const auto before = make({});
  const auto after = make({}, before.get());
  EXPECT_EQ(before->certificates(), after->certificates());
}

TEST(TlsContextTest, ChoosesTheCertificateByTheNameTheClientAsksFor) {
  const TempDir dir;
  const auto context =
      make({.certificates = {Identity::make("a.example", KeyKind::ecdsa).save(dir, "a"),
                             Identity::make("*.b.example", KeyKind::ecdsa).save(dir, "b")}});
  EXPECT_EQ(name_for(context, "a.example"), "a.example");
  EXPECT_EQ(name_for(context, "turn.b.example"), "*.b.example");
}

TEST(TlsContextTest, PrefersTheCertificateThatSpellsTheNameOutToAWildcardBeforeIt) {
  const TempDir dir;
  const auto context =
      make({.certificates = {Identity::make("*.b.example", KeyKind::ecdsa).save(dir, "any"),
                             Identity::make("turn.b.example", KeyKind::ecdsa).save(dir, "one")}});
  EXPECT_EQ(name_for(context, "turn.b.example"), "turn.b.example");
  EXPECT_EQ(name_for(context, "other.b.example"), "*.b.example");
}

TEST(TlsContextTest, GivesTheFirstCertificateToWhoAsksForNoneOfOurNames) {
  const TempDir dir;
  const auto context =
      make({.certificates = {Identity::make("a.example", KeyKind::rsa).save(dir, "a"),
                             Identity::make("b.example", KeyKind::ecdsa).save(dir, "b")}});
  EXPECT_EQ(name_for(context, ""), "a.example");
  EXPECT_EQ(name_for(context, "c.example"), "a.example");
}

TEST(TlsContextTest, ServesRsaAndEcdsaSideBySide) {
  const TempDir dir;
  const auto context =
      make({.certificates = {Identity::make("a.example", KeyKind::rsa).save(dir, "rsa"),
                             Identity::make("a.example", KeyKind::ecdsa).save(dir, "ecdsa"),
                             Identity::make("b.example", KeyKind::rsa).save(dir, "b")}});
  for (const std::string host : {"", "a.example"}) {
    EXPECT_EQ(name_for(context, host, "RSA-PSS+SHA256"), "a.example") << host;
    EXPECT_EQ(name_for(context, host, "ECDSA+SHA256"), "a.example") << host;
  }
  EXPECT_EQ(name_for(context, "b.example", "RSA-PSS+SHA256"), "b.example");
}

TEST(TlsContextTest, ReadsCertificateAndKeyFromOneFile) {
  const TempDir dir;
  const Identity identity = Identity::make("a.example", KeyKind::ecdsa);
  const std::string path = dir.write("both", identity.certificate_pem + identity.key_pem);
  EXPECT_EQ(name_for(make({.certificates = {{path, {}, {}}}}), ""), "a.example");
}

TEST(TlsContextTest, SendsTheIntermediateCertificates) {
  const TempDir dir;
  const Identity root = Identity::make("root", KeyKind::ecdsa);
  const Identity leaf = Identity::make("a.example", KeyKind::ecdsa, &root);
  auto files = leaf.save(dir, "leaf");
  dir.write("leaf.crt", leaf.certificate_pem + root.certificate_pem);
  TlsChannel server(make({.certificates = {files}}));
  TlsClient client;
  client.talk(server);
  EXPECT_EQ(sk_X509_num(SSL_get_peer_cert_chain(client.ssl())), 2);
}

TEST(TlsContextTest, NamesTheFileThatIsNotThereAndTheUserWhoTried) {
  const std::string text = refusal({.certificates = {{"/no/such.crt", "/no/such.key", {}}}});
  EXPECT_THAT(text, HasSubstr("/no/such.crt: No such file or directory"));
  EXPECT_THAT(text, HasSubstr("tried as user " + effective_user()));
}

TEST(TlsContextTest, NamesEveryFileThatIsWrong) {
  const TempDir dir;
  const Identity good = Identity::make("a.example", KeyKind::ecdsa);
  auto keyless = good.save(dir, "keyless");
  dir.write("keyless.key", "nothing");
  const std::string text =
      refusal({.certificates = {{"/no/such.crt", {}, {}}, keyless}, .ca_file = "/no/ca"});
  EXPECT_THAT(text, HasSubstr("/no/such.crt"));
  EXPECT_THAT(text, HasSubstr(keyless.private_key + ": holds no private key in PEM form"));
  EXPECT_THAT(text, HasSubstr("/no/ca"));
}

// Root may read everything, so it becomes nobody for a while.
class AsNobody {
 public:
  AsNobody() : before_(::geteuid()) {
    constexpr uid_t kNobody = 65534;
    if (before_ == 0) {
      EXPECT_EQ(::seteuid(kNobody), 0);
    }
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;
  ~AsNobody() { EXPECT_EQ(::seteuid(before_), 0); }

 private:
  uid_t before_;
};

TEST(TlsContextTest, RefusesAFileItMayNotRead) {
  const TempDir dir;
  const auto files = Identity::make("a.example", KeyKind::ecdsa).save(dir, "a");
  std::filesystem::permissions(files.certificate, std::filesystem::perms::none);
  const AsNobody nobody;
  EXPECT_EQ(refusal({.certificates = {files}}),
            files.certificate + ": Permission denied (tried as user " + effective_user() + ")");
}

TEST(TlsContextTest, RefusesWhatIsNoRegularFile) {
  EXPECT_THAT(refusal({.certificates = {{"/dev/zero", {}, {}}}}), HasSubstr("not a regular file"));
  EXPECT_THAT(refusal({.certificates = {{"/tmp", {}, {}}}}), HasSubstr("not a regular file"));
}

TEST(TlsContextTest, RefusesAKeyThatBelongsToAnotherCertificate) {
  const TempDir dir;
  auto files = Identity::make("a.example", KeyKind::ecdsa).save(dir, "a");
  files.private_key = Identity::make("b.example", KeyKind::ecdsa).save(dir, "b").private_key;
  EXPECT_EQ(refusal({.certificates = {files}}),
            files.private_key + ": the private key does not belong to the certificate " +
                files.certificate);
}

TEST(TlsContextTest, RefusesADamagedChain) {
  const TempDir dir;
  const Identity identity = Identity::make("a.example", KeyKind::ecdsa);
  auto files = identity.save(dir, "a");
  std::string damaged = identity.certificate_pem + identity.certificate_pem;
  damaged[identity.certificate_pem.size() + 60] = '!';
  dir.write("a.crt", damaged);
  EXPECT_THAT(refusal({.certificates = {files}}), HasSubstr("chain is damaged"));
}

TEST(TlsContextTest, OpensAnEncryptedKeyOnlyWithItsPassword) {
  const TempDir dir;
  const Identity identity = Identity::make("a.example", KeyKind::ecdsa);
  auto files = identity.save(dir, "a");
  const BioPtr text(BIO_new_file(files.private_key.c_str(), "w"));
  PEM_write_bio_PKCS8PrivateKey(text.get(), identity.key.get(), EVP_aes_128_cbc(), "open sesame",
                                11, nullptr, nullptr);
  ASSERT_EQ(BIO_flush(text.get()), 1);
  EXPECT_THAT(refusal({.certificates = {files}}), HasSubstr("no password is configured"));
  files.password = "open barley";
  EXPECT_THAT(refusal({.certificates = {files}}),
              HasSubstr("password of the private key is wrong"));
  files.password = "open sesame";
  EXPECT_EQ(refusal({.certificates = {files}}), "accepted");
}

TEST(TlsContextTest, RefusesCipherAndGroupListsThatSelectNothing) {
  EXPECT_THAT(refusal({.cipher_list = "NO-SUCH"}), HasSubstr("cipher-list NO-SUCH"));
  EXPECT_THAT(refusal({.cipher_list = "TLS_NO_SUCH"}), HasSubstr("cipher-list TLS_NO_SUCH"));
  EXPECT_THAT(refusal({.groups = "no-such"}), HasSubstr("ec-curve-name no-such"));
}

TEST(TlsContextTest, AppliesCipherListToBothVersions) {
  const auto context = make(
      {.cipher_list = "ECDHE-ECDSA-CHACHA20-POLY1305:TLS_AES_128_GCM_SHA256", .groups = "P-384"});
  const auto cipher = [&context](int version) {
    TlsChannel server(context);
    TlsClient client([version](SSL_CTX* setup) { SSL_CTX_set_max_proto_version(setup, version); });
    client.talk(server);
    return std::string(server.cipher());
  };
  EXPECT_EQ(cipher(TLS1_2_VERSION), "ECDHE-ECDSA-CHACHA20-POLY1305");
  EXPECT_EQ(cipher(TLS1_3_VERSION), "TLS_AES_128_GCM_SHA256");
}

TEST(TlsContextTest, AgreesOnAnApplicationProtocol) {
  const auto context = make({});
  const auto chosen = [&context](std::string_view offer) {
    TlsChannel server(context);
    TlsClient client;
    SSL_set_alpn_protos(client.ssl(), as_bytes(offer).data(),
                        static_cast<unsigned int>(offer.size()));
    client.talk(server);
    EXPECT_EQ(server.state(), TlsState::open);
    return std::string(server.protocol());
  };
  EXPECT_EQ(chosen("\x08http/1.1\x09stun.turn"), "stun.turn");
  EXPECT_EQ(chosen("\x12stun.nat-discovery"), "stun.nat-discovery");
  EXPECT_EQ(chosen("\x12stun.nat-discovery\x09stun.turn"), "stun.turn");
}

TEST(TlsContextTest, GoesOnWithoutAlpnWhenNoOfferIsKnown) {
  TlsChannel server(make({}));
  TlsClient client;
  const std::string_view offer = "\x02h2\x08http/1.1";
  SSL_set_alpn_protos(client.ssl(), as_bytes(offer).data(),
                      static_cast<unsigned int>(offer.size()));
  client.talk(server);
  EXPECT_EQ(server.state(), TlsState::open);
  EXPECT_EQ(server.protocol(), "");
}

TEST(TlsContextTest, RefusesOldVersions) {
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    TlsChannel server(make({}));
    TlsClient client([version](SSL_CTX* setup) {
      SSL_CTX_set_security_level(setup, 0);
      SSL_CTX_set_min_proto_version(setup, version);
      SSL_CTX_set_max_proto_version(setup, version);
    });
    client.talk(server);
    EXPECT_EQ(server.state(), TlsState::failed);
  }
}

TEST(TlsContextTest, OffersNeitherTls12NorDtlsWhenTls13IsTheMinimum) {
  const auto context = make({.minimum = TlsMinimum::tls1_3});
  EXPECT_FALSE(context->offers_dtls());
  TlsChannel server(context);
  TlsClient client([](SSL_CTX* setup) { SSL_CTX_set_max_proto_version(setup, TLS1_2_VERSION); });
  client.talk(server);
  EXPECT_EQ(server.state(), TlsState::failed);
  EXPECT_EQ(server.failure(), "unsupported protocol");
}

TEST(TlsContextTest, SeesThatAFileHasChanged) {
  const TempDir dir;
  const auto files = Identity::make("a.example", KeyKind::ecdsa).save(dir, "a");
  const auto context = make({.certificates = {files}});
  EXPECT_FALSE(context->files_changed());
  Identity::make("b.example", KeyKind::ecdsa).save(dir, "new");
  std::filesystem::rename(dir.path("new.crt"), files.certificate);
  EXPECT_TRUE(context->files_changed());
}

TEST(TlsContextTest, SeesThatAFileHasGone) {
  const TempDir dir;
  const auto files = Identity::make("a.example", KeyKind::ecdsa).save(dir, "a");
  const auto context = make({.certificates = {files}});
  std::filesystem::remove(files.private_key);
  EXPECT_TRUE(context->files_changed());
}

// --- Client certificates ---

struct ClientCertificates : ::testing::Test {
  TempDir dir;
  Identity ca = Identity::make("ca", KeyKind::ecdsa);
  TlsSettings settings{.ca_file = dir.write("ca.crt", ca.certificate_pem)};

  // The state of the server after a handshake with a client that has that identity.
  TlsState meet(const Identity* identity, int version) {
    TlsChannel server(make(settings));
    TlsClient client([&](SSL_CTX* setup) {
      SSL_CTX_set_max_proto_version(setup, version);
      if (identity == nullptr) return;
      SSL_CTX_use_certificate(setup, identity->certificate.get());
      SSL_CTX_use_PrivateKey(setup, identity->key.get());
    });
    client.talk(server);
    return server.state();
  }
};

TEST_F(ClientCertificates, OneOfTheConfiguredAuthorityOpens) {
  const Identity client = Identity::make("client", KeyKind::ecdsa, &ca);
  EXPECT_EQ(meet(&client, TLS1_2_VERSION), TlsState::open);
  EXPECT_EQ(meet(&client, TLS1_3_VERSION), TlsState::open);
}

TEST_F(ClientCertificates, NoneFails) {
  EXPECT_EQ(meet(nullptr, TLS1_2_VERSION), TlsState::failed);
  EXPECT_EQ(meet(nullptr, TLS1_3_VERSION), TlsState::failed);
}

TEST_F(ClientCertificates, OneOfAnotherAuthorityFails) {
  const Identity client = Identity::make("client", KeyKind::ecdsa);
  EXPECT_EQ(meet(&client, TLS1_2_VERSION), TlsState::failed);
  EXPECT_EQ(meet(&client, TLS1_3_VERSION), TlsState::failed);
}

TEST_F(ClientCertificates, AFileWithoutCertificatesIsRefused) {
  settings.ca_file = dir.write("empty", "");
  EXPECT_THAT(refusal(settings), HasSubstr("CA-file " + settings.ca_file));
}

// --- Tickets ---

class Tickets : public ::testing::TestWithParam<int> {
 protected:
  // Whether the server resumed the session that the client last got (after which it has another).
  bool connect(const std::shared_ptr<const TlsContext>& context) {
    TlsChannel server(context);
    TlsClient client([](SSL_CTX* setup) { SSL_CTX_set_max_proto_version(setup, GetParam()); });
    if (session_ != nullptr) SSL_set_session(client.ssl(), session_.get());
    client.talk(server);
    client.read();  // Takes the tickets of TLS 1.3.
    EXPECT_EQ(server.state(), TlsState::open);
    const bool resumed = server.resumed();
    session_ = client.end_session();
    return resumed;
  }

  TlsState state_with_session(const std::shared_ptr<const TlsContext>& context) {
    TlsChannel server(context);
    TlsClient client([](SSL_CTX* setup) { SSL_CTX_set_max_proto_version(setup, GetParam()); });
    SSL_set_session(client.ssl(), session_.get());
    client.talk(server);
    return server.state();
  }

 private:
  SslSessionPtr session_;
};

TEST_P(Tickets, ResumeASession) {
  const auto context = make({});
  EXPECT_FALSE(connect(context));
  EXPECT_TRUE(connect(context));
}

TEST_P(Tickets, SurviveAReload) {
  const auto before = make({});
  EXPECT_FALSE(connect(before));
  EXPECT_TRUE(connect(make({}, before.get())));
}

TEST_P(Tickets, OfAnotherProcessAreOfNoUse) {
  EXPECT_FALSE(connect(make({})));
  EXPECT_FALSE(connect(make({})));
}

TEST_P(Tickets, AreOpenedByTheLastKeyAndNotByTheOneBefore) {
  const auto first = make({});
  const auto second = first->with_new_ticket_key();
  const auto third = second->with_new_ticket_key();
  EXPECT_FALSE(connect(first));
  EXPECT_TRUE(connect(second));
  // Which has renewed it, so the next key opens it too.
  EXPECT_TRUE(connect(third));
  EXPECT_FALSE(connect(first));
  EXPECT_FALSE(connect(third));
}

TEST_P(Tickets, DontCarryOverToOtherDemandsOnClients) {
  const TempDir dir;
  const Identity ca = Identity::make("ca", KeyKind::ecdsa);
  const auto open = make({});
  EXPECT_FALSE(connect(open));
  EXPECT_EQ(
      state_with_session(make({.ca_file = dir.write("ca.crt", ca.certificate_pem)}, open.get())),
      TlsState::failed);
}

INSTANTIATE_TEST_SUITE_P(Versions, Tickets, ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

}  // namespace
}  // namespace turnpike::net
