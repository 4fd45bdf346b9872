// TCP, TLS and DTLS.
#include "config/option_values.h"
#include "config/options_groups.h"

namespace turnpike::config {
namespace {

constexpr uint64_t kMaxTimeout_s = 86'400;
constexpr uint64_t kMaxConnections = 1'000'000;

template <auto Member>
Complaint add_text(Config& config, std::string_view value) {
  if (value.empty()) return "must not be empty";
  (config.*Member).emplace_back(value);
  return {};
}

constexpr Option flag(std::string_view name, std::string_view help, Apply apply) {
  return {.name = name,
          .argument = Argument::flag,
          .default_text = "off",
          .help = help,
          .apply = apply};
}

constexpr Option kTls[] = {
    flag("no-udp", "No UDP and DTLS clients.", set_flag<&Config::no_udp>),
    flag("no-tcp", "No TCP and TLS clients.", set_flag<&Config::no_tcp>),
    flag("no-tls", "No TLS clients.", set_flag<&Config::no_tls>),
    flag("no-dtls", "No DTLS clients.", set_flag<&Config::no_dtls>),
    {.name = "cert",
     .repeat = Repeat::latest_source,
     .placeholder = "FILE",
     .help = "Certificate with its chain, in PEM; may be repeated, and the client's wish (SNI, key "
             "type) chooses. Default: a self-signed one, made in memory.",
     .apply = add_text<&Config::cert_paths>},
    {.name = "pkey",
     .repeat = Repeat::latest_source,
     .placeholder = "FILE",
     .help = "Private key of the certificate in the same place of the order, in PEM; without one "
             "the key is looked for in the certificate's file.",
     .apply = add_text<&Config::pkey_paths>},
    {.name = "pkey-pwd",
     .secrecy = Secrecy::secret,
     .placeholder = "PASSWORD",
     .help = "Password of the private keys.",
     .apply = set_text<&Config::pkey_password>},
    {.name = "CA-file",
     .placeholder = "FILE",
     .help = "Clients must show a certificate that is signed by one of these authorities (PEM).",
     .apply = set_text<&Config::ca_file_path>},
    {.name = "cipher-list",
     .placeholder = "CIPHERS",
     .help = "Ciphers in OpenSSL's form; names that begin with TLS_ are for TLS 1.3. Default: "
             "OpenSSL's.",
     .apply = set_text<&Config::cipher_list>},
    {.name = "ec-curve-name",
     .placeholder = "GROUPS",
     .help = "Key exchange groups, such as X25519:P-256. Default: OpenSSL's.",
     .apply = set_text<&Config::ec_curve_name>},
    flag("no-tlsv1_2", "TLS 1.3 only, and so no DTLS.", set_flag<&Config::no_tlsv1_2>),
    {.name = "max-allocate-timeout",
     .placeholder = "SECONDS",
     .default_text = "60",
     .help = "A TCP, TLS or DTLS client without an allocation is disconnected after this time.",
     .apply = set_number<&Config::max_allocate_timeout_s, 1, kMaxTimeout_s>},
    {.name = "max-connections-per-source",
     .origin = Origin::ours,
     .placeholder = "N",
     .default_text = "8192",
     .help = "TCP and TLS connections that one client address (IPv6: /56) may have, and as many of "
             "DTLS; 0 is no limit.",
     .apply = set_number<&Config::max_connections_per_source, 0, kMaxConnections>},
};

}  // namespace

std::span<const Option> tls_options() {
  return kTls;
}

}  // namespace turnpike::config
