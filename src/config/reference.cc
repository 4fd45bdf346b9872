// etc/README.md.
#include "config/documents.h"
#include "config/environment.h"
#include "config/option.h"

namespace turnpike::config {
namespace {

std::string code(std::string_view text) {
  return "`" + std::string(text) + "`";
}

// A bar would end a table's cell.
std::string cell(std::string_view text) {
  std::string result;
  for (const char c : text) result += c == '|' ? std::string("\\|") : std::string(1, c);
  return result;
}

std::string names_of(const Option& option) {
  std::string text = code(option.name);
  if (option.letter != 0) text += " " + code(std::string("-") + option.letter);
  return text;
}

std::string value_of(const Option& option) {
  return option.placeholder.empty() ? "switch" : cell(option.placeholder);
}

std::string default_of(const Option& option) {
  if (!option.default_text.empty()) return code(option.default_text);
  return option.argument == Argument::flag ? code("off") : "none";
}

std::string our_options() {
  std::string text;
  for (const OptionGroup& group : option_groups()) {
    std::string rows;
    for (const Option& option : group.options) {
      const bool ours = option.support == Support::supported && option.alias_of.empty();
      if (!ours && option.support != Support::command_line) continue;
      rows += "| " + names_of(option) + " | " + value_of(option) + " | " + default_of(option) +
              " | " + cell(option.help) + " |\n";
    }
    if (rows.empty()) continue;
    text += "### " + std::string(group.title) + "\n\n";
    text += "| option | value | default | what it does |\n|---|---|---|---|\n" + rows + "\n";
  }
  return text;
}

std::string verdict_on(const Option& option) {
  switch (option.support) {
    case Support::supported:
      return option.alias_of.empty() ? "supported" : "supported as " + code(option.alias_of);
    case Support::already_so:
      return "already so";
    case Support::harmless:
      return "accepted, no effect";
    case Support::refused:
      return "refused";
    case Support::command_line:
      return "supported";
  }
  return "";
}

std::string options_of_coturn() {
  std::string text = "| option of coturn | here | why, and what instead |\n|---|---|---|\n";
  for (const OptionGroup& group : option_groups()) {
    for (const Option& option : group.options) {
      if (option.origin != Origin::coturn) continue;
      const bool is_above = option.support == Support::supported && option.alias_of.empty();
      text += "| " + names_of(option) + " | " + verdict_on(option) + " | " +
              (is_above ? std::string() : cell(option.help)) + " |\n";
    }
  }
  return text;
}

constexpr std::string_view kHead =
    R"(# Configuration reference

Written by `turnpike check --print-reference` from the table that the server itself reads; a test
compares the two.

## Where options come from

1. The file: `-c FILE`, or `/etc/turnpike/turnpike.conf` if it exists; `-n` reads none. coturn's
   `/etc/turnserver.conf` is read only when it is named: `turnpike serve -c /etc/turnserver.conf`.
2. Environment variables: `TURNPIKE_` and the option in capitals with `_` for `-`, such as
   `TURNPIKE_LISTENING_PORT=3478`. With `_FILE` behind it the variable names a file that holds the
   value, which suits secrets: `TURNPIKE_STATIC_AUTH_SECRET_FILE=/run/secrets/turn`. Options that
   may be repeated take one value a line. An empty variable counts as not set.
3. The command line: `--listening-port=3478`, `--listening-port 3478` or `-p 3478`.

A later source replaces what an earlier one says of an option. Where the option may be repeated
(`listening-ip`, `external-ip`, `static-auth-secret`, ...) that is its whole list: of a file's
addresses none is left once a variable names one. A `cert` replaces the `pkey` of earlier sources as
well. Three options add up instead, so that all that the three sources say counts: `user` (of two of
one name the later one), `allowed-peer-ip` and `denied-peer-ip`.

`turnpike check` takes the same options as `turnpike serve`, names every problem at once with its
line, and ends with 0 (all is well; warnings are allowed) or 2. `--print` shows the configuration in
force as a file, secrets masked. Nothing starts while there is an error: an option that is unknown,
malformed, or whose effect would be missing is never passed over.

## The file

One option a line: `name=value`, `name value`, or the name alone for a switch. Switches also take
`on`/`off`, `yes`/`no`, `1`/`0`, `true`/`false`, and the value counts. A `#` begins a comment at the
start of a line and after white space; anywhere else it belongs to the value. A value in double
quotes is taken as it stands between them.

Rates (`max-bps`, `bps-capacity`) are bytes per second, as in coturn: `3000000` and `3M` are the
same, and `24Mbit` is that rate in bits, which is how a rate is printed. A burst of 200 ms passes,
and a datagram that is larger still, for which what comes next has to wait; what is over the rate
is dropped, also for clients over TCP and TLS. Sessions that together want more than
`bps-capacity` get the same each. `turnpike user limit` sets `max-bps` and the quotas of one user
or of a realm in the database (coturn's table `turn_realm_option`); they count instead of those of
the file. A rate that changes, there or here, counts for sessions that run as well.

## Users

Without `user`, `static-auth-secret`, `userdb`, `no-auth` and `stun-only` the server uses the
database that `turnpike user add` writes, if it exists; with a file named by `-c`, else the database
that coturn would open (`/var/lib/turn/turndb`, `/var/db/turndb`, `/usr/local/var/db/turndb`). If
there is none either, a server without a file does not start, and one with a file starts with a
warning and refuses every allocation: it is never open to everybody unless `no-auth` says so.

## Realms

`realm` is the server's own. `turnpike realm add-origin ORIGIN --realm NAME` (coturn's table
`turn_origin_to_realm`) lets clients that send that ORIGIN be asked for a user of another realm:
its users, shared secrets, peer rules and limits in the database count for them, and quotas are
counted in each realm by itself. `user` is of the server's realm, `static-auth-secret` of every
one. An allocation never changes its realm.

## Third-party authorization

With `oauth` a client may show a token (RFC 7635) instead of a user's password. Keys are rows of
coturn's table `oauth_key`: `kid` (which clients give as their name), `ikm_key` in base64,
`as_rs_alg` (`A256GCM` or `A128GCM`), `timestamp` and `lifetime` in seconds (a lifetime of 0 is for
ever), and `realm` (empty: every one). A token is good in its lifetime, give or take 5 s, and a
session ends with it unless a Refresh brings another. All tokens of one `kid` are one user to
`user-quota`.

## Options

)";

constexpr std::string_view kCoturnHead =
    R"(## From coturn

Every option of coturn 4.5.2, 4.6.1 and 4.17.1. *Supported*: it means what it means there, by the
tables above. *Already so*: it asks for what is done anyway, and is accepted with a line in the
log; where it is a switch, `=off` is refused. *Refused*: its effect would be missing, so the server
does not start; a switch that is `=off` is accepted.

What differs although the name is the same:

- `relay-threads=0` is one worker per core, not a single thread; there is a warning.
- `use-auth-secret` works beside stored users, and `stale-nonce` is always in force.
- Anonymous access needs `no-auth`; leaving all credentials out does not open the server.
- `allowed-peer-ip` does not always beat `denied-peer-ip`: the narrowest range that holds the peer
  decides, and both take `ADDRESS/LENGTH` as well.
- Peers in private networks and multicast peers are refused unless an option allows them.
- `verbose` logs at level debug; the life of each session is logged without it.

)";

}  // namespace

std::string reference_text() {
  return std::string(kHead) + our_options() + std::string(kCoturnHead) + options_of_coturn();
}

}  // namespace turnpike::config
